"""Values of signing in elsewhere: what they never show, and what arrivals are mapped to."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode
from tests.builders import MATERIAL, NOW, SALT, Bytes, a_mint, later

from workgate.crypto.tokens import TokenKind
from workgate.domain.ids import EnvironmentId, RowId
from workgate.domain.sso import (
    FetchFailed,
    IdentityProvider,
    NewPerson,
    NotVouched,
    ProviderKind,
    Provisioning,
    Purpose,
    SignInRequest,
    Vouched,
    new_person,
    read_provider_id,
    usable_subject,
)
from workgate.domain.texts import Text
from workgate.service.identity_providers import ProviderChanges
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.sso import Begun, Onward, Taken
from workgate.signin import oidc
from workgate.signin.fetch import Fetched, fetchable
from workgate.signin.id_tokens import Expected, verified_claims
from workgate.signin.oidc import Asked, Callback, attributes_of
from workgate.testing import HeldClock

SECRET = "a-secret-that-nobody-may-see-0123456789"
PROVIDER = IdentityProvider(
    environment_id=EnvironmentId(7),
    provider_id=RowId(11),
    kind=ProviderKind.OIDC,
    name="Corporate",
    enabled=True,
    provisioning=Provisioning(),
    protocol={"issuer": "https://provider.example"},
    sealed_secret=MATERIAL,
    created_at=NOW,
)
REQUEST = SignInRequest(
    environment_id=EnvironmentId(7),
    request_id=RowId(4711),
    provider_id=RowId(11),
    purpose=Purpose.SIGN_IN,
    target="/",
    browser=MATERIAL,
    salt=SALT,
    key_id=1,
    expires_at=later(600),
)
STATE = a_mint().derive(
    TokenKind.STATE,
    key_id=1,
    environment_id=EnvironmentId(7),
    row_id=REQUEST.request_id,
    generation=0,
    epoch=0,
    salt=SALT,
)
BEGUN = Begun(PROVIDER, REQUEST, STATE, SECRET, SECRET)
MAPPING = Provisioning(enabled=True, username="upn", first_name="given", last_name="family", email="mail")
EXPECTED = Expected(
    issuer="https://provider.example",
    client_id="workgate",
    algorithms=("RS256",),
    nonce=SECRET,
    access_token=SECRET,
    begun_at=NOW,
    now=NOW,
)
HOLDERS: dict[str, Callable[[], object]] = {
    "IdentityProvider": lambda: PROVIDER,
    "SignInRequest": lambda: REQUEST,
    "Begun": lambda: BEGUN,
    "Taken": lambda: Taken(PROVIDER, BEGUN, None),
    "Onward": lambda: Onward(f"https://provider.example/?state={SECRET}", {"SAMLRequest": SECRET}),
    "ProviderChanges": lambda: ProviderChanges(secret=SECRET),
    "Callback": lambda: Callback(code=SECRET, iss=None, error=None),
    "Asked": lambda: Asked(redirect_uri="https://a.example", nonce=SECRET, code_verifier=SECRET, begun_at=NOW),
    "Expected": lambda: EXPECTED,
    "Fetched": lambda: Fetched(200, "application/json", SECRET.encode()),
    "the token endpoint's answer": lambda: decode(
        f'{{"id_token": "{SECRET}", "token_type": "Bearer", "access_token": "{SECRET}"}}', type=oidc._TokenAnswer
    ),
}


@pytest.mark.spec("SECURITY", "28", "no value of a sign-in elsewhere shows a secret in its repr")
@pytest.mark.parametrize("make", HOLDERS.values(), ids=HOLDERS)
def test_no_secret_is_shown(make: Callable[[], object]) -> None:
    shown = f"{make()!r} {make()} {[make()]}"
    for secret in (
        SECRET,
        STATE.reveal(),
        repr(SALT)[2:12],
        repr(MATERIAL)[2:12],
        SALT.hex()[:12],
        MATERIAL.hex()[:12],
    ):
        assert secret not in shown


@pytest.mark.spec("SECURITY", "29", "a provider's secret is sealed, and opens for no other provider or environment")
def test_a_secret_that_is_moved_does_not_open() -> None:
    secrets = ProviderSecrets(mint=a_mint(), clock=HeldClock(NOW), entropy=Bytes())
    sealed = replace(PROVIDER, sealed_secret=secrets.sealed(PROVIDER, SECRET))
    assert SECRET.encode() not in (sealed.sealed_secret or b"")
    assert secrets.of(sealed) == SECRET
    assert secrets.of(replace(sealed, sealed_secret=None)) is None
    for moved in (replace(sealed, provider_id=RowId(12)), replace(sealed, environment_id=EnvironmentId(8))):
        with pytest.raises(NotVouched):
            secrets.of(moved)
    with pytest.raises(NotVouched):
        ProviderSecrets(mint=a_mint(2), clock=HeldClock(NOW), entropy=Bytes()).of(sealed)


def test_what_is_mapped() -> None:
    arrived = Vouched("s-1", {"upn": (" nora ", "second"), "given": ("Nora",), "mail": ()})
    assert new_person(MAPPING, arrived) == NewPerson("nora", "Nora", "", "")
    assert new_person(Provisioning(), arrived) == NewPerson("s-1", "", "", "")
    for changes in (
        {"upn": ("",)},
        {"upn": ("a\nb",)},
        {"upn": ("x" * 255,)},
        {"given": ("x" * 255,)},
        {"mail": ("\u202e",)},
    ):
        assert isinstance(new_person(MAPPING, replace(arrived, attributes={**arrived.attributes, **changes})), Text)
    assert isinstance(new_person(MAPPING, Vouched("s-1", {})), Text)


def test_claims_as_attributes() -> None:
    claims = {
        "sub": "s",
        "n": 5,
        "yes": True,
        "list": ["a", 1, None, {"b": "c"}],
        "empty": [],
        "none": None,
        "object": {"a": "b"},
        "long": "x" * 5000,
        "nonce": "n",
        "iss": "i",
    }
    assert attributes_of(claims) == {
        "sub": ("s",),
        "n": ("5",),
        "yes": ("true",),
        "list": ("a", "1"),
        "long": ("x" * 1024,),
    }
    assert len(attributes_of({str(number): "x" for number in range(5000)})) == 200


def test_subjects() -> None:
    assert all(usable_subject(text) for text in ("0", "a b", "Ünïcode", "x" * 255, "auth0|5", "a@b"))
    assert not any(usable_subject(text) for text in ("", "x" * 256, "a\x00", "a\nb", "\ud800", None, 5, True, ["a"]))


@given(st.text(max_size=30))
def test_only_a_providers_own_spelling_of_its_id_is_read(text: str) -> None:
    number = read_provider_id(text)
    assert number is None or (str(number) == text and 0 <= number < 2**63)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_every_id_is_read(number: int) -> None:
    assert read_provider_id(str(number)) == number


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_.-]{0,80}", fullmatch=True))
def test_no_text_is_an_id_token(text: str) -> None:
    with pytest.raises(NotVouched):
        verified_claims(text, [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}], EXPECTED)


@given(st.text(max_size=60).map("https://".__add__) | st.text(max_size=60))
def test_what_is_fetchable_is_plain_https(url: str) -> None:
    try:
        parts = fetchable(url, insecure_http=False)
    except FetchFailed:
        return
    assert parts.scheme == "https"
    assert parts.hostname
    assert not set(url) & set(" \\#@\r\n\t\x00")
