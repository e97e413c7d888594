"""Where somebody is signed in: the list of it, the end of one, and the end of all others at once.

Sessions of applications are no part of it: they end with the connection (``service/connections.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workgate.domain.accounts import Environment, Session
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, RowId
from workgate.domain.own_sessions import OwnSession
from workgate.domain.sign_in_ports import OwnSessionStore
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class OwnSessionPage:
    """Some sessions, the newest first. ``following`` is where the next page begins; None: there is none."""

    sessions: Sequence[OwnSession]
    following: RowId | None


class OwnSessions:
    """A person's own sessions, seen from one of them."""

    def __init__(self, *, store: OwnSessionStore, clock: Clock, audit: AuditLog) -> None:
        self._store = store
        self._clock = clock
        self._audit = audit

    async def page(self, session: Session, *, before: RowId | None, limit: int) -> OwnSessionPage:
        """List where the user of a session is signed in, a page at a time."""
        limit = max(1, min(limit, LARGEST_PAGE))
        found = await self._store.sessions_of(session.user, now=self._clock.now(), before=before, limit=limit + 1)
        return OwnSessionPage(found[:limit], found[limit - 1].row_id if len(found) > limit else None)

    async def end(self, environment: Environment, session: Session, row_id: RowId, *, address: str) -> bool:
        """End one session of the user; False: there is none of that ID.

        Raises:
            StoreUnavailable: nothing ended.
        """
        return await until_new(
            lambda: self._store.end_own(
                session.user,
                row_id,
                record=Acting(session.user, address).entry(
                    self._audit, AuditEvent.SIGNED_OUT, environment, reason="ended on the page of sessions"
                ),
            )
        )

    async def end_others(self, environment: Environment, session: Session, *, address: str) -> bool:
        """End every session that the user signed in for but this one; False: there was no other.

        Raises:
            StoreUnavailable: nothing ended.
        """
        return await until_new(
            lambda: self._store.end_others(
                session.user,
                session.row_id,
                record=Acting(session.user, address).entry(self._audit, AuditEvent.SESSIONS_ENDED, environment),
            )
        )
