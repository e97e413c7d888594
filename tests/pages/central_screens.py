"""The central host's pages, and the setup pages of other organisations' applications."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.setup_screens import at
from tests.pages.site import Site
from tests.pages.steps import sign_in, words
from workgate.service.applications import Registered

Screen = Callable[[Page, Site], object]


def central_url(site: Site, registered: Registered, **more: str) -> str:
    """The address of an authorization request at the central host."""
    return site.authorize_url(registered, **more).replace(site.url, f"http://oauth.my.localhost:{site.stand_in.port}")


def name_organisation(page: Page, name: str) -> None:
    """Fill in the central host's page and press its button."""
    page.get_by_label(words(page, "Your organisation")).fill(name)
    page.get_by_role("button", name=words(page, "Continue")).click()


def _central(page: Page, site: Site) -> None:
    page.goto(central_url(site, site.offers.planwell))
    page.get_by_label(words(page, "Your organisation")).wait_for()


def _central_problem(page: Page, site: Site) -> None:
    _central(page, site)
    name_organisation(page, "acmee")
    page.locator("#organisation-error").wait_for()


def _central_remembered(page: Page, site: Site) -> None:
    page.goto(central_url(site, site.offers.boards))
    name_organisation(page, "acme")
    page.get_by_label(words(page, "User name")).wait_for()
    page.goto(central_url(site, site.offers.boards))
    page.get_by_role("link", name=words(page, "Another organisation")).wait_for()


def _central_error(page: Page, site: Site) -> None:
    page.goto(central_url(site, site.bare))
    page.get_by_role("heading", name=words(page, "This sign-in request cannot be used")).wait_for()


def _of_offer(path: str, name: str) -> Screen:
    def screen(page: Page, site: Site) -> None:
        at(path.format(id=getattr(site.offers, name).application.client_id))(page, site)

    return screen


def _owner(below: str) -> Screen:
    def screen(page: Page, site: Site) -> None:
        client_id = site.offers.boards.application.client_id
        page.goto(f"http://widetools.my.localhost:{site.stand_in.port}/setup/oauth2/{client_id}{below}")
        sign_in(page)
        page.get_by_role("heading", name="Boards").wait_for()

    return screen


CENTRAL_SCREENS: dict[str, Screen] = {
    "central": _central,
    "central-problem": _central_problem,
    "central-remembered": _central_remembered,
    "central-error": _central_error,
    "central-home": lambda page, site: page.goto(f"http://oauth.my.localhost:{site.stand_in.port}/"),
    "setup-available": at("/available"),
    "setup-install": _of_offer("/available/{id}/install", "planwell"),
    "setup-uninstall": _of_offer("/available/{id}/uninstall", "boards"),
    "setup-installed-connections": _of_offer("/{id}/connections", "boards"),
    "setup-edit-central": _owner(""),
    "setup-delete-central": _owner("/delete"),
}
