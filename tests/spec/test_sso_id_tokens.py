"""ID tokens that are wrong, forged or too old sign nobody in (SECURITY 26); new keys of the provider are found."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.browser import World, a_world
from tests.providers.scripted import ScriptedProvider, a_key, a_provider
from tests.providers.signing_in import federate, go, private_reason, set_rules, set_up, who_is

from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider

Claims = dict[str, Any]


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    with a_world(sso_private_addresses=True) as made:
        for environment in (made.acme, made.preview, made.globex):
            set_rules(made, environment, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(scope="module")
def provider(there: World) -> Iterator[ScriptedProvider]:
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(scope="module")
def row(there: World, provider: ScriptedProvider) -> IdentityProvider:
    made = set_up(there, provider, there.acme)
    federate(there, made, "subject-1", there.ann)
    return made


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    there.clock.advance(61)


def refused(there: World, provider: ScriptedProvider, row: IdentityProvider, token: Callable[[Claims], str]) -> str:
    """Bring an answer whose ID token is made of good claims; it signs nobody in. The private reason."""
    trip = go(there.browser(), row)
    answer = trip.back(provider.code(trip.query, token(provider.claims(trip.query))))
    assert answer.status_code == 403, answer.text
    assert who_is(trip.browser) is None
    assert "workgate_session" not in trip.browser.http.cookies
    return private_reason(there)


def part(value: Mapping[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.spec("OpenID Connect Core", "3.1.3.7", "each claim of an ID token is checked")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 5}, "nonce"),
        ({"iss": "https://elsewhere.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": {"workgate": True}}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["workgate", "another-client"]}, "azp"),
        ({"aud": ["workgate", "another-client"], "azp": "another-client"}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"exp": None}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": "9999999999"}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"exp": -(10**400)}, "exp"),
        ({"exp": 1e308}, "exp"),
        ({"nbf": -(10**400)}, "nbf"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 5}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "subject-1\u0000"}, "sub"),
        ({"at_hash": "wrong"}, "at_hash"),
        ({"at_hash": 5}, "at_hash"),
    ],
)
def test_a_claim_that_is_wrong(
    there: World, provider: ScriptedProvider, row: IdentityProvider, changes: Claims, reason: str
) -> None:
    def token(good: Claims) -> str:
        return provider.sign({name: value for name, value in (good | changes).items() if value is not None})

    assert reason in refused(there, provider, row, token)


@pytest.mark.spec("OpenID Connect Core", "3.1.3.7", "exp, iat and nbf are checked with a leeway of a minute")
@pytest.mark.parametrize(
    ("claim", "offset", "good"),
    [
        ("exp", -59, True),
        ("exp", -61, False),
        ("iat", 59, True),
        ("iat", 61, False),
        ("iat", -59, True),
        ("iat", -61, False),
        ("nbf", 59, True),
        ("nbf", 61, False),
    ],
)
def test_times(
    there: World, provider: ScriptedProvider, row: IdentityProvider, claim: str, offset: int, good: bool
) -> None:
    trip = go(there.browser(), row)
    answer = trip.back(provider.code(trip.query, **{claim: there.clock.now() // 1000 + offset}))
    assert answer.status_code == (303 if good else 403)
    assert (who_is(trip.browser) is not None) == good


@pytest.mark.spec("OpenID Connect Core", "3.1.3.7", "several audiences are borne if the token was made for us")
def test_several_audiences_with_azp(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, aud=["another", "workgate"], azp="workgate")).status_code == 303


@pytest.mark.spec("OpenID Connect Core", "3.1.3.8", "an at_hash is of the access token that came with it")
def test_at_hash(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    left = hashlib.sha256(b"an-access-token").digest()[:16]
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, at_hash=part(left))).status_code == 303


def unsigned(good: Claims) -> str:
    return f"{part({'alg': 'none'})}.{part(good)}."


def unsigned_with_a_signature(good: Claims) -> str:
    return f"{part({'alg': 'none', 'kid': 'first'})}.{part(good)}.AAAA"


def signed_with_the_public_key(good: Claims) -> str:
    """The published key as the secret of a MAC (RFC 8725 §2.1)."""
    public = a_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(good)}"
    return f"{signed}.{part(hmac.digest(public, signed.encode(), 'sha256'))}"


def signed_with_a_key_of_its_own(good: Claims) -> str:
    header = {"alg": "RS256", "jwk": {"kty": "RSA"}, "jku": "https://elsewhere.example/keys", "kid": "first"}
    return jwt.encode(good, a_key("attacker"), algorithm="RS256", headers=header)


def of_another_algorithm(good: Claims) -> str:
    return jwt.encode(good, a_key("first"), algorithm="RS384", headers={"kid": "first"})


def of_another_kind_of_key(good: Claims) -> str:
    return jwt.encode(good, generate_ec_key(SECP256R1()), algorithm="ES256", headers={"kid": "first"})


def with_claims_exchanged(good: Claims) -> str:
    head, _, signature = jwt.encode(good, a_key("first"), algorithm="RS256", headers={"kid": "first"}).split(".")
    return f"{head}.{part({**good, 'sub': 'somebody-else'})}.{signature}"


def with_a_demand(good: Claims) -> str:
    return jwt.encode(good, a_key("first"), algorithm="RS256", headers={"kid": "first", "crit": ["exp"]})


@pytest.mark.spec("SECURITY", "26", "an ID token that the provider did not sign as agreed signs nobody in")
@pytest.mark.parametrize(
    "token",
    [
        unsigned,
        unsigned_with_a_signature,
        signed_with_the_public_key,
        signed_with_a_key_of_its_own,
        of_another_algorithm,
        of_another_kind_of_key,
        with_claims_exchanged,
        with_a_demand,
        lambda good: "",
        lambda good: "a.b.c",
        lambda good: f"{part(b'[1]')}.{part(good)}.AAAA",
        lambda good: f"{part({'alg': 'RS256', 'kid': 5})}.{part(good)}.AAAA",
        lambda good: f"{part({'alg': ['RS256']})}.{part(good)}.AAAA",
        lambda good: f"{part(b'{' * 5000)}.{part(good)}.AAAA",
        lambda good: "a" * 40_000,
    ],
)
def test_forged(
    there: World, provider: ScriptedProvider, row: IdentityProvider, token: Callable[[Claims], str]
) -> None:
    reason = refused(there, provider, row, token)
    assert "ID token" in reason or "token endpoint" in reason


@pytest.mark.spec("OpenID Connect Core", "10.1.1", "a provider's new key is fetched when it is first named, and seldom")
def test_rotation(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query)).status_code == 303
    there.clock.advance(61)
    provider.published = {"second": "second", "first": "first"}
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, provider.sign(provider.claims(trip.query), "second"))).status_code == 303
    fetched = [asked.path for asked in provider.asked].count("/keys")
    for number in range(5):
        trip = go(there.browser(), row)
        unknown = provider.sign(provider.claims(trip.query), f"unknown-{number}", "attacker")
        assert trip.back(provider.code(trip.query, unknown)).status_code == 403
    assert [asked.path for asked in provider.asked].count("/keys") == fetched
    there.clock.advance(3601)  # a key that is published no more is forgotten within the hour
    provider.published = {"second": "second"}
    assert "no published key" in refused(there, provider, row, lambda good: provider.sign(good, "first"))
    provider.published = {"first": "first"}
    there.clock.advance(11)
