"""Codes, sessions and refresh tokens: derived from a row and a key, never stored.

A token is a prefix and 56 characters of base64url: key ID, row ID, generation, and 28 bytes of
HMAC-SHA-256 over (kind, environment, row ID, generation, installation epoch, the row's salt). The key is
outside the database and the salt inside, so neither alone forges anything; the row is found by its primary key.
"""

import binascii
import hmac
import struct
from enum import Enum
from typing import NamedTuple

from workgate.crypto.keys import KeyRing, UnknownKeyError
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId

SALT_BYTES = 32
MAC_BYTES = 28
_NAME = struct.Struct(">HQI")
_SIGNED = struct.Struct(">HQIQI32s")
_RAW_BYTES = _NAME.size + MAC_BYTES
_TEXT_LENGTH = 4 + _RAW_BYTES * 4 // 3
# RFC 4648 §5 read by a decoder of §4, to which the two letters that §5 has not become unreadable.
_TO_BASE64 = bytes.maketrans(b"-_+/", b"+/--")
_FROM_BASE64 = bytes.maketrans(b"+/", b"-_")


class TokenKind(Enum):
    """What a token is; each kind has its prefix and its own derived keys."""

    CODE = "wgc_"
    REFRESH = "wgr_"
    SESSION = "wgs_"
    LINK = "wgl_"
    STATE = "wgq_"

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.purpose = prefix.encode()


class TokenValue:
    """A token that may be used. Only ``reveal`` shows it: its repr and str are masked."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the token itself, for the answer that hands it out."""
        return self._text

    def __repr__(self) -> str:
        """Show the kind only."""
        return f"<token {self._text[:4]}…>"

    __str__ = __repr__


class PresentedToken(NamedTuple):
    """A well-formed token as somebody sent it. Nothing about it is proved before ``Mint.verify``."""

    kind: TokenKind
    key_id: int
    row_id: RowId
    generation: int
    mac: bytes

    def __repr__(self) -> str:
        """Leave the proof out of tracebacks and logs."""
        return f"PresentedToken({self.kind.name}, {self.row_id}, generation {self.generation})"


def read_token(kind: TokenKind, text: str) -> PresentedToken | None:
    """Take a token's text apart; None if it is not a token of that kind."""
    if len(text) != _TEXT_LENGTH or not text.startswith(kind.prefix) or not text.isascii():
        return None
    try:
        raw = binascii.a2b_base64(text[4:].encode().translate(_TO_BASE64), strict_mode=True)
    except binascii.Error:
        return None
    if len(raw) != _RAW_BYTES:  # padding took a letter's place
        return None
    key_id, row_id, generation = _NAME.unpack_from(raw)
    if row_id >> 63 or generation >> 31:
        return None
    return PresentedToken(kind, key_id, RowId(row_id), generation, raw[_NAME.size :])


class Mint:
    """Derives and verifies tokens under a key ring, which may be exchanged while it works."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def current_key(self, now: Milliseconds) -> int:
        """The ID of the key for tokens made now."""
        return self.ring.current(now)

    def derive(
        self,
        kind: TokenKind,
        *,
        key_id: int,
        environment_id: EnvironmentId,
        row_id: RowId,
        generation: int,
        epoch: int,
        salt: bytes,
    ) -> TokenValue:
        """Derive a token; the same arguments give the same token.

        Raises:
            UnknownKeyError: the key was retired.
        """
        name = _NAME.pack(key_id, row_id, generation)
        mac = self._mac(kind, key_id, environment_id, row_id, generation, epoch, salt)
        text = binascii.b2a_base64(name + mac, newline=False).translate(_FROM_BASE64).decode()
        return TokenValue(kind.prefix + text)

    def verify(self, token: PresentedToken, *, environment_id: EnvironmentId, epoch: int, salt: bytes) -> bool:
        """Tell whether this installation made the token for this row, in constant time."""
        try:
            mac = self._mac(token.kind, token.key_id, environment_id, token.row_id, token.generation, epoch, salt)
        except UnknownKeyError:
            return False
        return hmac.compare_digest(mac, token.mac)

    def _mac(
        self,
        kind: TokenKind,
        key_id: int,
        environment_id: EnvironmentId,
        row_id: RowId,
        generation: int,
        epoch: int,
        salt: bytes,
    ) -> bytes:
        signed = _SIGNED.pack(key_id, row_id, generation, environment_id, epoch, salt)
        return self.ring.mac(key_id, kind.purpose, signed)[:MAC_BYTES]
