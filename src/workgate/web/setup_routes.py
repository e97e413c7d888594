"""The addresses of the setup pages. Every one of them is for administrators only."""

from typing import Protocol

from starlette.routing import BaseRoute, Route

from workgate.domain.ids import Clock
from workgate.domain.ports import UserStore
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.central import CentralApplications
from workgate.service.connections import Connections
from workgate.web.browser import Browsers
from workgate.web.entrance import AdministratorPage, Entrance
from workgate.web.pages import Pages
from workgate.web.setup import ApplicationPages
from workgate.web.setup_available import AVAILABLE_PATH, AvailablePages
from workgate.web.setup_credentials import KeyPages, SecretPages
from workgate.web.setup_page import DONE, SETUP_PATH, SetupPages


class SetupParts(Protocol):
    """What the setup pages are made of."""

    @property
    def registry(self) -> Registry:
        """Applications and secrets."""

    @property
    def application_keys(self) -> ApplicationKeys:
        """Public keys."""

    @property
    def connections(self) -> Connections:
        """Who connected what."""

    @property
    def central(self) -> CentralApplications:
        """Applications of other organisations, and to whom one's own are available."""

    @property
    def users(self) -> UserStore:
        """Who owns a key."""

    @property
    def clock(self) -> Clock:
        """The time."""


def setup_routes(parts: SetupParts, browsers: Browsers, pages: Pages, entrance: Entrance) -> list[BaseRoute]:
    """Make the routes of all setup pages."""
    setup = SetupPages(browsers=browsers, pages=pages, done=DONE)
    apps = ApplicationPages(setup=setup, registry=parts.registry, connections=parts.connections, central=parts.central)
    others = AvailablePages(setup=setup, central=parts.central, connections=parts.connections)
    secrets = SecretPages(setup=setup, registry=parts.registry, clock=parts.clock)
    keys = KeyPages(setup=setup, registry=parts.registry, keys=parts.application_keys, users=parts.users)
    one = SETUP_PATH + "/{client_id}"
    table: tuple[tuple[str, str, AdministratorPage], ...] = (
        ("GET", SETUP_PATH, apps.overview),
        ("GET", f"{SETUP_PATH}/new", apps.choose),
        ("GET", f"{SETUP_PATH}/new/{{type}}", apps.new),
        ("POST", f"{SETUP_PATH}/new/{{type}}", apps.create),
        ("GET", AVAILABLE_PATH, others.overview),
        ("GET", f"{AVAILABLE_PATH}/{{client_id}}/logo", others.logo),
        ("GET", f"{AVAILABLE_PATH}/{{client_id}}/install", others.ask_to_install),
        ("POST", f"{AVAILABLE_PATH}/{{client_id}}/install", others.install),
        ("GET", f"{AVAILABLE_PATH}/{{client_id}}/uninstall", others.ask_to_uninstall),
        ("POST", f"{AVAILABLE_PATH}/{{client_id}}/uninstall", others.uninstall),
        ("GET", one, apps.show),
        ("POST", one, apps.change),
        ("GET", f"{one}/delete", apps.ask_to_delete),
        ("POST", f"{one}/delete", apps.delete),
        ("GET", f"{one}/copy", apps.choose_lane),
        ("POST", f"{one}/copy", apps.copy),
        ("GET", f"{one}/secrets", secrets.show),
        ("POST", f"{one}/secrets", secrets.add),
        ("POST", f"{one}/secrets/{{secret_id}}/note", secrets.note),
        ("GET", f"{one}/secrets/{{secret_id}}/delete", secrets.ask_to_delete),
        ("POST", f"{one}/secrets/{{secret_id}}/delete", secrets.delete),
        ("GET", f"{one}/keys", keys.show),
        ("POST", f"{one}/keys", keys.add),
        ("POST", f"{one}/keys/generate", keys.generate),
        ("GET", f"{one}/keys/{{key_id}}/delete", keys.ask_to_delete),
        ("POST", f"{one}/keys/{{key_id}}/delete", keys.delete),
    )
    return [
        Route(path, entrance.administrators(handler, keeps_entries=True, back=SETUP_PATH), methods=[method])
        for method, path, handler in table
    ]
