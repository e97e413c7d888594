"""Opening and ending sessions, and the check that every call makes: whose session is this, and is it alive?"""

import contextlib
from dataclasses import dataclass

from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind, TokenValue, read_token
from workgate.domain.accounts import Environment, Session, SessionOrigin, User, why_dead
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, EnvironmentId, RowIds
from workgate.domain.ports import SessionStore, StoreUnavailable
from workgate.ops.audit import AuditLog

_LONGEST_ADDRESS = 64
_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened; ``token`` is its ID."""

    token: TokenValue
    session: Session


class SessionService:
    """Sessions of every origin, in every environment."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
        overlap_seconds: int,
    ) -> None:
        self._sessions = sessions
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._overlap_seconds = overlap_seconds

    async def check(self, environment_id: EnvironmentId, session_id: str) -> Session | None:
        """Give the live session that a session ID names, and note that it was used; None: not signed in.

        Raises:
            StoreUnavailable: it could not be looked up.
        """
        session = await self.find(environment_id, session_id)
        if session is not None:
            now = self._clock.now()
            if now - session.last_seen_at >= session.seen_every:
                with contextlib.suppress(StoreUnavailable):  # reading goes on when the disk takes no more
                    await self._sessions.touch(session, now)
        return session

    async def find(self, environment_id: EnvironmentId, session_id: str) -> Session | None:
        """The same without counting as a use."""
        token = read_token(TokenKind.SESSION, session_id)
        if token is None:
            return None
        session = await self._sessions.session(environment_id, token.row_id, token.generation)
        if session is None or not self._mint.verify(
            token, environment_id=environment_id, epoch=session.epoch, salt=session.salt
        ):
            return None
        return None if why_dead(session, self._clock.now(), self._overlap_seconds) else session

    async def sign_out(self, environment: Environment, session: Session, address: str) -> None:
        """End a session everywhere, at once."""
        if await self._sessions.end_session(session):
            of_application = session.client_id is not None
            signed_out = self._audit.entry(
                AuditEvent.SESSION_ENDED if of_application else AuditEvent.SIGNED_OUT,
                environment,
                actor=session.user.user_id,
                client_id=session.client_id,
                address=address,
            )
            self._audit.record(signed_out)

    async def open(
        self, environment: Environment, user: User, origin: SessionOrigin, *, address: str, agent: str
    ) -> Opened:
        """Open a session of somebody who signed in.

        Args:
            environment: where.
            user: who.
            origin: how.
            address: from where.
            agent: what the browser or program says it is.

        Raises:
            StoreUnavailable: nothing was opened.
        """
        now = self._clock.now()
        row_id, salt = self._ids.next(now), self._entropy(SALT_BYTES)
        await self._sessions.open_session(
            environment.environment_id,
            row_id,
            user=user,
            origin=origin,
            salt=salt,
            now=now,
            limits=environment.session_limits(now),
            address=address[:_LONGEST_ADDRESS],
            agent="".join(filter(str.isprintable, agent))[:_LONGEST_AGENT],
        )
        session = await self._sessions.session(environment.environment_id, row_id, 0)
        if session is None:
            raise LookupError("a session that was just opened cannot be read")
        token = self._mint.derive(
            TokenKind.SESSION,
            key_id=self._mint.current_key(now),
            environment_id=environment.environment_id,
            row_id=row_id,
            generation=0,
            epoch=session.epoch,
            salt=salt,
        )
        return Opened(token, session)
