"""Client authentication: whatever the Authorization header holds, it is credentials or a refusal."""

import base64
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOW, an_application

from workgate.domain.ids import RowId
from workgate.domain.oauth import ApplicationType, ClientSecret
from workgate.oauth.client_auth import AuthenticatedClient, Credentials, authenticate, present, secret_digest
from workgate.oauth.errors import Fault, Refusal

latin = st.text(st.characters(max_codepoint=0xFF), max_size=60)
basic = st.builds(
    lambda scheme, gap, raw: scheme + gap + base64.b64encode(raw).decode(),
    st.sampled_from(["Basic", "basic", "BASIC", "Bearer"]),
    st.sampled_from([" ", "  ", "", "\t"]),
    st.binary(max_size=60) | st.text(max_size=40).map(str.encode) | st.just(b":") | st.just(b"a%00b:c%0a"),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "client_id": st.text(min_size=1, max_size=20) | st.just("f" * 32),
        "client_secret": st.text(min_size=1, max_size=20),
    },
)
words = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f:", exclude_categories=["Cs"]), min_size=1)
SECRET = "correct-Horse_battery.staple-0123456789"
WEB = an_application(secrets=(ClientSecret(RowId(1), secret_digest(SECRET), "6789", "", NOW, None),))
SPA = an_application(type=ApplicationType.SPA)


def header(client_id: str, client_secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


@given(st.none() | latin | basic | st.text(max_size=40), bodies)
def test_any_header_with_any_body(authorization: str | None, params: dict[str, str]) -> None:
    found = present(authorization, params)
    if isinstance(found, Credentials):
        assert isinstance(authenticate(None, found), Refusal)
        assert isinstance(authenticate(WEB, found), Refusal)
        named = {client_secret for client_id, client_secret in found.readings if client_id == SPA.client_id}
        assert isinstance(authenticate(SPA, found), AuthenticatedClient) == (named == {""})


@given(basic, bodies)
def test_credentials_hold_no_control_characters(authorization: str, params: dict[str, str]) -> None:
    found = present(authorization, params)
    if isinstance(found, Credentials):
        assert found.basic
        assert found.client_id
        written = "".join("".join(reading) for reading in found.readings)
        assert not any(character < " " or character == "\x7f" for character in written)


def test_a_basic_value_for_a_public_client() -> None:
    named = present(header(SPA.client_id, ""), {})
    assert isinstance(named, Credentials)
    assert isinstance(authenticate(SPA, named), AuthenticatedClient)
    assert isinstance(authenticate(an_application(client_id="e" * 32, type=ApplicationType.SPA), named), Refusal)


@given(words, words)
def test_both_readings_of_basic_are_offered(client_id: str, client_secret: str) -> None:
    raw = present(header(client_id, client_secret), {})
    encoded = present(header(quote_plus(client_id), quote_plus(client_secret)), {})
    assert isinstance(raw, Credentials)
    assert isinstance(encoded, Credentials)
    assert (client_id, client_secret) in raw.readings
    assert (client_id, client_secret) in encoded.readings
    assert 1 <= len(raw.readings) <= 2


@given(words, words)
def test_only_the_secret_itself_opens(client_id: str, client_secret: str) -> None:
    for found in (
        present(header(WEB.client_id, client_secret), {}),
        present(header(client_id, SECRET), {}),
        present(None, {"client_id": WEB.client_id, "client_secret": client_secret}),
    ):
        assert isinstance(found, Credentials)
        assert isinstance(authenticate(WEB, found), Refusal)
    right = present(header(WEB.client_id, SECRET), {})
    assert isinstance(right, Credentials)
    assert authenticate(WEB, right) == AuthenticatedClient(WEB, RowId(1))


@given(words, words, words)
def test_two_methods_at_once_are_refused(client_id: str, client_secret: str, other: str) -> None:
    authorization = header(client_id, client_secret)
    both = present(authorization, {"client_id": client_id, "client_secret": client_secret})
    assert isinstance(both, Refusal)
    assert both.fault is Fault.TWO_METHODS
    found = present(authorization, {"client_id": other})
    if isinstance(found, Refusal):
        assert found.fault is Fault.TWO_METHODS
    else:
        assert other in {reading[0] for reading in found.readings}


@given(basic | latin, bodies)
def test_no_refusal_repeats_the_secret(authorization: str, params: dict[str, str]) -> None:
    found = present(f"{authorization} {SECRET}", {**params, "client_secret": SECRET})
    assert SECRET not in repr(found)
    if isinstance(found, Credentials):
        assert SECRET not in repr(authenticate(WEB, found)).replace(repr(WEB), "")
