"""``workgate app secret`` and ``workgate app key``."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from workgate.cli.context import AsJson, Database, Lane, Org, run_in, show
from workgate.domain.accounts import Environment
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.descriptions import show_key, show_new_secret, show_secret

secret_commands = typer.Typer(no_args_is_help=True)
key_commands = typer.Typer(no_args_is_help=True)

ClientIdArgument = Annotated[str, typer.Argument(help="The application's client_id.")]
KeyUser = Annotated[str, typer.Option("--user", help="The user name of whom the key speaks for.")]
SecretId = Annotated[str, typer.Argument(help="The secret's id, as 'app show' lists it.")]
Note = Annotated[str, typer.Option(help="At most 64 characters.")]


@secret_commands.command("add")
def add_secret(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    note: Note = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Add a client secret; it is shown this once, and the others go on working."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        secret, text = await workgate.services.registry.add_secret(environment, client_id, note, by=OPERATOR)
        return dict(to_builtins(show_new_secret(client_id, secret, text)))

    result = run_in(org, lane, database, work)
    show(as_json, result, f"id {result['id']}\nclient_secret {result['client_secret']}  (shown this once)")


@secret_commands.command("note")
def note_secret(
    client_id: ClientIdArgument,
    secret_id: SecretId,
    note: Annotated[str, typer.Argument(help="At most 64 characters.")],
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Give a client secret another note."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        secret = await workgate.services.registry.note_secret(environment, client_id, secret_id, note, by=OPERATOR)
        application = await workgate.services.registry.application(environment, client_id, by=OPERATOR)
        return dict(to_builtins(show_secret(secret, application.secrets, workgate.clock.now())))

    show(as_json, run_in(org, lane, database, work), f"secret {secret_id} has another note")


@secret_commands.command("delete")
def delete_secret(
    client_id: ClientIdArgument,
    secret_id: SecretId,
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete a client secret; tokens that it fetched live on until they expire."""

    async def work(workgate: Workgate, environment: Environment) -> None:
        await workgate.services.registry.delete_secret(environment, client_id, secret_id, by=OPERATOR)

    run_in(org, lane, database, work)
    show(as_json, {"client_id": client_id, "id": secret_id, "deleted": True}, f"secret {secret_id} is deleted")


@key_commands.command("add")
def add_key(
    client_id: ClientIdArgument,
    file: Annotated[Path, typer.Argument(help="A certificate or public key in PEM.")],
    org: Org,
    user: KeyUser,
    lane: Lane = "my",
    note: Note = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Add a public key of a user to a machine-to-machine application."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        owner = await workgate.services.administration.user_named(environment, user)
        pem = file.read_text("ascii", errors="replace")
        key = await workgate.services.application_keys.add(
            environment, client_id, pem, note=note, owner=owner, by=OPERATOR
        )
        return dict(to_builtins(show_key(key)))

    result = run_in(org, lane, database, work)
    show(as_json, result, f"id {result['id']}\nsub {result['user_id']}\nSHA-256 {result['fingerprint']}")


@key_commands.command("generate")
def generate_key(
    client_id: ClientIdArgument,
    org: Org,
    user: KeyUser,
    out: Annotated[Path, typer.Option("--out", help="A new file for the private half, which is kept nowhere else.")],
    lane: Lane = "my",
    note: Note = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a key pair: its public half is added, its private one written to a file, this once."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        owner = await workgate.services.administration.user_named(environment, user)
        # The file first: of a key that cannot be written down nothing is to be added.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as lines:
            try:
                made = await workgate.services.application_keys.generate(
                    environment, client_id, note=note, owner=owner, by=OPERATOR
                )
            except BaseException:
                out.unlink()
                raise
            lines.write(made.private_key)
        return {**to_builtins(show_key(made.key)), "private_key_file": str(out)}

    result = run_in(org, lane, database, work)
    show(as_json, result, f"id {result['id']}\nsub {result['user_id']}\nprivate half in {result['private_key_file']}")


@key_commands.command("list")
def list_keys(
    client_id: ClientIdArgument, org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False
) -> None:
    """List an application's public keys."""

    async def work(workgate: Workgate, environment: Environment) -> list[dict[str, Any]]:
        keys = await workgate.services.application_keys.keys(environment, client_id, by=OPERATOR)
        return [to_builtins(show_key(key)) for key in keys]

    found = run_in(org, lane, database, work)
    lines = [f"{row['id']}  {row['bits']} bits  sub {row['user_id']}  {row['note']}" for row in found]
    show(as_json, {"keys": found}, "\n".join(lines) or "no keys")


@key_commands.command("delete")
def delete_key(
    client_id: ClientIdArgument,
    key_id: Annotated[str, typer.Argument(help="The key's id, as 'app key list' gives it.")],
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete a public key; sessions that it opened live on until they expire."""

    async def work(workgate: Workgate, environment: Environment) -> None:
        await workgate.services.application_keys.delete(environment, client_id, key_id, by=OPERATOR)

    run_in(org, lane, database, work)
    show(as_json, {"client_id": client_id, "id": key_id, "deleted": True}, f"key {key_id} is deleted")
