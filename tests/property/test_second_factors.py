"""Recovery codes, where passkeys can be used, and answers of passkeys that are not what a browser sends."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.authenticators import Passkey as SoftPasskey
from tests.authenticators import b64

from workgate.domain.second_factors import Passkey, RelyingParty, read_recovery_code, recovery_code, relying_party
from workgate.signin.passkeys import (
    CounterRefused,
    PasskeyRefused,
    PasskeyUser,
    authentication_options,
    check_authentication,
    check_registration,
    credential_id_in,
    registration_options,
)

PARTY = RelyingParty("acme.my.localhost", "Acme", "http://acme.my.localhost:8080")
ANN = PasskeyUser(b"a" * 16, "ann", "Ann Archer")
CHALLENGE = b"c" * 32
SOFT = SoftPasskey()
MADE = SOFT.create(json.loads(registration_options(PARTY, ANN, CHALLENGE, [])), PARTY.origin)
KEPT, COUNT = check_registration(PARTY, answer=MADE, challenge=CHALLENGE)
USED = SOFT.get(json.loads(authentication_options(PARTY, CHALLENGE, [KEPT])), PARTY.origin)


def used(answer: str, passkey: Passkey = KEPT, counter: int = COUNT) -> int:
    return check_authentication(
        PARTY, answer=answer, challenge=CHALLENGE, passkey=passkey, counter=counter, handle=ANN.handle
    )


@given(st.binary(min_size=12, max_size=20), st.data())
def test_a_recovery_code_is_read_however_it_is_typed(random: bytes, data: st.DataObject) -> None:
    code = recovery_code(random)
    typed = "".join(
        data.draw(st.sampled_from([c, c.lower(), {"0": "o", "1": "l"}.get(c, c), f" {c}", f"{c}-"])) for c in code
    )
    assert read_recovery_code(typed) in {code, None}
    assert read_recovery_code(typed.replace(" ", "").replace("-", "")) == code


@given(st.text(max_size=60) | st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZOILU- ", min_size=10, max_size=16))
def test_what_is_read_is_a_recovery_code(typed: str) -> None:
    read = read_recovery_code(typed)
    assert read is None or read_recovery_code(read) == read


def test_every_letter_is_equally_likely() -> None:
    letters = [recovery_code(bytes([byte]) * 12)[0] for byte in range(256)]
    assert {letters.count(letter) for letter in letters} == {8}


def test_where_passkeys_can_be_used() -> None:
    good = {
        "https://acme.my.example": "acme.my.example",
        "https://acme.my.example:8443": "acme.my.example",
        "http://localhost:8080": "localhost",
        "http://acme.my.localhost:8080": "acme.my.localhost",
    }
    for origin, rp_id in good.items():
        assert relying_party("Acme", origin) == RelyingParty(rp_id, "Acme", origin)
    bad = ("http://acme.my.example", "https://192.0.2.1", "http://127.0.0.1:8080", "https://[::1]:8443", "https://", "")
    assert [relying_party("Acme", origin) for origin in bad] == [None] * len(bad)
    assert relying_party("Acme", "http://localhost.example") is None


@given(st.text(max_size=100))
def test_any_host_is_a_relying_party_or_none(host: str) -> None:
    party = relying_party("Acme", f"http://{host}")
    assert party is None or party.rp_id == "localhost" or party.rp_id.endswith(".localhost")


def test_a_right_answer_counts() -> None:
    assert used(USED) == COUNT + 1
    assert KEPT.transports == ("internal",)
    assert credential_id_in(USED) == KEPT.credential_id


def test_a_counter_that_does_not_grow_is_told_apart() -> None:
    for counter in (COUNT + 1, COUNT + 2):
        with pytest.raises(CounterRefused):
            used(USED, counter=counter)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=40).map(b64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
PATHS: list[tuple[str, ...]] = [("id",), ("rawId",), ("type",), ("response",), ("authenticatorAttachment",)]
PATHS += [
    ("response", name)
    for name in ("clientDataJSON", "attestationObject", "transports", "authenticatorData", "signature", "userHandle")
]


@given(st.sampled_from([MADE, USED]), st.sampled_from(PATHS), json_values)
def test_an_answer_with_anything_in_any_place_is_refused_or_still_right(
    answer: str, path: tuple[str, ...], value: object
) -> None:
    changed = json.loads(answer)
    inside = changed
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = value
    text = json.dumps(changed)
    with suppress(PasskeyRefused):
        if answer is MADE:
            made, _ = check_registration(PARTY, answer=text, challenge=CHALLENGE)
            assert made.credential_id == KEPT.credential_id
        else:
            assert used(text) == COUNT + 1


@given(st.sampled_from([MADE, USED]), st.data())
def test_one_bit_flipped_in_what_was_signed(answer: str, data: st.DataObject) -> None:
    changed = json.loads(answer)
    names = ["attestationObject", "clientDataJSON"] if answer is MADE else ["authenticatorData", "signature"]
    name = data.draw(st.sampled_from(names))
    raw = bytearray(base64.urlsafe_b64decode(changed["response"][name] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed["response"][name] = b64(bytes(raw))
    if answer is USED:
        with pytest.raises(PasskeyRefused):
            used(json.dumps(changed))
        return
    # Without attestation nobody signs for a new passkey: what is altered there is another one, or none.
    with suppress(PasskeyRefused):
        check_registration(PARTY, answer=json.dumps(changed), challenge=CHALLENGE)


@given(st.text(max_size=200) | json_values.map(json.dumps))
def test_any_text_is_no_answer(text: str) -> None:
    with pytest.raises(PasskeyRefused):
        check_registration(PARTY, answer=text, challenge=CHALLENGE)
    with pytest.raises(PasskeyRefused):
        used(text)
    with suppress(PasskeyRefused):
        credential_id_in(text)


def test_an_answer_that_is_nested_or_long_is_refused() -> None:
    for text in ("[" * 5000, '{"id":' * 2000, json.dumps({"id": "A" * 20_000}), "NaN", "1" * 5000):
        with pytest.raises(PasskeyRefused):
            used(text)
