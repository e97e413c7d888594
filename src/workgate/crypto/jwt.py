"""JSON Web Tokens that clients sign: taken apart, and their RS256 signature verified. Others are unknown here.

What a JWT claims is decided elsewhere. The library is loaded with the first JWT, so that no start waits for it.
"""

import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

ALGORITHM = "RS256"
LONGEST_JWT = 8192
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class UnreadableJwt(Exception):
    """The text is not a JWT that could be verified; the message says why."""


@dataclass(frozen=True, slots=True)
class PresentedJwt:
    """A JWT as somebody sent it. Nothing about it is proved before ``signed_by``.

    ``digest`` names what was signed: two spellings of the same signature are one JWT.
    """

    text: str
    claims: Mapping[str, object]
    digest: bytes

    def __repr__(self) -> str:
        """Leave the JWT out of tracebacks and logs: until it expires it opens a session."""
        return f"PresentedJwt({self.digest.hex()[:8]}…)"


def read_jwt(text: str) -> PresentedJwt:
    """Take a JWT in compact form apart (RFC 7515 §7.1).

    Raises:
        UnreadableJwt: it is none, or of another algorithm than RS256.
    """
    if len(text) > LONGEST_JWT or not _COMPACT.fullmatch(text):
        raise UnreadableJwt("it is not a JWS in compact form")
    signed, _, _ = text.rpartition(".")
    header_text, _, payload_text = signed.partition(".")
    header, claims = _object_of(header_text, "header"), _object_of(payload_text, "payload")
    if header.get("alg") != ALGORITHM:
        raise UnreadableJwt(f"its alg is {str(header.get('alg'))[:20]!r}")
    # RFC 7515 §4.1.11: extensions that must be understood, of which this understands none; b64 (RFC 7797) is one.
    if "crit" in header or "b64" in header:
        raise UnreadableJwt("its header asks for extensions")
    return PresentedJwt(text, claims, hashlib.sha256(signed.encode()).digest())


def signed_by(jwt: PresentedJwt, public_key: str) -> bool:
    """Tell whether the holder of this key (PEM) signed it."""
    from joserfc import jws  # noqa: PLC0415 - see above
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import RSAKey  # noqa: PLC0415

    try:
        jws.deserialize_compact(jwt.text, RSAKey.import_key(public_key), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return False
    return True


def _object_of(part: str, what: str) -> dict[str, object]:
    try:
        found = json.loads(binascii.a2b_base64(part.translate(_TO_BASE64) + "=" * (-len(part) % 4), strict_mode=True))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnreadableJwt(f"its {what} is not a JSON object")
    return found


_TO_BASE64 = str.maketrans("-_", "+/")
