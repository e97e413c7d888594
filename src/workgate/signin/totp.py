"""One-time passwords by the time (RFC 6238) as authenticator apps make them: SHA-1, 30 seconds, six digits.

A code is good for its own time step and one on either side, for clocks that go a little wrong (RFC 6238 §5.2). Which
step a code is of is found out here; that no step counts twice is decided where the last one is kept.
"""

import base64
import hmac
import struct
from urllib.parse import quote

from workgate.domain.ids import Milliseconds

SECRET_BYTES = 20  # RFC 4226 §4, R6: 160 bits are recommended
DIGITS = 6
STEP_SECONDS = 30
_DRIFT = 1
_LONGEST_NAME = 40


def step_at(now: Milliseconds) -> int:
    """The time step that an instant lies in (RFC 6238 §4.2)."""
    return now // (STEP_SECONDS * 1000)


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0xF
    (number,) = struct.unpack_from(">I", digest, offset)
    return f"{(number & 0x7FFF_FFFF) % 10**digits:0{digits}d}"


def matching_step(secret: bytes, code: str, now: Milliseconds) -> int | None:
    """Give the latest step near the present whose code this is; None: it is none of theirs.

    All are compared whichever matches, so that the time it takes tells nothing.
    """
    entered = "".join(code.split()).encode(errors="replace")
    present, found = step_at(now), None
    for step in range(max(0, present - _DRIFT), present + _DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), entered):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """The secret as one types it into an app: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def provisioning_uri(secret: bytes, *, issuer: str, account: str) -> str:
    """What an app reads from the QR code; without the parameters that all of them take for granted anyway.

    Long names are cut off, so that the QR code can still be read.
    """
    names = [quote(_label(name), safe="") for name in (issuer, account)]
    return f"otpauth://totp/{names[0]}:{names[1]}?secret={secret_text(secret)}&issuer={names[0]}"


def _label(name: str) -> str:
    """A name without the colon that parts the two of them."""
    return name.replace(":", " ").strip()[:_LONGEST_NAME]
