"""``workgate app`` and ``workgate app secret``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from workgate.cli.context import AsJson, Database, Lane, Org, duration, environment_of, run, show
from workgate.domain.oauth import Application, ApplicationType, ClientSecret, ConsentPolicy
from workgate.server import Workgate
from workgate.service.applications import NewApplication

commands = typer.Typer(no_args_is_help=True)
secret_commands = typer.Typer(no_args_is_help=True)

ClientIdArgument = Annotated[str, typer.Argument(help="The application's client_id.")]


@commands.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What users see on the consent page.")],
    org: Org,
    kind: Annotated[ApplicationType, typer.Option("--type", help="web, spa or machine.")],
    lane: Lane = "my",
    redirect_uri: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    rotate_refresh_tokens: Annotated[bool, typer.Option(help="A refresh token works once.")] = True,
    refresh_absolute: Annotated[str, typer.Option(help="90d, or never.")] = "never",
    refresh_inactivity: Annotated[str, typer.Option(help="30d, or never.")] = "never",
    code_seconds: Annotated[int, typer.Option(help="How long a code lives: 120 or 60.")] = 120,
    consent: Annotated[ConsentPolicy, typer.Option(help="never: users are not asked.")] = ConsentPolicy.ALWAYS,
    description: Annotated[str, typer.Option()] = "",
    description_url: Annotated[str, typer.Option()] = "",
    developer_name: Annotated[str, typer.Option()] = "",
    developer_email: Annotated[str, typer.Option()] = "",
    privacy_url: Annotated[str, typer.Option()] = "",
    logo: Annotated[Path | None, typer.Option(help="A PNG, JPEG or WebP file up to 256 KB.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Register an application; its client_secret is shown this once."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        registered = await workgate.registry.register(
            await environment_of(workgate, org, lane),
            NewApplication(
                name=name,
                type=kind,
                redirect_uris=redirect_uri or (),
                rotate_refresh_tokens=rotate_refresh_tokens,
                refresh_absolute_seconds=duration(refresh_absolute),
                refresh_inactivity_seconds=duration(refresh_inactivity),
                code_seconds=code_seconds,
                consent=consent,
                description=description,
                description_url=description_url,
                developer_name=developer_name,
                developer_email=developer_email,
                privacy_url=privacy_url,
                logo=None if logo is None else logo.read_bytes(),
            ),
        )
        result = _described(registered.application)
        if registered.client_secret is not None:
            result["client_secret"] = registered.client_secret
        return result

    result = run(database, work)
    lines = [f"client_id      {result['client_id']}"]
    if "client_secret" in result:
        lines.append(f"client_secret  {result['client_secret']}  (shown this once)")
    show(as_json, result, "\n".join(lines))


@commands.command("list")
def list_applications(org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """List an environment's applications."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        found = await workgate.registry.applications(await environment_of(workgate, org, lane))
        return [_described(application) for application in found]

    found = run(database, work)
    lines = [f"{row['client_id']}  {row['type']:8} {row['name']}" for row in found]
    show(as_json, {"applications": found}, "\n".join(lines) or "no applications")


@commands.command("show")
def show_application(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show an application."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        application = await workgate.registry.application(environment, client_id)
        return {**_described(application), "customer_id": environment.customer_id}

    result = run(database, work)
    show(as_json, result, "\n".join(f"{key:28} {value}" for key, value in result.items()))


@commands.command("delete")
def delete(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete an application: its codes, tokens and sessions end at once."""

    async def work(workgate: Workgate) -> None:
        await workgate.registry.delete(await environment_of(workgate, org, lane), client_id)

    run(database, work)
    show(as_json, {"client_id": client_id, "deleted": True}, f"{client_id} is deleted")


@secret_commands.command("add")
def add_secret(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    note: Annotated[str, typer.Option(help="At most 64 characters.")] = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Add a client secret; it is shown this once, and the others go on working."""

    async def work(workgate: Workgate) -> dict[str, Any]:
        environment = await environment_of(workgate, org, lane)
        secret, text = await workgate.registry.add_secret(environment, client_id, note)
        return {"client_id": client_id, "client_secret": text, **_described_secret(secret)}

    result = run(database, work)
    show(as_json, result, f"id {result['id']}\nclient_secret {result['client_secret']}  (shown this once)")


@secret_commands.command("delete")
def delete_secret(
    client_id: ClientIdArgument,
    secret_id: Annotated[str, typer.Argument(help="The secret's id, as 'app show' lists it.")],
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Delete a client secret; tokens that it fetched live on until they expire."""

    async def work(workgate: Workgate) -> None:
        environment = await environment_of(workgate, org, lane)
        await workgate.registry.delete_secret(environment, client_id, secret_id)

    run(database, work)
    show(as_json, {"client_id": client_id, "id": secret_id, "deleted": True}, f"secret {secret_id} is deleted")


def _described(application: Application) -> dict[str, Any]:
    return {
        "client_id": application.client_id,
        "name": application.name,
        "type": application.type.value,
        "redirect_uris": list(application.redirect_uris),
        "rotate_refresh_tokens": application.rotates,
        "refresh_absolute_seconds": application.refresh_absolute_seconds,
        "refresh_inactivity_seconds": application.refresh_inactivity_seconds,
        "code_seconds": application.code_seconds,
        "consent": application.consent.value,
        "description": application.description,
        "secrets": [_described_secret(secret) for secret in application.secrets],
    }


def _described_secret(secret: ClientSecret) -> dict[str, Any]:
    used = secret.last_used_at
    return {
        "id": str(secret.secret_id),
        "mask": "*" * 16 + secret.last_four,
        "note": secret.note,
        "created": _moment(secret.created_at),
        "last_used": None if used is None else _moment(used),
    }


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
