"""Derived tokens: every bit counts, and there is one text for each token."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.builders import SALT, a_mint

from workgate.crypto.tokens import Mint, PresentedToken, TokenKind, read_token
from workgate.domain.ids import EnvironmentId, RowId

kinds = st.sampled_from(TokenKind)
environments = st.integers(0, 2**63 - 1).map(EnvironmentId)
rows = st.integers(0, 2**63 - 1).map(RowId)
generations = st.integers(0, 2**31 - 1)
epochs = st.integers(0, 2**31)
salts = st.binary(min_size=32, max_size=32)
token_like = st.text(st.sampled_from("wgcrs_-AZaz09/+=\n é"), min_size=50, max_size=64).map("wgr_".__add__)


@st.composite
def derivations(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "key_id": draw(st.sampled_from([1, 2])),
        "environment_id": draw(environments),
        "row_id": draw(rows),
        "generation": draw(generations),
        "epoch": draw(epochs),
        "salt": draw(salts),
    }


MINT = a_mint(1, 2)


def present(kind: TokenKind, text: str) -> PresentedToken:
    token = read_token(kind, text)
    assert token is not None
    return token


def verified(mint: Mint, token: PresentedToken, what: dict[str, Any]) -> bool:
    return mint.verify(token, environment_id=what["environment_id"], epoch=what["epoch"], salt=what["salt"])


@given(kinds, derivations())
def test_round_trip(kind: TokenKind, what: dict[str, Any]) -> None:
    text = MINT.derive(kind, **what).reveal()
    token = present(kind, text)
    assert (token.key_id, token.row_id, token.generation) == (what["key_id"], what["row_id"], what["generation"])
    assert verified(MINT, token, what)
    assert MINT.derive(kind, **what).reveal() == text
    assert [other for other in TokenKind if read_token(other, text)] == [kind]


@given(kinds, derivations(), st.data())
def test_one_bit_flipped_anywhere(kind: TokenKind, what: dict[str, Any], data: st.DataObject) -> None:
    text = bytearray(MINT.derive(kind, **what).reveal().encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    flipped = text.decode("latin-1")
    for other in TokenKind:
        token = read_token(other, flipped)
        assert token is None or not verified(MINT, token, what)


@given(kinds, derivations(), derivations())
def test_a_token_of_one_row_is_worth_nothing_for_another(
    kind: TokenKind, what: dict[str, Any], other: dict[str, Any]
) -> None:
    token = present(kind, MINT.derive(kind, **what).reveal())
    for name in ("environment_id", "epoch", "salt"):
        if other[name] != what[name]:
            assert not verified(MINT, token, {**what, name: other[name]})
    for name in ("row_id", "generation", "key_id"):
        if other[name] != what[name]:
            mac = token.mac
            changed = {"key_id": token.key_id, "row_id": token.row_id, "generation": token.generation}
            forged = PresentedToken(kind, mac=mac, **{**changed, name: other[name]})
            assert not verified(MINT, forged, what)


@given(kinds, kinds, derivations())
def test_a_token_of_one_kind_is_none_of_another(kind: TokenKind, other: TokenKind, what: dict[str, Any]) -> None:
    assume(kind is not other)
    text = MINT.derive(kind, **what).reveal()
    assert read_token(other, text) is None
    assert not verified(MINT, present(other, other.value + text[4:]), what)


@given(kinds, derivations())
def test_a_token_of_another_or_a_retired_key(kind: TokenKind, what: dict[str, Any]) -> None:
    token = present(kind, MINT.derive(kind, **what).reveal())
    retired = a_mint(3 - what["key_id"])
    assert not verified(retired, token, what)
    stranger = Mint(a_mint(1).ring.with_new_key(used_from=what["epoch"], entropy=lambda size: b"\x07" * size))
    assert verified(stranger, token, what) == (what["key_id"] == 1)


@given(kinds, st.text(max_size=80) | token_like)
def test_any_text_reads_as_a_token_or_as_none(kind: TokenKind, text: str) -> None:
    token = read_token(kind, text)
    assert token is None or not MINT.verify(token, environment_id=EnvironmentId(1), epoch=1, salt=SALT)


@given(kinds, st.binary(min_size=42, max_size=42), st.data())
def test_no_two_texts_read_as_the_same_token(kind: TokenKind, raw: bytes, data: st.DataObject) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\n "
    number = int.from_bytes(raw, "big")
    text = kind.value + "".join(alphabet[number >> shift & 63] for shift in range(330, -1, -6))
    token = read_token(kind, text)
    assert (token is None) == (raw[2] >> 7 == 1 or raw[10] >> 7 == 1)
    at = data.draw(st.integers(0, len(text)))
    character = data.draw(st.sampled_from(alphabet))
    for other in (text[:at] + character + text[at + 1 :], text[:at] + character + text[at:], text + "=", text + "\n"):
        assert other == text or read_token(kind, other) is None or read_token(kind, other) != token


@given(kinds, derivations(), st.integers(2**31, 2**32 - 1))
def test_a_generation_that_no_row_can_have_is_no_token(kind: TokenKind, what: dict[str, Any], generation: int) -> None:
    """The database counts in 31 bits: such a number must not reach it."""
    text = MINT.derive(kind, **{**what, "generation": generation}).reveal()
    assert read_token(kind, text) is None
