"""``workgate audit``."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from workgate.cli.context import AsJson, Database, Lane, Org, environment_of, run, show
from workgate.domain.audit import AuditRecord
from workgate.domain.problems import Problem
from workgate.server import Workgate

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
        return [_described(record) for record in found]

    found = run(database, work)
    show(as_json, found[0], "\n".join(_line(row) for row in found))


@commands.command("list")
def latest(
    org: Org,
    lane: Lane = "my",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List an environment's newest events."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        environment = await environment_of(workgate, org, lane)
        found = await workgate.database.audit.latest(environment.environment_id, limit)
        return [_described(record) for record in found]

    found = run(database, work)
    show(as_json, {"events": found}, "\n".join(_line(row) for row in found) or "nothing is recorded")


def _described(record: AuditRecord) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(record.at / 1000, UTC).isoformat(timespec="milliseconds"),
        "event": record.event.value,
        "actor": record.actor,
        "client_id": record.client_id,
        "address": record.address,
        "reference": record.reference,
        "reason": record.reason,
    }


def _line(row: dict[str, Any]) -> str:
    return "  ".join(str(row[name]) for name in ("at", "event", "reference", "reason") if row[name] is not None)
