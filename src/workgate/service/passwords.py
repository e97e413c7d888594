"""Choosing passwords: what the environment's policy says of a new one, and what changing it ends and keeps.

Whoever changes a password stays signed in, under a new session ID; every other session of the user ends, and so do
mailed links. Consents stay (``docs/what-ends-when.md``).
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import partial

from workgate.domain.accounts import Environment, SessionOrigin, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, RowId
from workgate.domain.passwords import LONGEST_PASSWORD, broken, history_rule, remembered, rules
from workgate.domain.ports import UserStore
from workgate.domain.problems import NotFound, Problem
from workgate.domain.sign_in_ports import PasswordStore, SignInRulesStore
from workgate.domain.signing_in import Account, PasswordPolicy, why_locked, why_no_password
from workgate.domain.texts import Text
from workgate.ops.audit import AuditLog
from workgate.service.acting import OPERATOR, Acting, until_new
from workgate.service.sessions import Opened, SessionService
from workgate.service.signing_in import Arrival, SigningIn, SignInLimited, SignInRefused
from workgate.signin.password import Passwords


@dataclass(frozen=True, slots=True)
class PasswordSet:
    """The password is the new one. ``account`` is as it was left: what anybody ends later does not count in it."""

    account: Account


@dataclass(frozen=True, slots=True)
class RulesBroken:
    """The policy does not take the password: each of the rules that it breaks, in words."""

    texts: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was changed: the account was disabled, or another change came first."""


