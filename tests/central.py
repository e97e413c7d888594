"""The central host in tests: a browser there, and applications that other organisations have installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.browser import (
    AUTHORIZE,
    PASSWORD,
    REDIRECT_URI,
    VERIFIER,
    Browser,
    World,
    a_world,
    authorize_params,
    form_fields,
    query_of,
)
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
    service = world.stand_in.workgate.services.central
    where, client_id = environment or world.acme, app.application.client_id
    world.stand_in.run(service.set_central(where, client_id, central=shared, by=OPERATOR))
    return app


def install(world: World, app: Registered, environment: Environment | None = None) -> Registered:
    """Have it installed, by default in globex."""
    service = world.stand_in.workgate.services.central
    world.stand_in.run(service.install(environment or world.globex, app.application.client_id, by=OPERATOR))
    return app


def uninstall(world: World, app: Registered, environment: Environment | None = None) -> None:
    """Have it uninstalled."""
    service = world.stand_in.workgate.services.central
    world.stand_in.run(service.uninstall(environment or world.globex, app.application.client_id, by=OPERATOR))


@contextmanager
def a_crowded_world() -> Iterator[World]:
    """A world without the limits that many tests meet, in which globex has an administrator, too: Gus."""
    with a_world(
        sign_in_failures_per_address=100_000, client_failures=100_000, applications_per_environment=100
    ) as made:
        made.stand_in.create_user(made.globex, "gus", PASSWORD, first_name="Gus", is_admin=True)
        yield made


@dataclass
class Installed:
    """An application of acme that globex installed, with Ann of globex connected."""

    world: World
    app: Registered
    ann: Browser
    pair: dict[str, Any]

    @property
    def client_id(self) -> str:
        """Its one client ID."""
        return self.app.application.client_id

    def code(self) -> str:
        """Ann of globex allows it."""
        page = self.ann.authorize(**authorize_params(self.app))
        assert page.status_code == 200, page.text
        return query_of(self.ann.decide(page).headers["location"])["code"]

    def redeem(self, code: str, **more: Any) -> httpx.Response:
        """Exchange a code at globex."""
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        if self.app.application.is_public:
            grant["code_verifier"] = VERIFIER
        return self.world.token(self.app, grant, self.world.globex, **more)

    def refresh(self, **more: Any) -> httpx.Response:
        """Refresh at globex."""
        grant = {"grant_type": "refresh_token", "refresh_token": self.pair["refresh_token"]}
        answer = self.world.token(self.app, grant, self.world.globex, **more)
        if answer.status_code == 200:
            self.pair = dict(answer.json())
        return answer

    def works(self) -> bool:
        """Whether the session opens globex' API."""
        return self.world.works(self.pair["access_token"], self.world.globex)


def connected(world: World, app: Registered) -> Installed:
    """Have Ann of globex allow it."""
    ann = world.browser(world.globex)
    assert ann.sign_in().status_code == 303
    made = Installed(world, app, ann, {})
    made.pair = dict(made.redeem(made.code()).json())
    assert made.works()
    return made


def dead(sync: Installed) -> bool:
    """Neither its session nor its refresh token is worth anything at globex."""
    works, refresh = sync.works(), sync.refresh()
    assert works == (refresh.status_code == 200)
    return not works


def authorize(world: World, app: Registered, environment: Environment | None = None) -> httpx.Response:
    """An authorization request of somebody who is not signed in, by default at globex."""
    return world.http(environment or world.globex).get(AUTHORIZE, params=authorize_params(app))
