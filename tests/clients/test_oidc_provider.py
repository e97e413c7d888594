"""Sign-in at an OpenID provider that others wrote: npm's oidc-provider, over its own pages' forms."""

import html
import json
import re
import time
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm
from tests.browser import Browser, World, a_world, query_of
from tests.providers.node import CLIENT_ID, SECRET, NodeProvider, a_node_provider
from tests.providers.signing_in import federate, go, private_reason, set_rules, who_is

from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, ProviderKind, Provisioning
from workgate.service.acting import OPERATOR

pytestmark = pytest.mark.clients

_FORM = re.compile(r'<form[^>]*action="([^"]*)"')
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    with a_world(sso_private_addresses=True) as made:
        set_rules(made, made.acme, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(scope="module")
def provider() -> Iterator[NodeProvider]:
    with a_node_provider() as running:
        yield running


@pytest.fixture(scope="module")
def row(there: World, provider: NodeProvider) -> IdentityProvider:
    created = there.stand_in.workgate.services.identity_providers.create(
        there.acme,
        ProviderKind.OIDC,
        "Corporate",
        {"issuer": provider.issuer, "client_id": CLIENT_ID, "userinfo": True},
        secret=SECRET,
        enabled=True,
        provisioning=Provisioning(enabled=True, username="preferred_username", first_name="given_name", email="email"),
        by=OPERATOR,
    )
    made = there.stand_in.run(created)
    provider.set_up([callback(there, made)], [f"{there.stand_in.url}/signed-out"])
    federate(there, made, "ann@corp", there.ann)
    return made


@pytest.fixture(autouse=True)
def the_time_that_it_is(there: World) -> None:
    """A provider of others goes by the machine's clock."""
    there.clock.advance(time.time() - there.clock.now() / 1000)


def callback(world: World, row: IdentityProvider) -> str:
    return f"{world.stand_in.url}/sso/oidc/{row.provider_id}/callback"


def signed_in_at(address: str, login: str) -> str:
    """Go through the provider's pages with a browser of one's own; gives where it sends the browser back to."""
    with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501 - it speaks http
        answer = client.get(address)
        for _ in range(12):
            if answer.is_redirect:
                location = urljoin(str(answer.url), answer.headers["location"])
                if "/sso/oidc/" in location:
                    return location
                answer = client.get(location)
                continue
            form = _FORM.search(answer.text)
            assert form is not None, answer.text
            fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(answer.text)}
            answer = client.post(
                urljoin(str(answer.url), html.unescape(form[1])), data={**fields, "login": login, "password": "any"}
            )
    raise AssertionError("the provider does not send the browser back")


def there_and_back(world: World, row: IdentityProvider, login: str) -> Browser:
    trip = go(world.browser(), row, "/account/connected-apps")
    answer = trip.browser.http.get(signed_in_at(trip.address, login))
    assert answer.status_code == 303, private_reason(world)
    assert answer.headers["location"] == "/account/connected-apps"
    return trip.browser


def test_a_user_who_is_connected(there: World, row: IdentityProvider) -> None:
    assert who_is(there_and_back(there, row, "ann@corp")) == there.ann.user_id


def test_a_user_who_is_made(there: World, row: IdentityProvider) -> None:
    first, second = (who_is(there_and_back(there, row, "nora@corp")) for _ in range(2))
    account = there.stand_in.run(
        there.stand_in.workgate.database.users.account_named(there.acme.environment_id, "nora")
    )
    assert account is not None
    assert first == second == account.user.user_id
    assert (account.user.first_name, account.user.email) == ("Nora", "nora@corp.example")


@pytest.mark.spec("RFC 9207", "2.4", "a real provider's answer has its iss, and does not count without it")
def test_without_its_iss(there: World, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    back = query_of(signed_in_at(trip.address, "ann@corp"))
    assert back.pop("iss")
    assert trip.browser.http.get(f"/sso/oidc/{row.provider_id}/callback", params=back).status_code == 403
    assert "iss" in private_reason(there)


def test_a_code_is_good_once_there_and_here(there: World, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    back = signed_in_at(trip.address, "ann@corp")
    assert trip.browser.http.get(back).status_code == 303
    assert trip.browser.http.get(back).status_code == 403


def test_it_signs_with_new_keys(there: World, provider: NodeProvider, row: IdentityProvider) -> None:
    there_and_back(there, row, "ann@corp")
    key = json.loads(RSAAlgorithm.to_jwk(generate_private_key(65537, 2048)))
    del key["key_ops"]
    jwks = {"keys": [{**key, "kid": "new", "use": "sig", "alg": "RS256"}]}
    provider.set_up([callback(there, row)], [f"{there.stand_in.url}/signed-out"], jwks=jwks)
    there.clock.advance(11)  # keys that were fetched just now are not fetched again
    assert who_is(there_and_back(there, row, "ann@corp")) == there.ann.user_id


def test_a_secret_that_is_wrong(there: World, provider: NodeProvider, row: IdentityProvider) -> None:
    created = there.stand_in.workgate.services.identity_providers.create(
        there.acme,
        ProviderKind.OIDC,
        "Wrong secret",
        dict(row.protocol),
        secret="not the one that it knows",
        enabled=True,
        by=OPERATOR,
    )
    wrong = there.stand_in.run(created)
    provider.set_up([callback(there, row), callback(there, wrong)])
    trip = go(there.browser(), wrong)
    assert trip.browser.http.get(signed_in_at(trip.address, "ann@corp")).status_code == 403
    assert who_is(trip.browser) is None
    assert "401 invalid_client" in private_reason(there)
