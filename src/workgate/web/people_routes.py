"""The addresses of the setup pages of people and of how they sign in. Every one of them is for administrators only."""

from typing import Protocol

from starlette.routing import BaseRoute

from workgate.domain.ids import Clock
from workgate.service.people import People
from workgate.service.sign_in_rules import SignInAdministration
from workgate.web import people, sign_in_rules
from workgate.web.browser import Browsers
from workgate.web.entrance import Entrance
from workgate.web.pages import Pages
from workgate.web.people import PeoplePages
from workgate.web.setup_page import SetupPages
from workgate.web.sign_in_rules import SignInRulesPage


class PeopleParts(Protocol):
    """What these pages are made of."""

    @property
    def people(self) -> People:
        """Users."""

    @property
    def sign_in(self) -> SignInAdministration:
        """The rules of signing in."""

    @property
    def clock(self) -> Clock:
        """The time."""


def people_routes(parts: PeopleParts, browsers: Browsers, pages: Pages, entrance: Entrance) -> list[BaseRoute]:
    """Make the routes of all of them."""
    of_people = SetupPages(browsers=browsers, pages=pages, done=people.DONE)
    of_rules = SetupPages(browsers=browsers, pages=pages, done=sign_in_rules.DONE)
    return [
        *PeoplePages(setup=of_people, people=parts.people, clock=parts.clock).routes(entrance),
        *SignInRulesPage(setup=of_rules, administration=parts.sign_in).routes(entrance),
    ]
