"""Another organisation, Widetools, whose applications acme may install: one that it has installed, and one that not."""

from dataclasses import dataclass
from pathlib import Path

from tests.browser import PASSWORD
from workgate.domain.accounts import Environment
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered
from workgate.testing import StandIn


@dataclass(frozen=True, slots=True)
class Offers:
    """What Widetools offers; Ann is an administrator there, too."""

    owner: Environment
    planwell: Registered
    """Not installed."""
    boards: Registered
    """Installed by acme."""


def offers_of_widetools(stand_in: StandIn, acme: Environment, redirect_uri: str, logo: Path) -> Offers:
    """Create the organisation with its applications."""
    (widetools,) = stand_in.create_org("widetools", name="Widetools")
    stand_in.create_user(widetools, "ann", PASSWORD, first_name="Ann", last_name="Archer", is_admin=True)
    planwell = stand_in.create_app(
        widetools,
        "Planwell",
        redirect_uris=[redirect_uri],
        description="Plans your week around your projects.",
        description_url="https://planwell.example/about",
        developer_name="Planwell's makers",
        developer_email="makers@planwell.example",
        privacy_url="https://planwell.example/privacy",
        logo=logo.read_bytes(),
    )
    boards = stand_in.create_app(widetools, "Boards", redirect_uris=[redirect_uri])
    central = stand_in.workgate.services.central
    for app in (planwell, boards):
        stand_in.run(central.set_central(widetools, app.application.client_id, central=True, by=OPERATOR))
    stand_in.run(central.install(acme, boards.application.client_id, by=OPERATOR))
    return Offers(widetools, planwell, boards)
