"""The JWT exchange of machine-to-machine applications (contract §2.7): may this JWT open a session now, and for whom?

The claims are RFC 7519's, and their meaning is nearly that of RFC 7523 §3; but ``iss`` is the customer's ID, or the
client's, and there is no ``aud``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationKey
from workgate.oauth.errors import Fault, Refusal

LEEWAY_SECONDS = 30
LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything was verified: use the JWT up and open a session for the key's user."""

    expires_at: Milliseconds


def decide(
    *, claims: Mapping[str, object], key: ApplicationKey | None, customer_id: str, now: Milliseconds
) -> Exchange | Refusal:
    """Decide over a JWT.

    Args:
        claims: what it says.
        key: the application's key that signed it, or None: none did.
        customer_id: of the environment.
        now: the present instant.
    """
    if key is None:
        return _refuse("none of the application's keys signed it")
    issuer, subject = claims.get("iss"), claims.get("sub")
    if issuer not in (customer_id, key.client_id):
        return _refuse(f"iss is {_short(issuer)}, the customer ID is {customer_id!r}")
    if subject != key.user_id:
        return _refuse(f"sub is {_short(subject)}, but the key that signed it is of user {key.user_id!r}")
    expires = _instant(claims.get("exp"))
    if expires is None:
        return _refuse(f"exp is {_short(claims.get('exp'))}, not a number of seconds since 1970")
    leeway = LEEWAY_SECONDS * 1000
    if now >= expires + leeway:
        return _refuse(f"it expired {(now - expires) / 1000:.0f} s ago")
    if expires > now + LONGEST_SECONDS * 1000 + leeway:
        return _refuse(f"it expires in {(expires - now) / 1000:.0f} s; {LONGEST_SECONDS} are the most")
    for name in ("nbf", "iat"):
        if name not in claims:
            continue
        begins = _instant(claims[name])
        if begins is None:
            return _refuse(f"{name} is {_short(claims[name])}, not a number of seconds since 1970")
        if begins > now + leeway:
            return _refuse(f"{name} is {(begins - now) / 1000:.0f} s in the future")
    return Exchange(expires)


def _instant(value: object) -> Milliseconds | None:
    """A NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Milliseconds(int(value * 1000)) if 0 <= value < 2**40 else None


def _short(value: object) -> str:
    return repr(value)[:60]


def _refuse(reason: str) -> Refusal:
    return Refusal(fault=Fault.JWT_INVALID, reason=reason)
