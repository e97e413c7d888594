"""The pure parts of the JWT exchange: what is decided of any claims, and that no text upsets the reader."""

import base64
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOW

from workgate.crypto.jwt import PresentedJwt, UnreadableJwt, read_jwt
from workgate.domain.ids import ClientId, EnvironmentId, ObjectId, RowId
from workgate.domain.oauth import ApplicationKey
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.jwt_exchange import LEEWAY_SECONDS, LONGEST_SECONDS, Exchange, decide

CUSTOMER = "c" * 32
KEY = ApplicationKey(
    environment_id=EnvironmentId(7),
    client_id=ClientId("a" * 32),
    key_id=RowId(1),
    user_id=ObjectId("b" * 32),
    note="",
    public_key="",
    fingerprint="",
    bits=2048,
    created_at=NOW,
)
SECONDS = NOW / 1000
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
near = st.floats(min_value=SECONDS - 5000, max_value=SECONDS + 5000)


@given(claims=st.dictionaries(st.sampled_from(["iss", "sub", "exp", "iat", "nbf"]), anything))
def test_any_claims_are_decided_on(claims: dict[str, Any]) -> None:
    decision = decide(claims=claims, key=KEY, customer_id=CUSTOMER, now=NOW)
    assert isinstance(decision, Refusal)  # nobody guesses the two IDs
    assert decision.fault is Fault.JWT_INVALID


@given(exp=near, iat=st.none() | near, nbf=st.none() | near, iss=st.sampled_from([CUSTOMER, KEY.client_id]))
def test_times(exp: float, iat: float | None, nbf: float | None, iss: str) -> None:
    claims = {"iss": iss, "sub": KEY.user_id, "exp": exp}
    claims |= {name: value for name, value in (("iat", iat), ("nbf", nbf)) if value is not None}
    decision = decide(claims=claims, key=KEY, customer_id=CUSTOMER, now=NOW)
    at, latest = int(exp * 1000), NOW + LEEWAY_SECONDS * 1000
    begun = all(value is None or int(value * 1000) <= latest for value in (iat, nbf))
    good = NOW - LEEWAY_SECONDS * 1000 < at <= latest + LONGEST_SECONDS * 1000 and begun
    assert isinstance(decision, Exchange) is good
    if isinstance(decision, Exchange):
        assert decision.expires_at == at


def test_without_a_key() -> None:
    claims = {"iss": CUSTOMER, "sub": KEY.user_id, "exp": SECONDS + 60}
    assert isinstance(decide(claims=claims, key=KEY, customer_id=CUSTOMER, now=NOW), Exchange)
    assert isinstance(decide(claims=claims, key=None, customer_id=CUSTOMER, now=NOW), Refusal)


def compact(header: Any, payload: Any, signature: bytes = b"x") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@given(text=st.text() | st.from_regex(r"[\w-]{0,20}(\.[\w-]{0,20}){0,4}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(UnreadableJwt):
        read_jwt(text)


@given(header=anything, payload=anything)
def test_any_parts_are_read_or_refused(header: Any, payload: Any) -> None:
    with pytest.raises(UnreadableJwt):
        read_jwt(compact(header, payload))


@given(claims=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_what_was_signed_names_a_jwt(claims: dict[str, str]) -> None:
    header = {"alg": "RS256"}
    one, other = (read_jwt(compact(header, claims, signature)) for signature in (b"x", b"y"))
    assert one.claims == claims
    assert one.digest == other.digest == sha256(one.text.rpartition(".")[0].encode()).digest()
    assert one.text not in repr(one)
    assert isinstance(one, PresentedJwt)
    for changed in ({"alg": "none"}, {"alg": "HS256"}, {}, {"alg": "RS256", "crit": []}, {"alg": "RS256", "b64": True}):
        with pytest.raises(UnreadableJwt):
            read_jwt(compact(changed, claims))
