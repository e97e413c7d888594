"""Short ways to set identity providers up in a test's Workgate, and to go there and back with a browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from tests.browser import Browser, World, query_of
from tests.providers.scripted import CLIENT_ID, SECRET, ScriptedProvider
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.domain.sso import IdentityProvider, ProviderKind, Provisioning
from workgate.service.acting import OPERATOR
from workgate.testing import StandIn


class Running(Protocol):
    """Something that holds a running Workgate."""

    @property
    def stand_in(self) -> StandIn:
        """It."""


def set_rules(world: Running, environment: Environment, sso: SsoMode, **more: Any) -> None:
    """Decide how an environment's people sign in."""
    opened = world.stand_in.workgate
    record = opened.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, environment)
    rules = SignInRules(sso=sso, **more)
    world.stand_in.run(opened.database.sign_in_rules.set_rules(environment.environment_id, rules, record=record))


def set_up(
    world: Running,
    provider: ScriptedProvider,
    environment: Environment | None = None,
    *,
    name: str = "Corporate",
    enabled: bool = True,
    secret: str | None = SECRET,
    provisioning: Provisioning = Provisioning(),  # noqa: B008 - a frozen value
    **protocol: Any,
) -> IdentityProvider:
    """Set a provider up, by default in the environment that was created first."""
    if environment is None:
        environment = world.stand_in.run(world.stand_in.workgate.database.environments.oldest_environment())
        assert environment is not None
    settings = {"issuer": provider.issuer, "client_id": CLIENT_ID, **protocol}
    created = world.stand_in.workgate.services.identity_providers.create(
        environment,
        ProviderKind.OIDC,
        name,
        settings,
        secret=secret,
        enabled=enabled,
        provisioning=provisioning,
        by=OPERATOR,
    )
    return world.stand_in.run(created)


def federate(world: World, row: IdentityProvider, subject: str, user: User) -> None:
    """Let a subject stand for a user of acme."""
    federate_in(world, world.acme, row, subject, user)


def federate_in(world: Running, environment: Environment, row: IdentityProvider, subject: str, user: User) -> None:
    """The same in any environment."""
    federations = world.stand_in.workgate.services.federations
    world.stand_in.run(federations.federate(environment, row, subject, user, by=OPERATOR))


@dataclass
class Trip:
    """A browser's way to a provider: what it was sent with."""

    browser: Browser
    row: IdentityProvider
    query: Mapping[str, str]
    address: str

    def back(self, code: str | None = None, **params: str | None) -> httpx.Response:
        """Come back with an answer; None leaves a parameter out."""
        answer = {"code": code, "state": self.query["state"], **params}
        return come_back(self.browser, self.row, {name: value for name, value in answer.items() if value is not None})


def go(browser: Browser, row: IdentityProvider, target: str = "/", how: str = "begin") -> Trip:
    """Begin a sign-in at a provider, up to its address."""
    answer = browser.http.get(f"/sso/{row.provider_id}/{how}", params={"next": target})
    assert answer.status_code == 302, answer.text
    location = answer.headers["location"]
    return Trip(browser, row, query_of(location), location)


def come_back(browser: Browser, row: IdentityProvider, params: Mapping[str, str]) -> httpx.Response:
    """Bring an answer to a provider's callback."""
    return browser.http.get(f"/sso/oidc/{row.provider_id}/callback", params=dict(params))


def private_reason(world: World) -> str:
    """Why the last sign-in was refused, as the audit log has it."""
    opened = world.stand_in.workgate
    world.stand_in.run(opened.database.engine.flush())
    records = world.stand_in.run(opened.database.audit.latest(world.acme.environment_id, 20))
    return next(record.reason or "" for record in records if record.event is AuditEvent.SIGN_IN_FAILED)


def who_is(browser: Browser) -> str | None:
    """The user name that a browser is signed in with."""
    answer = browser.http.get("/attask/api/v14.0/session")
    if answer.status_code != 200:
        return None
    return str(answer.json()["data"]["userID"])
