"""``workgate app``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from workgate.cli.app_credential_commands import ClientIdArgument
from workgate.cli.context import AsJson, Database, Lane, Org, duration, run_in, show
from workgate.domain.accounts import Environment
from workgate.domain.oauth import ApplicationType, ConsentPolicy
from workgate.domain.problems import Problem
from workgate.server import Workgate
from workgate.service import descriptions
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered
from workgate.service.definitions import ApplicationChanges, NewApplication

commands = typer.Typer(no_args_is_help=True)


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
    public_key: Annotated[Path | None, typer.Option(help="A machine's certificate or public key in PEM.")] = None,
    key_user: Annotated[str | None, typer.Option(help="The user name of whom that key speaks for.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Register an application; its client_secret is shown this once."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        if (public_key is None) != (key_user is None):
            raise Problem("--public-key and --key-user go together: a key speaks for a user")
        owner = None if key_user is None else await workgate.services.administration.user_named(environment, key_user)
        pem = None if public_key is None else public_key.read_text("ascii", errors="replace")
        registered = await workgate.services.registry.register(
            environment,
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
            by=OPERATOR,
        )
        if pem is not None:
            client_id = registered.application.client_id
            try:
                await workgate.services.application_keys.add(environment, client_id, pem, owner=owner, by=OPERATOR)
            except Problem:
                await workgate.services.registry.delete(environment, client_id, by=OPERATOR)
                raise
        return _with_secret(workgate, registered)

    _show_registered(as_json, run_in(org, lane, database, work))


@commands.command("update")
def update(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    name: Annotated[str | None, typer.Option()] = None,
    redirect_uri: Annotated[list[str] | None, typer.Option(help="All of them: replaces those that there are.")] = None,
    rotate_refresh_tokens: Annotated[bool | None, typer.Option(help="A refresh token works once.")] = None,
    refresh_absolute: Annotated[str | None, typer.Option(help="90d, or never.")] = None,
    refresh_inactivity: Annotated[str | None, typer.Option(help="30d, or never.")] = None,
    code_seconds: Annotated[int | None, typer.Option(help="How long a code lives: 120 or 60.")] = None,
    consent: Annotated[ConsentPolicy | None, typer.Option(help="never: users are not asked.")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    description_url: Annotated[str | None, typer.Option()] = None,
    developer_name: Annotated[str | None, typer.Option()] = None,
    developer_email: Annotated[str | None, typer.Option()] = None,
    privacy_url: Annotated[str | None, typer.Option()] = None,
    logo: Annotated[Path | None, typer.Option(help="A PNG, JPEG or WebP file up to 256 KB.")] = None,
    no_logo: Annotated[bool, typer.Option("--no-logo", help="Take the logo away.")] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Change an application; what is not named stays as it is."""
    named = {
        "name": name,
        "redirect_uris": redirect_uri or None,
        "rotate_refresh_tokens": rotate_refresh_tokens,
        "code_seconds": code_seconds,
        "consent": consent,
        "description": description,
        "description_url": description_url,
        "developer_name": developer_name,
        "developer_email": developer_email,
        "privacy_url": privacy_url,
    }
    times = {"refresh_absolute_seconds": refresh_absolute, "refresh_inactivity_seconds": refresh_inactivity}

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        fields: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
        fields |= {key: duration(text) for key, text in times.items() if text is not None}
        if logo is not None or no_logo:
            fields["logo"] = None if logo is None else logo.read_bytes()
        changed = await workgate.services.registry.update(
            environment, client_id, ApplicationChanges(**fields), by=OPERATOR
        )
        return dict(to_builtins(descriptions.show_application(changed, workgate.clock.now())))

    show(as_json, run_in(org, lane, database, work), f"{client_id} is changed")


@commands.command("promote")
def promote(
    client_id: ClientIdArgument,
    org: Org,
    to: Annotated[str, typer.Option("--to", help="The lane to copy it to.")],
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Copy an application's definition to another lane, where it gets an ID and a secret of its own."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        return _with_secret(workgate, await workgate.services.registry.promote(environment, client_id, to, by=OPERATOR))

    _show_registered(as_json, run_in(org, lane, database, work))


@commands.command("connections")
def connections(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[str, typer.Option(help="The user ID that 'following' named.")] = "",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say for whom an application may act."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        count = await workgate.services.connections.count(environment, client_id, by=OPERATOR)
        page = await workgate.services.connections.of_application(
            environment, client_id, after=after, limit=limit, by=OPERATOR
        )
        return dict(to_builtins(descriptions.show_connections(count, page.connections, page.following)))

    result = run_in(org, lane, database, work)
    lines = [
        f"{row['username']:30} since {row['since']}  last used {row['last_used']}" for row in result["connections"]
    ]
    more = " or more" if result["more"] else ""
    lines.append(f"{result['users']}{more} users, {result['expiring']} of them expire within 14 days")
    show(as_json, result, "\n".join(lines))


@commands.command("list")
def list_applications(org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """List an environment's applications."""

    async def work(workgate: Workgate, environment: Environment) -> list[dict[str, Any]]:
        found = await workgate.services.registry.applications(environment, by=OPERATOR)
        now = workgate.clock.now()
        return [to_builtins(descriptions.show_application(application, now)) for application in found]

    found = run_in(org, lane, database, work)
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

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        application = await workgate.services.registry.application(environment, client_id, by=OPERATOR)
        shown = descriptions.show_application(application, workgate.clock.now(), environment.customer_id)
        return dict(to_builtins(shown))

    result = run_in(org, lane, database, work)
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

    async def work(workgate: Workgate, environment: Environment) -> None:
        await workgate.services.registry.delete(environment, client_id, by=OPERATOR)

    run_in(org, lane, database, work)
    show(as_json, {"client_id": client_id, "deleted": True}, f"{client_id} is deleted")


def _with_secret(workgate: Workgate, registered: Registered) -> dict[str, Any]:
    shown = descriptions.show_registered(registered.application, registered.client_secret, workgate.clock.now())
    return dict(to_builtins(shown))


def _show_registered(as_json: bool, result: dict[str, Any]) -> None:
    lines = [f"client_id      {result['client_id']}"]
    if "client_secret" in result:
        lines.append(f"client_secret  {result['client_secret']}  (shown this once)")
    show(as_json, result, "\n".join(lines))
