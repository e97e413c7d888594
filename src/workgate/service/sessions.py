"""Signing in and out, and the check that every call makes: whose session is this, and is it alive?"""

import contextlib
from collections import Counter
from dataclasses import dataclass

from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind, TokenValue, read_token
from workgate.domain.accounts import LONGEST_USERNAME, Environment, Session, SessionOrigin, User, username_key, why_dead
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, EnvironmentId, Milliseconds, ObjectId, RowIds
from workgate.domain.limits import FailureLimit
from workgate.domain.ports import SessionStore, StoreUnavailable, UserStore
from workgate.ops.audit import AuditLog
from workgate.signin.password import Passwords


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPolicy:
    """When an account is locked, and how many failures a minute are borne."""

    lock_tries: int = 5
    lock_minutes: int = 10
    failures_per_address: int = 30
    failures_per_account: int = 20


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody signed in; ``token`` is the new session's ID."""

    token: TokenValue
    session: Session


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """Wrong name or password, a locked or a disabled account: nobody is told which."""

    reference: str | None


@dataclass(frozen=True, slots=True)
class SignInLimited:
    """Too many failures: wait so many seconds."""

    retry_after: int


SignIn = SignedIn | SignInRefused | SignInLimited


class SessionService:
    """Sessions of every origin, in every environment."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        users: UserStore,
        passwords: Passwords,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
        policy: SignInPolicy,
        overlap_seconds: int,
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._passwords = passwords
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._policy = policy
        self._overlap_seconds = overlap_seconds
        self._by_address = FailureLimit(policy.failures_per_address)
        self._by_account = FailureLimit(policy.failures_per_account)
        self._under_way: Counter[str] = Counter()

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

    async def sign_in(
        self, environment: Environment, *, username: str, password: str, origin: SessionOrigin, address: str
    ) -> SignIn:
        """Check a user name and password and open a session.

        Raises:
            StoreUnavailable: nothing was counted and nothing opened.
        """
        now = self._clock.now()
        if len(username) > LONGEST_USERNAME:
            username = ""  # nobody's, as that one is, and cheap to compare
        account = (environment.environment_id, username_key(username))
        waits = [
            wait
            for wait in (self._by_address.wait(address, now), self._by_account.wait(account, now))
            if wait is not None
        ]
        if waits:
            return SignInLimited(max(waits))
        # Those under way count too: a burst would queue before its first failure is known.
        if self._under_way[address] >= self._policy.failures_per_address:
            return SignInLimited(1)
        self._under_way[address] += 1
        try:
            return await self._check_password(environment, username, password, origin, address)
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    async def _check_password(
        self, environment: Environment, username: str, password: str, origin: SessionOrigin, address: str
    ) -> SignIn:
        record = await self._users.sign_in_record(environment.environment_id, username)
        correct = await self._passwords.verify(record.password_hash if record else None, password)
        now = self._clock.now()
        user = record.user if record else None
        if record is None or user is None:
            reason = "no user has this user name"
        elif record.locked_until is not None and now < record.locked_until:
            reason = f"the account is locked for another {(record.locked_until - now) // 1000} s"
        elif not correct:
            reason = "wrong password"
        elif await self._users.signed_in(user, now=now):
            return await self._open(environment, user, origin, address, now)
        else:
            reason = "the account is disabled or was locked meanwhile"
        reference = self._audit.refuse(
            AuditEvent.SIGN_IN_FAILED,
            environment,
            reason=reason,
            actor=user.user_id if user else None,
            address=address,
        )
        await self._count_failure(environment, None if correct else user, address, now)
        self._by_address.failed(address, now)
        self._by_account.failed((environment.environment_id, username_key(username)), now)
        return SignInRefused(reference)

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

    async def _count_failure(
        self, environment: Environment, user: User | None, address: str, now: Milliseconds
    ) -> None:
        """Count a wrong password, of nobody too: both wait for the same commit, so that time does not tell."""
        lock_until = Milliseconds(now + self._policy.lock_minutes * 60_000)
        user = user or _nobody(environment)
        if await self._users.failed_sign_in(user, now=now, tries=self._policy.lock_tries, lock_until=lock_until):
            locked = self._audit.entry(
                AuditEvent.ACCOUNT_LOCKED,
                environment,
                actor=user.user_id,
                address=address,
                reason=f"{self._policy.lock_tries} wrong passwords, locked for {self._policy.lock_minutes} min",
            )
            self._audit.record(locked)

    async def _open(
        self, environment: Environment, user: User, origin: SessionOrigin, address: str, now: Milliseconds
    ) -> SignIn:
        row_id, salt = self._ids.next(now), self._entropy(SALT_BYTES)
        await self._sessions.open_session(
            environment.environment_id,
            row_id,
            user=user,
            origin=origin,
            salt=salt,
            now=now,
            limits=environment.session_limits(now),
        )
        session = await self._sessions.session(environment.environment_id, row_id, 0)
        if session is None:
            raise LookupError("a session that was just opened cannot be read")
        self._audit.record(
            self._audit.entry(
                AuditEvent.SIGNED_IN, environment, actor=user.user_id, address=address, reason=origin.value
            )
        )
        token = self._mint.derive(
            TokenKind.SESSION,
            key_id=self._mint.current_key(now),
            environment_id=environment.environment_id,
            row_id=row_id,
            generation=0,
            epoch=session.epoch,
            salt=salt,
        )
        return SignedIn(token, session)


def _nobody(environment: Environment) -> User:
    return User(
        environment_id=environment.environment_id,
        user_id=ObjectId(""),
        username="",
        first_name="",
        last_name="",
        email="",
        is_admin=False,
        is_active=False,
        session_epoch=0,
    )
