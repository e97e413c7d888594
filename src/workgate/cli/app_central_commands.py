"""``workgate app central``, ``available``, ``install`` and ``uninstall``: applications for every organisation."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from workgate.cli.app_credential_commands import ClientIdArgument
from workgate.cli.context import AsJson, Database, Lane, Org, run_in, show
from workgate.domain.accounts import Environment
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.descriptions import show_application, show_offered


class Switch(StrEnum):
    """Whether something is to be so."""

    ON = "on"
    OFF = "off"


def central(
    client_id: ClientIdArgument,
    switch: Annotated[Switch, typer.Argument(help="on: every organisation of the lane may install it.")],
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let every organisation of the lane install an application, or take it from all who did."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        changed = await workgate.services.central.set_central(
            environment, client_id, central=switch is Switch.ON, by=OPERATOR
        )
        return dict(to_builtins(show_application(changed, workgate.clock.now())))

    word = "available to every organisation" if switch is Switch.ON else "for its own organisation only"
    show(as_json, run_in(org, lane, database, work), f"{client_id} is {word}")


def available(org: Org, lane: Lane = "my", database: Database = None, as_json: AsJson = False) -> None:
    """List the applications of other organisations that an organisation may install."""

    async def work(workgate: Workgate, environment: Environment) -> list[dict[str, Any]]:
        found = await workgate.services.central.available(environment, by=OPERATOR)
        return [to_builtins(show_offered(one)) for one in found]

    found = run_in(org, lane, database, work)
    lines = [
        f"{row['client_id']}  {'installed' if row['installed'] else '':9}  {row['name']}, of {row['owner_domain']}"
        for row in found
    ]
    show(as_json, {"applications": found}, "\n".join(lines) or "no applications")


def install(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Install another organisation's application: the users of this one can connect it."""

    async def work(workgate: Workgate, environment: Environment) -> dict[str, Any]:
        return dict(
            to_builtins(show_offered(await workgate.services.central.install(environment, client_id, by=OPERATOR)))
        )

    result = run_in(org, lane, database, work)
    show(as_json, result, f"{result['name']}, of {result['owner_domain']}, is installed")


def uninstall(
    client_id: ClientIdArgument,
    org: Org,
    lane: Lane = "my",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Uninstall another organisation's application: its access to this one ends at once."""

    async def work(workgate: Workgate, environment: Environment) -> None:
        await workgate.services.central.uninstall(environment, client_id, by=OPERATOR)

    run_in(org, lane, database, work)
    show(as_json, {"client_id": client_id, "uninstalled": True}, f"{client_id} is uninstalled")
