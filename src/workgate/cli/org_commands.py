"""``workgate org``."""

from typing import Annotated, Any

import typer

from workgate.cli.context import AsJson, Database, duration, run, show
from workgate.server import Workgate

commands = typer.Typer(no_args_is_help=True)


@commands.command("create")
def create(
    domain: Annotated[str, typer.Argument(help="The first label of the organisation's host names.")],
    name: Annotated[str, typer.Option("--name", help="What pages call the organisation.")] = "",
    lane: Annotated[list[str] | None, typer.Option("--lane", help="A lane; may be repeated. Default: my")] = None,
    session_idle: Annotated[str, typer.Option(help="Sessions end when unused for so long.")] = "8h",
    session_absolute: Annotated[str, typer.Option(help="Sessions end after so long at the latest.")] = "7d",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create an organisation's environments."""

    async def work(workgate: Workgate) -> list[dict[str, Any]]:
        created = await workgate.services.administration.create_environments(
            domain,
            lane or ["my"],
            name=name,
            session_idle_seconds=_seconds(session_idle),
            session_absolute_seconds=_seconds(session_absolute),
        )
        return [{"lane": made.lane, "customer_id": made.customer_id} for made in created]

    environments = run(database, work, may_begin=True)
    lines = [f"{domain}.{made['lane']}  customer_id {made['customer_id']}" for made in environments]
    result = {
        "domain": domain,
        "name": name or domain,
        "customer_id": environments[0]["customer_id"],
        "environments": environments,
    }
    show(as_json, result, "\n".join(lines))


def _seconds(text: str) -> int:
    seconds = duration(text)
    return 2**31 - 1 if seconds is None else seconds
