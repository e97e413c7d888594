"""What is asked of one browser and may be answered once, within ten minutes: challenges, and secrets to be set up.

Nothing is kept while it is open: the browser holds a signed ticket with a random value, from which the challenge or the
secret is derived. That an answer counts once is decided by whoever writes down what it is for.
"""

import hashlib
import struct
from dataclasses import dataclass, field

from workgate.crypto.tickets import issue_ticket, open_ticket
from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy, Milliseconds
from workgate.domain.second_factors import Once

OPEN_SECONDS = 600
_NONCE_BYTES = 32
_PAYLOAD = struct.Struct(f">HQ{_NONCE_BYTES}s")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that was asked; ``ticket`` brings it back."""

    ticket: str
    once: Once
    value: bytes = field(repr=False)
    """32 bytes that nobody knew before it was asked, and nobody knows elsewhere."""


class Questions:
    """Asks, and recognises what was asked."""

    def __init__(self, *, mint: Mint, clock: Clock, entropy: Entropy) -> None:
        self._mint = mint
        self._clock = clock
        self._entropy = entropy

    def ask(self, purpose: bytes, binding: bytes) -> Question:
        """Ask for one purpose, in whatever ``binding`` names: a browser, and whose account it is about."""
        now = self._clock.now()
        expires_at = Milliseconds(now + OPEN_SECONDS * 1000)
        payload = _PAYLOAD.pack(self._mint.current_key(now), expires_at, self._entropy(_NONCE_BYTES))
        ticket = issue_ticket(self._mint, purpose=purpose, binding=binding, payload=payload, now=now)
        return self._question(ticket, purpose, binding, payload)

    def asked(self, purpose: bytes, binding: bytes, ticket: str) -> Question | None:
        """Give what was asked there; None: it was not, or too long ago."""
        now = self._clock.now()
        payload = open_ticket(self._mint, ticket, purpose=purpose, binding=binding, now=now, seconds=OPEN_SECONDS)
        return None if payload is None else self._question(ticket, purpose, binding, payload)

    def _question(self, ticket: str, purpose: bytes, binding: bytes, payload: bytes) -> Question:
        key_id, expires_at, _ = _PAYLOAD.unpack(payload)
        value = self._mint.ring.mac(key_id, b"once " + purpose, struct.pack(">I", len(binding)) + binding + payload)
        digest = hashlib.sha256(b"asked once: " + value).digest()
        return Question(ticket, Once(digest, Milliseconds(expires_at)), value)
