"""Signing in, step by step: a password or a provider's word first, then whatever the account and the environment ask.

What somebody has shown so far is carried by their own browser in a signed ticket, for ten minutes; nothing is open
before the last step. Each step that fails counts as a wrong password does, so no step can be guessed.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

import msgspec

from workgate.crypto.tickets import issue_ticket, open_ticket
from workgate.crypto.tokens import Mint, TokenValue
from workgate.domain.accounts import LONGEST_USERNAME, Environment, Session, SessionOrigin, User, username_key
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Milliseconds, ObjectId
from workgate.domain.limits import FailureLimit
from workgate.domain.ports import UserStore
from workgate.domain.sign_in_ports import SignInRulesStore
from workgate.domain.signing_in import (
    Account,
    FirstStep,
    PasswordPolicy,
    SignInRules,
    Step,
    owed,
    why_locked,
    why_no_password,
)
from workgate.ops.audit import AuditLog
from workgate.service.sessions import SessionService
from workgate.signin.password import Passwords

PENDING_SECONDS = 600
_PURPOSE = b"pending sign-in"
# Browsers keep no cookie of more than 4096 bytes. Whoever comes with a longer address goes to the start page instead.
_LARGEST_PAYLOAD = 2900


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPolicy:
    """When an account is locked if its environment does not say, and how many failures a minute are borne."""

    lock_tries: int = 5
    lock_minutes: int = 10
    failures_per_address: int = 30
    failures_per_account: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """From where somebody signs in.

    ``browser`` is what the browser's sign-in form is bound to; None: a program, which can show no further step.
    ``target`` is the path of ours that the browser wants to.
    """

    environment: Environment
    address: str
    agent: str
    browser: bytes | None = None
    target: str = "/"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody signed in; ``token`` is the new session's ID."""

    token: TokenValue
    session: Session
    target: str


@dataclass(frozen=True, slots=True)
class MoreToDo:
    """The sign-in owes a step; ``ticket`` says what was shown so far."""

    step: Step
    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """Wrong name or password, a locked or a disabled account: nobody is told which."""

    reference: str | None


@dataclass(frozen=True, slots=True)
class SignInLimited:
    """Too many failures: wait so many seconds."""

    retry_after: int


