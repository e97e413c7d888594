"""The central host in tests: a browser there, and applications that are given to every organisation."""

from dataclasses import dataclass

import httpx

from tests.browser import AUTHORIZE, Browser, World, authorize_params, form_fields
from workgate.domain.accounts import Environment
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered

ORGANISATION = "/integrations/oauth2/organisation"


@dataclass
class Central:
    """A browser at the central host of a lane."""

    world: World
    http: httpx.Client

    def ask(self, app: Registered, **more: str) -> httpx.Response:
        """Open an authorization request of an application."""
        return self.http.get(AUTHORIZE, params=authorize_params(app, **more))

    def choose(self, page: httpx.Response, typed: str | None = None, **more: str) -> httpx.Response:
        """Send the page's form; without a name, the one that the browser remembers."""
        fields = form_fields(page.text, ORGANISATION)
        if typed is not None:
            fields["organisation"] = typed
        return self.http.post(ORGANISATION, data={**fields, **more})

    def follow(self, answer: httpx.Response, environment: Environment) -> tuple[Browser, str]:
        """Go where the answer leads, which must be the organisation's host; a browser there, and path and query."""
        assert answer.status_code == 303, answer.text
        url = httpx.URL(answer.headers["location"])
        assert url.host == f"{environment.domain}.{environment.lane}.localhost"
        assert (url.scheme, url.port) == ("http", self.world.stand_in.port)
        return self.world.browser(environment), url.raw_path.decode()


def central(world: World, lane: str = "my", host: str = "oauth.{lane}.localhost:{port}") -> Central:
    """A fresh browser at a lane's central host."""
    made = world.http()
    made.base_url = httpx.URL(f"http://127.0.0.1:{world.stand_in.port}")
    made.headers["Host"] = host.format(lane=lane, port=world.stand_in.port)
    return Central(world, made)


def share(world: World, app: Registered, environment: Environment | None = None, *, shared: bool = True) -> Registered:
    """Have the operator let every organisation install an application, or no longer."""
    service = world.stand_in.workgate.central
    where, client_id = environment or world.acme, app.application.client_id
    world.stand_in.run(service.set_central(where, client_id, central=shared, by=OPERATOR))
    return app


def install(world: World, app: Registered, environment: Environment | None = None) -> Registered:
    """Have it installed, by default in globex."""
    service = world.stand_in.workgate.central
    world.stand_in.run(service.install(environment or world.globex, app.application.client_id, by=OPERATOR))
    return app


def uninstall(world: World, app: Registered, environment: Environment | None = None) -> None:
    """Have it uninstalled."""
    service = world.stand_in.workgate.central
    world.stand_in.run(service.uninstall(environment or world.globex, app.application.client_id, by=OPERATOR))
