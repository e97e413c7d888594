"""Environments, users and sessions as values, and the one rule that says when a session is dead.

What every request makes anew is a named tuple: making a frozen dataclass of that many fields costs three times as much.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId

SESSION_SLOTS = 16
"""How many sessions one authorization can hold at once; the oldest gives way to the newest."""
LONGEST_USERNAME = 254


@dataclass(frozen=True, slots=True)
class Environment:
    """One organisation's ``domain`` in one ``lane``. Nothing is shared between two of them."""

    environment_id: EnvironmentId
    customer_id: ObjectId
    domain: str
    lane: str
    name: str
    session_idle_seconds: int
    session_absolute_seconds: int

    def session_limits(self, now: Milliseconds) -> "SessionLimits":
        """The limits of a session that is opened now."""
        ends = Milliseconds(now + self.session_absolute_seconds * 1000)
        return SessionLimits(self.session_idle_seconds, ends)


class User(NamedTuple):
    """A person of one environment. ``user_id`` is what tokens call ``wid``."""

    environment_id: EnvironmentId
    user_id: ObjectId
    username: str
    first_name: str
    last_name: str
    email: str
    is_admin: bool
    is_active: bool
    session_epoch: int

    @property
    def name(self) -> str:
        """What pages and the API call this person."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


class SessionOrigin(StrEnum):
    """How a session was opened."""

    BROWSER = "browser"
    API = "api"
    APPLICATION = "application"


class SessionLimits(NamedTuple):
    """How long a session to be opened may live: unused, and at all."""

    idle_seconds: int
    absolute_expires_at: Milliseconds


class Session(NamedTuple):
    """A session with what decides whether it is alive, as one read finds it.

    A session of an authorization carries the authorization's row ID and is told from its others by
    ``sequence``; ``replaced_at`` is when the next one was opened; ``latest_sequence``, ``rotates``,
    ``inactivity_seconds`` and ``authorization_live`` are that
    authorization's. A session that a person opened has ``client_id`` None. ``registry_version`` is the
    environment's, as in ``Authorization``.
    """

    environment_id: EnvironmentId
    row_id: RowId
    sequence: int
    origin: SessionOrigin
    user: User
    user_epoch: int
    client_id: ClientId | None
    salt: bytes
    epoch: int
    opened_at: Milliseconds
    last_seen_at: Milliseconds
    idle_seconds: int
    absolute_expires_at: Milliseconds
    authorization_live: bool
    application_exists: bool
    rotates: bool
    latest_sequence: int
    replaced_at: Milliseconds | None
    inactivity_seconds: int | None = None
    registry_version: int = 0

    def __repr__(self) -> str:
        """Leave the salt out of tracebacks and logs."""
        return f"Session({self.row_id}.{self.sequence} of {self.user.user_id}, {self.origin})"

    @property
    def binding(self) -> bytes:
        """What forms of this session are bound to."""
        return f"{self.environment_id}.{self.row_id}.{self.sequence}".encode()

    @property
    def seen_every(self) -> int:
        """How fine, in milliseconds, use must be noted for the expiries that count from it to be true."""
        seconds = min(self.idle_seconds, self.inactivity_seconds or self.idle_seconds)
        return min(60_000, seconds * 100)

    def seconds_left(self, now: Milliseconds) -> int:
        """How long the session lives on if nobody uses it, in whole seconds, at least 1."""
        ends = min(self.last_seen_at + self.idle_seconds * 1000, self.absolute_expires_at)
        return max(1, (ends - now) // 1000)


def why_dead(session: Session, now: Milliseconds, overlap_seconds: int) -> str | None:
    """Say why a session no longer counts, or None while it is alive.

    Args:
        session: as read.
        now: the present instant.
        overlap_seconds: how long the session before the latest lives on after a rotation.
    """
    if not session.user.is_active:
        return "the user is disabled"
    if session.user_epoch != session.user.session_epoch:
        return "all sessions of the user were ended"
    if now >= session.absolute_expires_at:
        return "the session's absolute lifetime is over"
    if now >= session.last_seen_at + session.idle_seconds * 1000:
        return "the session was idle too long"
    if session.client_id is None:
        return None
    return _why_application_session_dead(session, now, overlap_seconds)


def _why_application_session_dead(session: Session, now: Milliseconds, overlap_seconds: int) -> str | None:
    if not session.application_exists:
        return "the application was deleted"
    if not session.authorization_live:
        return "the authorization was revoked"
    if not session.rotates or session.sequence == session.latest_sequence:
        return None
    # Calls that were under way when a refresh replaced this session may finish.
    if session.replaced_at is not None and now < session.replaced_at + overlap_seconds * 1000:
        return None
    return "a refresh replaced this session"


def username_key(username: str) -> str:
    """The form under which user names are compared: compatibility caseless matching (Unicode 3.13, D146).

    The cost grows with the square of the length: of what strangers send, check the length first.
    """
    folded = unicodedata.normalize("NFD", username).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold()).strip()