SignIn = SignedIn | MoreToDo | SignInRefused | SignInLimited


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way: whose, what it owes now, and where it leads."""

    account: Account
    rules: SignInRules
    step: Step
    target: str
    first: FirstStep
    done: frozenset[Step]


class _Ticket(msgspec.Struct, array_like=True, frozen=True):
    user_id: str
    session_epoch: int
    first: FirstStep
    done: list[Step]
    target: str


class SigningIn:
    """Sign-ins of people, in every environment."""

    def __init__(
        self,
        *,
        sessions: SessionService,
        users: UserStore,
        rules: SignInRulesStore,
        passwords: Passwords,
        mint: Mint,
        clock: Clock,
        audit: AuditLog,
        policy: SignInPolicy,
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._rules = rules
        self._passwords = passwords
        self._mint = mint
        self._clock = clock
        self._audit = audit
        self._policy = policy
        self._by_address = FailureLimit(policy.failures_per_address)
        self._by_account = FailureLimit(policy.failures_per_account)
        self._under_way: Counter[str] = Counter()

    async def by_password(self, arrival: Arrival, *, username: str, password: str, origin: SessionOrigin) -> SignIn:
        """Check a user name and password, the first step of most sign-ins.

        Raises:
            StoreUnavailable: nothing was counted and nothing opened.
        """
        if len(username) > LONGEST_USERNAME:
            username = ""  # nobody's, as that one is, and cheap to compare
        limited = self.limited(arrival, username)
        if limited is not None:
            return limited
        # Those under way count too: a burst would queue before its first failure is known.
        address = arrival.address
        if self._under_way[address] >= self._policy.failures_per_address:
            return SignInLimited(1)
        self._under_way[address] += 1
        try:
            return await self._check_password(arrival, username, password, origin)
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    async def by_provider(self, arrival: Arrival, user: User) -> SignIn:
        """Sign in somebody whom an identity provider of the environment vouched for.

        A lock, which wrong passwords brought about, does not keep them out.

        Raises:
            StoreUnavailable: nothing was opened.
        """
        account = await self._users.account(user.environment_id, user.user_id)
        if account is None:
            return self._refused(arrival, None, "the user is gone")
        rules = await self._rules.rules(arrival.environment.environment_id)
        return await self._go_on(arrival, account, rules, FirstStep.SSO, frozenset(), SessionOrigin.BROWSER)

    async def pending(self, arrival: Arrival, ticket: str) -> Pending | None:
        """Tell whose sign-in a ticket carries on; None: it is forged, too old, another browser's, or settled.

        Raises:
            StoreUnavailable: it could not be looked up.
        """
        if arrival.browser is None:
            return None
        now = self._clock.now()
        payload = open_ticket(
            self._mint, ticket, purpose=_PURPOSE, binding=_bound(arrival), now=now, seconds=PENDING_SECONDS
        )
        if payload is None:
            return None
        shown = msgspec.json.decode(payload, type=_Ticket)
        account = await self._users.account(arrival.environment.environment_id, ObjectId(shown.user_id))
        if account is None or not account.user.is_active or account.user.session_epoch != shown.session_epoch:
            return None
        rules = await self._rules.rules(arrival.environment.environment_id)
        done = frozenset(shown.done)
        step = owed(rules, account, now, first=shown.first, done=done)
        return None if step is None else Pending(account, rules, step, shown.target, shown.first, done)

    async def done(self, arrival: Arrival, pending: Pending) -> SignIn:
        """Carry on a sign-in whose pending step was just shown: to the next step, or to the end.

        Raises:
            StoreUnavailable: nothing was opened.
        """
        user = pending.account.user
        account = await self._users.account(user.environment_id, user.user_id)
        if account is None:
            return self._refused(arrival, None, "the user is gone")
        if account.user.session_epoch != user.session_epoch:
            return self._refused(arrival, account, "all sign-ins of the user were ended meanwhile")
        done = pending.done | {pending.step}
        onward = replace(arrival, target=pending.target)
        return await self._go_on(onward, account, pending.rules, pending.first, done, SessionOrigin.BROWSER)

    def limited(self, arrival: Arrival, username: str) -> SignInLimited | None:
        """Tell whether so much failed here lately that nothing more is tried now."""
        now = self._clock.now()
        account = (arrival.environment.environment_id, username_key(username))
        waits = (self._by_address.wait(arrival.address, now), self._by_account.wait(account, now))
        retry_after = max((wait for wait in waits if wait is not None), default=None)
        return None if retry_after is None else SignInLimited(retry_after)

    async def failed(self, arrival: Arrival, username: str, account: Account | None, reason: str) -> SignInRefused:
        """Count a failed step against the account and the address, and refuse; enough of them lock the account.

        Nobody's failures wait for the same commit, so that time does not tell who there is.

        Raises:
            StoreUnavailable: nothing was counted.
        """
        rules = await self._rules.rules(arrival.environment.environment_id)
        # The record comes first: so it is in the commit that the count waits for.
        refused = self._refused(arrival, account, reason)
        await self._count(arrival, username, account.user if account else None, rules.passwords)
        return refused

    async def _check_password(self, arrival: Arrival, username: str, password: str, origin: SessionOrigin) -> SignIn:
        environment_id = arrival.environment.environment_id
        account = await self._users.account_named(environment_id, username)
        correct = await self._passwords.verify(account.password_hash if account else None, password)
        rules = await self._rules.rules(environment_id)
        if account is None:
            outcome: SignIn = self._refused(arrival, None, "no user has this user name")
        elif (reason := self._why_refused(account, rules, correct=correct)) is not None:
            outcome = self._refused(arrival, account, reason)
        else:
            outcome = await self._go_on(arrival, account, rules, FirstStep.PASSWORD, frozenset(), origin)
        if isinstance(outcome, SignInRefused):
            # Whoever it was, and if it was nobody: one way, so that time does not tell.
            guessed = account.user if account is not None and not correct else None
            await self._count(arrival, username, guessed, rules.passwords)
        return outcome

    def _why_refused(self, account: Account, rules: SignInRules, *, correct: bool) -> str | None:
        reason = why_locked(account, self._clock.now()) or (None if correct else "wrong password")
        return reason or why_no_password(rules, account)

    async def _go_on(
        self,
        arrival: Arrival,
        account: Account,
        rules: SignInRules,
        first: FirstStep,
        done: frozenset[Step],
        origin: SessionOrigin,
    ) -> SignIn:
        now = self._clock.now()
        user = account.user
        step = owed(rules, account, now, first=first, done=done)
        if step is not None:
            if arrival.browser is None or not user.is_active:
                return self._refused(arrival, account, f"the sign-in owes a step that only a browser can show: {step}")
            shown = _Ticket(user.user_id, user.session_epoch, first, sorted(done), arrival.target)
            payload = msgspec.json.encode(shown)
            if len(payload) > _LARGEST_PAYLOAD:
                payload = msgspec.json.encode(msgspec.structs.replace(shown, target="/"))
            binding = _bound(arrival)
            return MoreToDo(step, issue_ticket(self._mint, purpose=_PURPOSE, binding=binding, payload=payload, now=now))
        if not await self._users.signed_in(user, now=now, locked_too=first is FirstStep.SSO):
            return self._refused(arrival, account, "the account is disabled or was locked meanwhile")
        opened = await self._sessions.open(
            arrival.environment, user, origin, address=arrival.address, agent=arrival.agent
        )
        how = [origin.value, first.value, *sorted(done)]
        self._audit.record(
            self._audit.entry(
                AuditEvent.SIGNED_IN,
                arrival.environment,
                actor=user.user_id,
                address=arrival.address,
                reason=", ".join(how),
            )
        )
        return SignedIn(opened.token, opened.session, arrival.target)

    async def _count(self, arrival: Arrival, username: str, user: User | None, policy: PasswordPolicy) -> None:
        now = self._clock.now()
        self._by_address.failed(arrival.address, now)
        self._by_account.failed((arrival.environment.environment_id, username_key(username)), now)
        tries = policy.lock_tries or self._policy.lock_tries
        minutes = policy.lock_minutes or self._policy.lock_minutes
        lock_until = Milliseconds(now + minutes * 60_000)
        user = user or _nobody(arrival.environment)
        if await self._users.failed_sign_in(user, now=now, tries=tries, lock_until=lock_until):
            locked = self._audit.entry(
                AuditEvent.ACCOUNT_LOCKED,
                arrival.environment,
                actor=user.user_id,
                address=arrival.address,
                reason=f"{tries} wrong tries, locked for {minutes} min",
            )
            self._audit.record(locked)

    def _refused(self, arrival: Arrival, account: Account | None, reason: str) -> SignInRefused:
        reference = self._audit.refuse(
            AuditEvent.SIGN_IN_FAILED,
            arrival.environment,
            reason=reason,
            actor=account.user.user_id if account else None,
            address=arrival.address,
        )
        return SignInRefused(reference)


def _bound(arrival: Arrival) -> bytes:
    """What a ticket belongs to: this browser, in this environment."""
    return b"%d " % arrival.environment.environment_id + (arrival.browser or b"")


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
