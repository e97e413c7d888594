"""Signed tickets: what a form carries through a browser and must bring back unchanged.

A ticket is not secret, it is authentic: anyone can read it, only this installation can make it, and only
for the purpose and the binding (for example a session) that it was made for.
"""

import base64
import binascii
import hmac
import struct

from workgate.crypto.keys import UnknownKeyError
from workgate.crypto.tokens import Mint
from workgate.domain.ids import Milliseconds

_HEAD = struct.Struct(">HQ")
_MAC_BYTES = 32


def issue_ticket(mint: Mint, *, purpose: bytes, binding: bytes, payload: bytes, now: Milliseconds) -> str:
    """Sign ``payload`` for one purpose and one binding.

    Args:
        mint: holds the key ring.
        purpose: what the ticket is for; tickets of different purposes never stand in for each other.
        binding: what must be the same again when the ticket is opened.
        payload: any bytes.
        now: when it was made, from which its age is counted.
    """
    key_id = mint.current_key(now)
    signed = _HEAD.pack(key_id, now) + payload
    mac = _mac(mint, key_id, purpose, binding, signed)
    return _text(signed + mac)


def open_ticket(
    mint: Mint, ticket: str, *, purpose: bytes, binding: bytes, now: Milliseconds, seconds: int
) -> bytes | None:
    """Give the payload of a ticket that is authentic and at most ``seconds`` old, else None."""
    try:
        raw = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
        if _text(raw) != ticket:  # one text for each ticket: no other alphabet, no padding, no spare bits
            return None
        key_id, made_at = _HEAD.unpack_from(raw)
        signed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        expected = _mac(mint, key_id, purpose, binding, signed)
    except (ValueError, binascii.Error, struct.error, UnknownKeyError):
        return None
    if not hmac.compare_digest(mac, expected) or not 0 <= now - made_at + 5000 <= seconds * 1000 + 5000:
        return None
    return signed[_HEAD.size :]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _mac(mint: Mint, key_id: int, purpose: bytes, binding: bytes, signed: bytes) -> bytes:
    return mint.ring.mac(key_id, b"ticket " + purpose, struct.pack(">I", len(binding)) + binding + signed)
