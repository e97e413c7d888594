"""The refresh grant (RFC 6749 §6): rotate, renew, repeat a lost answer, or recognise a replay."""

from dataclasses import dataclass

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import Application, Authorization, AuthorizationStatus
from workgate.oauth.errors import Fault, Refusal

_CLOCKS_APART = 5000
"""Milliseconds by which two nodes' clocks may differ."""


@dataclass(frozen=True, slots=True)
class Rotate:
    """Issue the next generation; the presented one ends."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Rotation is off: open another session, the refresh token stays."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The answer of the last rotation may have been lost: give the same pair again."""


@dataclass(frozen=True, slots=True)
class RefreshReplay:
    """A rotated token came back after its time: revoke the authorization (RFC 9700 §4.14.2)."""

    refusal: Refusal


RefreshDecision = Rotate | Renew | Repeat | RefreshReplay | Refusal


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How long a lost answer may be fetched again, in seconds."""

    retry_seconds: int = 30


def decide(
    *,
    authorization: Authorization,
    application: Application,
    generation: int,
    now: Milliseconds,
    policy: RefreshPolicy,
) -> RefreshDecision:
    """Decide over an authentic refresh token.

    Args:
        authorization: the row that the token names, its MAC verified.
        application: the authenticated client.
        generation: the token's.
        now: the present instant.
        policy: the retry window.
    """
    if authorization.client_id != application.client_id:
        return _refuse(f"the refresh token belongs to client {authorization.client_id}")
    if authorization.status is not AuthorizationStatus.ACTIVE:
        return _refuse(f"the authorization is {authorization.status.name.lower()}")
    if not authorization.user_active:
        return _refuse("the user is disabled")
    expired = why_expired(authorization, application, now)
    if expired is not None:
        return _refuse(expired)
    current = authorization.generation
    if generation == current:
        return Rotate() if application.rotates else Renew()
    if generation == current - 1 and authorization.rotated_at is not None:
        age = now - authorization.rotated_at
        if -_CLOCKS_APART <= age < policy.retry_seconds * 1000:
            return Repeat() if application.rotates else _refuse("rotation was switched off since")
    return RefreshReplay(
        Refusal(
            fault=Fault.REFRESH_TOKEN_INVALID,
            reason=f"generation {generation} replayed, current is {current}",
        )
    )


def why_expired(authorization: Authorization, application: Application, now: Milliseconds) -> str | None:
    """Say which of the two expiries has passed, or None.

    The absolute one counts from consent, the inactivity one from the user's last activity (contract §2.5).
    """
    absolute, inactivity = application.refresh_absolute_seconds, application.refresh_inactivity_seconds
    if absolute is not None and now >= authorization.consented_at + absolute * 1000:
        return f"the absolute expiry of {absolute} s after consent has passed"
    if inactivity is not None and now >= authorization.active_at + inactivity * 1000:
        return f"there was no activity for {inactivity} s"
    return None


def expires_at(authorization: Authorization, application: Application) -> Milliseconds | None:
    """When the refresh token expires if nothing happens any more; None: never."""
    ends = [
        start + seconds * 1000
        for start, seconds in (
            (authorization.consented_at, application.refresh_absolute_seconds),
            (authorization.active_at, application.refresh_inactivity_seconds),
        )
        if seconds is not None
    ]
    return Milliseconds(min(ends)) if ends else None


def still_valid_after(application: Application, now: Milliseconds) -> tuple[Milliseconds, Milliseconds]:
    """After which instants consent and last activity must lie for a refresh now: the conditional write's bounds."""
    absolute, inactivity = application.refresh_absolute_seconds, application.refresh_inactivity_seconds
    return (
        Milliseconds(-1 if absolute is None else now - absolute * 1000),
        Milliseconds(-1 if inactivity is None else now - inactivity * 1000),
    )


def _refuse(reason: str) -> Refusal:
    return Refusal(fault=Fault.REFRESH_TOKEN_INVALID, reason=reason)
