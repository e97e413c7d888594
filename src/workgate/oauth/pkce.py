"""Proof Key for Code Exchange, S256 only (RFC 7636)."""

import base64
import hashlib
import hmac
import re

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def valid_verifier(code_verifier: str) -> bool:
    """Tell whether a verifier is well-formed (RFC 7636 §4.1)."""
    return _VERIFIER.fullmatch(code_verifier) is not None


def valid_challenge(code_challenge: str) -> bool:
    """Tell whether this can be an S256 challenge: 32 bytes in base64url without padding (§4.2)."""
    if not _CHALLENGE.fullmatch(code_challenge):
        return False
    # The last character of a 32-byte value carries two unused bits: they must be zero.
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(code_challenge + "="))[:43].decode() == code_challenge


def s256(code_verifier: str) -> str:
    """Compute the ``code_challenge`` of a verifier (§4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def verify(*, code_verifier: str, code_challenge: str) -> bool:
    """Compare a well-formed verifier with the challenge of the authorization request (§4.6)."""
    return hmac.compare_digest(s256(code_verifier), code_challenge)
