"""Signed tickets: they open for their purpose, binding and age, and for nothing else."""

import base64

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.builders import NOW, a_mint

from workgate.crypto.tickets import issue_ticket, open_ticket
from workgate.domain.ids import Milliseconds

MINT = a_mint(1, 2)
SECONDS = 1800
SLACK = 5000  # another node's clock may be so much ahead, in milliseconds
payloads = st.binary(max_size=60)
purposes = st.sampled_from([b"form", b"consent"])
bindings = st.binary(max_size=20)


def opened(ticket: str, purpose: bytes, binding: bytes, now: int = NOW) -> bytes | None:
    return open_ticket(MINT, ticket, purpose=purpose, binding=binding, now=Milliseconds(now), seconds=SECONDS)


@given(payloads, purposes, bindings, st.integers(-SLACK - 3, (SECONDS * 1000) + 3) | st.integers())
def test_a_ticket_opens_while_it_is_young(payload: bytes, purpose: bytes, binding: bytes, age: int) -> None:
    ticket = issue_ticket(MINT, purpose=purpose, binding=binding, payload=payload, now=NOW)
    young = -SLACK <= age <= SECONDS * 1000
    assert opened(ticket, purpose, binding, NOW + age) == (payload if young else None)


@given(payloads, purposes, purposes, bindings, bindings)
def test_another_purpose_or_binding(payload: bytes, purpose: bytes, other: bytes, mine: bytes, yours: bytes) -> None:
    assume((purpose, mine) != (other, yours))
    ticket = issue_ticket(MINT, purpose=purpose, binding=mine, payload=payload, now=NOW)
    assert opened(ticket, other, yours) is None


@given(payloads, bindings, st.binary(max_size=9))
def test_a_binding_does_not_reach_into_the_ticket(payload: bytes, mine: bytes, rest: bytes) -> None:
    # Whoever may choose a binding that goes on like a ticket: key ID, time, and the payload of his choice.
    key_and_time = MINT.current_key(NOW).to_bytes(2, "big") + NOW.to_bytes(8, "big")
    longer = mine + key_and_time + rest
    ticket = issue_ticket(MINT, purpose=b"form", binding=longer, payload=payload, now=NOW)
    raw = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
    forged = base64.urlsafe_b64encode(key_and_time + rest + raw).rstrip(b"=").decode()
    assert opened(ticket, b"form", longer) == payload
    assert opened(forged, b"form", mine) is None


@given(payloads, bindings, st.data())
def test_one_bit_flipped_anywhere(payload: bytes, binding: bytes, data: st.DataObject) -> None:
    text = bytearray(issue_ticket(MINT, purpose=b"form", binding=binding, payload=payload, now=NOW).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert opened(text.decode("latin-1"), b"form", binding) is None


@given(payloads, st.data())
def test_one_text_for_each_ticket(payload: bytes, data: st.DataObject) -> None:
    ticket = issue_ticket(MINT, purpose=b"form", binding=b"", payload=payload, now=NOW)
    at = data.draw(st.integers(0, len(ticket)))
    character = data.draw(st.sampled_from("AQgw+/=_- \n"))
    others = [ticket[:at] + character + ticket[at:], ticket[:-1] + character, ticket + "=", ticket + "=="]
    others += [ticket.replace("-", "+"), ticket.replace("_", "/")]
    for other in others:
        assert other == ticket or opened(other, b"form", b"") is None


@given(st.text(max_size=120) | st.text(st.sampled_from("AZaz09-_"), max_size=120))
def test_any_text_is_no_ticket(text: str) -> None:
    assert opened(text, b"form", b"") is None


@given(payloads)
def test_a_ticket_ends_with_its_key(payload: bytes) -> None:
    ticket = issue_ticket(MINT, purpose=b"form", binding=b"", payload=payload, now=NOW)
    assert open_ticket(a_mint(1), ticket, purpose=b"form", binding=b"", now=NOW, seconds=SECONDS) is None