class PasswordDesk:
    """Takes the passwords that are chosen for accounts, and keeps to the policy of their environments."""

    def __init__(
        self,
        *,
        users: UserStore,
        store: PasswordStore,
        rules: SignInRulesStore,
        passwords: Passwords,
        common: Container[str],
        clock: Clock,
        audit: AuditLog,
    ) -> None:
        self._users = users
        self._store = store
        self._rules = rules
        self._passwords = passwords
        self._common = common
        self._clock = clock
        self._audit = audit

    async def asked(self, environment: Environment, account: Account) -> Sequence[Text]:
        """Say what is asked of a new password, to be read before one is chosen."""
        policy = await self._policy(environment)
        texts = [rule.text for rule in rules(policy, account.user, environment, self._common)]
        history = history_rule(policy)
        return texts if history is None else [*texts, history]

    async def choose(
        self,
        environment: Environment,
        account: Account,
        new: str,
        *,
        event: AuditEvent,
        by: Acting,
        link_id: RowId | None = None,
    ) -> PasswordSet | RulesBroken | Overtaken:
        """Give an account the password that was chosen for it, if the policy takes it.

        Args:
            environment: where.
            account: whose, as it was read.
            new: the password.
            event: what the audit log calls it.
            by: who chose it.
            link_id: the mailed link that this uses up.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        policy = await self._policy(environment)
        texts = await self._broken(policy, environment, account, new)
        if texts:
            return RulesBroken(texts)
        changed = await self._set(policy, environment, account, new, event=event, by=by, link_id=link_id)
        return Overtaken() if changed is None else PasswordSet(changed)

    async def set_by_operator(self, environment: Environment, username: str, new: str, *, any_password: bool) -> None:
        """Give a user another password, on the operator's word; every session of the user ends.

        Args:
            environment: where.
            username: whose.
            new: the password.
            any_password: whether it may break the policy; then it must only be there, and not too long.

        Raises:
            Problem: nobody has that name, or the password is not usable; the message names every rule that it breaks.
        """
        account = await self._users.account_named(environment.environment_id, username)
        if account is None:
            raise NotFound(f"nobody in this environment has the user name {username!r}")
        policy = await self._policy(environment)
        texts = [] if any_password else await self._broken(policy, environment, account, new)
        if texts:
            raise Problem(f"the password does not keep to the policy: {' '.join(map(str, texts))}")
        if not 1 <= len(new) <= LONGEST_PASSWORD:
            raise Problem(f"the password must have 1 to {LONGEST_PASSWORD} characters")
        event = AuditEvent.PASSWORD_CHANGED
        if await self._set(policy, environment, account, new, event=event, by=OPERATOR, link_id=None) is None:
            raise Problem(f"{username!r} is disabled, or was changed at this moment: nothing was changed")

    async def _policy(self, environment: Environment) -> PasswordPolicy:
        return (await self._rules.rules(environment.environment_id)).passwords

    async def _broken(
        self, policy: PasswordPolicy, environment: Environment, account: Account, new: str
    ) -> Sequence[Text]:
        asked = rules(policy, account.user, environment, self._common)
        texts = await self._passwords.in_thread(
            partial(broken, asked, new)
        )  # the common words may have to be read first
        history = history_rule(policy)
        # To compare with one costs as much as a sign-in, so only what is good otherwise is compared.
        if not texts and history is not None and await self._was_used(policy, account, new):
            return [history]
        return texts

    async def _was_used(self, policy: PasswordPolicy, account: Account, new: str) -> bool:
        user = account.user
        former = await self._store.history(user.environment_id, user.user_id, remembered(policy) - 1)
        for password_hash in (account.password_hash, *former):
            if password_hash is not None and await self._passwords.verify(password_hash, new):
                return True
        return False

    async def _set(
        self,
        policy: PasswordPolicy,
        environment: Environment,
        account: Account,
        new: str,
        *,
        event: AuditEvent,
        by: Acting,
        link_id: RowId | None,
    ) -> Account | None:
        """Change it; gives the account as it is then, None if nothing was changed."""
        password_hash = await self._passwords.hash(new)
        user, now = account.user, self._clock.now()
        changed = await until_new(
            lambda: self._store.change_password(
                account,
                password_hash,
                now=now,
                keep=max(0, remembered(policy) - 1),
                link_id=link_id,
                record=by.entry(self._audit, event, environment, reason=f"of user {user.user_id}"),
            )
        )
        if not changed:
            return None
        user = user._replace(session_epoch=user.session_epoch + 1)
        return account._replace(user=user, password_hash=password_hash, locked_until=None, password_set_at=now)


class OwnPassword:
    """Changes the password of whoever is signed in, or has just shown the old one on the way there."""

    def __init__(
        self,
        *,
        desk: PasswordDesk,
        users: UserStore,
        rules: SignInRulesStore,
        signing_in: SigningIn,
        sessions: SessionService,
        passwords: Passwords,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._users = users
        self._rules = rules
        self._signing_in = signing_in
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def account(self, environment: Environment, user: User) -> Account | None:
        """Give the account of a user who signs in with a password; None: this one has none to change."""
        account = await self._users.account(environment.environment_id, user.user_id)
        if account is None or account.password_hash is None:
            return None
        rules = await self._rules.rules(environment.environment_id)
        return account if why_no_password(rules, account) is None else None

    async def asked(self, environment: Environment, account: Account) -> Sequence[Text]:
        """Say what is asked of the new password."""
        return await self._desk.asked(environment, account)

    async def change(
        self, arrival: Arrival, account: Account, *, current: str, new: str
    ) -> Opened | SignInRefused | SignInLimited | RulesBroken | Overtaken:
        """Change a password; whoever does must know the present one, and a wrong one counts as a failed sign-in.

        Returns:
            The session that replaces all of the user's, or why nothing was changed.

        Raises:
            StoreUnavailable: nothing was changed, or it was and the user has to sign in again.
        """
        user = account.user
        limited = self._signing_in.limited(arrival, user.username)
        if limited is not None:
            return limited
        correct = await self._passwords.verify(account.password_hash, current)
        # Read after it was compared: whoever guesses many at once is locked out by the wrong ones.
        seen = await self._users.account(user.environment_id, user.user_id)
        if seen is None or seen.user != user:
            return Overtaken()
        why_not = why_locked(seen, self._clock.now()) or (None if correct else "wrong present password")
        if why_not is not None:
            return await self._signing_in.failed(arrival, user.username, seen, why_not)
        chosen = await self.choose(arrival, seen, new)
        if not isinstance(chosen, PasswordSet):
            return chosen
        return await self._sessions.open(
            arrival.environment,
            chosen.account.user,
            SessionOrigin.BROWSER,
            address=arrival.address,
            agent=arrival.agent,
        )

    async def choose(self, arrival: Arrival, account: Account, new: str) -> PasswordSet | RulesBroken | Overtaken:
        """Give an account a new password for the one that was just shown.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        by = Acting(account.user, arrival.address)
        event = AuditEvent.PASSWORD_CHANGED
        return await self._desk.choose(arrival.environment, account, new, event=event, by=by)
