"""Showing once more who one is, by the password, in a browser that is signed in already.

It opens a session in place of the present one: that somebody signed in lately is then told by the session itself.
"""

from workgate.domain.accounts import Session, SessionOrigin
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock
from workgate.domain.ports import UserStore
from workgate.domain.signing_in import why_locked
from workgate.ops.audit import AuditLog
from workgate.service.sessions import Opened, SessionService
from workgate.service.signing_in import Arrival, SigningIn, SignInLimited, SignInRefused
from workgate.signin.password import Passwords


class Confirming:
    """Checks the password of whoever is signed in."""

    def __init__(
        self,
        *,
        signing_in: SigningIn,
        sessions: SessionService,
        users: UserStore,
        passwords: Passwords,
        clock: Clock,
        audit: AuditLog,
    ) -> None:
        self._signing_in = signing_in
        self._sessions = sessions
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._audit = audit

    async def by_password(
        self, arrival: Arrival, session: Session, password: str
    ) -> Opened | SignInRefused | SignInLimited:
        """Exchange a session for a new one of the same user; a wrong password counts as at the sign-in.

        Raises:
            StoreUnavailable: nothing was counted and nothing opened.
        """
        user = session.user
        limited = self._signing_in.limited(arrival, user.username)
        if limited is not None:
            return limited
        account = await self._users.account(user.environment_id, user.user_id)
        correct = await self._passwords.verify(account.password_hash if account else None, password)
        now = self._clock.now()
        reason = (why_locked(account, now) if account else None) or (None if correct else "wrong password")
        # The write decides: of many guesses at once no more count than an account may fail.
        if reason is None and not await self._users.signed_in(user, now=now, locked_too=False):
            reason = "the account is disabled or was locked meanwhile"
        if reason is not None:
            return await self._signing_in.failed(arrival, user.username, account, f"once more: {reason}")
        opened = await self._sessions.open(
            arrival.environment, user, SessionOrigin.BROWSER, address=arrival.address, agent=arrival.agent
        )
        self._audit.record(
            self._audit.entry(
                AuditEvent.SIGNED_IN,
                arrival.environment,
                actor=user.user_id,
                address=arrival.address,
                reason="browser, password once more",
            )
        )
        await self._sessions.sign_out(arrival.environment, session, arrival.address)
        return opened
