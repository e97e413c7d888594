"""``workgate audit``."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, run, show
from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditFilter, AuditPage
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.problems import Problem
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.audit_queries import described, json_line

commands = typer.Typer(no_args_is_help=True)


@commands.command("show")
def show_reference(
    reference: Annotated[str, typer.Argument(help="As an error showed it: ABCD-1234.")],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say what exactly was wrong when an error showed this reference."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        found = await workgate.database.audit.by_reference(reference.strip().upper())
        if not found:
            raise Problem(f"nothing is recorded under the reference {reference!r}")
        return [described(record) for record in found]

    found = run(database, work)
    show(as_json, found[0], "\n".join(_line(row) for row in found))


Event = Annotated[AuditEvent | None, typer.Option(help="Only events of this kind.")]
Actor = Annotated[str | None, typer.Option(help="Only what this user did, by user name.")]
App = Annotated[str | None, typer.Option("--app", help="Only of the application with this client_id.")]
Address = Annotated[str | None, typer.Option(help="Only from this IP address.")]
Reference = Annotated[str | None, typer.Option(help="Only what an error showed this reference for.")]
Since = Annotated[datetime | None, typer.Option("--from", help="Only from this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option("--to", help="Only before this time (UTC).")]


@commands.command("list")
def latest(
    org: Org,
    lane: Lane = "my",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    before: Annotated[int | None, typer.Option(help="Only older ones than this: what 'following' named.")] = None,
    event: Event = None,
    actor: Actor = None,
    app: App = None,
    address: Address = None,
    reference: Reference = None,
    since: Since = None,
    until: Until = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List an environment's events, newest first."""

    async def work(workgate: Workgate) -> AuditPage:
        environment = await environment_of(workgate, org, lane)
        wanted = await _filter(workgate, environment, event, actor, app, address, reference, since, until)
        place = None if before is None else RowId(before)
        return await workgate.services.audit_queries.page(environment, wanted, before=place, limit=limit, by=OPERATOR)

    page = run(database, work)
    found = [described(record) for record in page.records]
    result = {"events": found, "following": None if page.following is None else str(page.following)}
    nothing = "nothing is recorded" if page.following is None else f"none; go on with --before {page.following}"
    show(as_json, result, "\n".join(_line(row) for row in found) or nothing)


@commands.command("export")
def export(
    org: Org,
    lane: Lane = "my",
    event: Event = None,
    actor: Actor = None,
    app: App = None,
    address: Address = None,
    since: Since = None,
    until: Until = None,
    database: Database = None,
) -> None:
    """Write an environment's events to standard output, newest first: a JSON object on each line."""

    async def work(workgate: Workgate) -> None:
        environment = await environment_of(workgate, org, lane)
        wanted = await _filter(workgate, environment, event, actor, app, address, None, since, until)
        async for record in workgate.services.audit_queries.export(environment, wanted, by=OPERATOR):
            sys.stdout.write(json_line(record).decode())

    run(database, work)


async def _filter(
    workgate: Workgate,
    environment: Environment,
    event: AuditEvent | None,
    actor: str | None,
    app: str | None,
    address: str | None,
    reference: str | None,
    since: datetime | None,
    until: datetime | None,
) -> AuditFilter:
    user = None if actor is None else await workgate.services.administration.user_named(environment, actor)
    return AuditFilter(
        event=event,
        actor=None if user is None else user.user_id,
        client_id=app,
        address=address,
        reference=None if reference is None else reference.strip().upper(),
        since=_instant(since),
        until=_instant(until),
    )


def _instant(moment: datetime | None) -> Milliseconds | None:
    return None if moment is None else Milliseconds(int(moment.replace(tzinfo=UTC).timestamp() * 1000))


def _line(row: dict[str, Any]) -> str:
    return "  ".join(str(row[name]) for name in ("at", "event", "reference", "reason") if row[name] is not None)
