"""How people sign in to an environment, as values, and the rules that say what somebody still owes.

A sign-in has a first step, a password or an identity provider's word, and may owe more: the pure functions here say
what, of what the environment asks and what the account has.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from workgate.domain.accounts import User
from workgate.domain.ids import Milliseconds

_DAY = 86_400_000


class SsoMode(StrEnum):
    """Whether an environment's users sign in at an identity provider."""

    NONE = "none"
    OPTIONAL = "optional"
    ONLY = "only"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """What a password must be when its user sets it, and how wrong ones are borne.

    ``kinds`` is how many of lower case, upper case, digits and others must occur; ``history`` how many of the last
    passwords cannot be used again; ``expires_days`` None: never. ``lock_tries`` wrong passwords in a row lock the
    account for ``lock_minutes``; None: as the operator's settings say.
    """

    minimum_length: int = 8
    kinds: int = 0
    refuse_common: bool = True
    history: int = 0
    expires_days: int | None = None
    lock_tries: int | None = None
    lock_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRules:
    """What an environment's administrators decided about signing in."""

    sso: SsoMode = SsoMode.NONE
    administrators_exempt: bool = True
    two_step_required: bool = False
    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)


class FirstStep(StrEnum):
    """How somebody showed who they are."""

    PASSWORD = "password"
    SSO = "sso"


class Step(StrEnum):
    """What a sign-in may owe after its first step."""

    SECOND_STEP = "second_step"
    NEW_PASSWORD = "new_password"
    ENROL = "enrol"


class Account(NamedTuple):
    """A user with what signing in needs to know; the password's hash is not shown."""

    user: User
    password_hash: str | None
    locked_until: Milliseconds | None
    sso_only: bool
    password_set_at: Milliseconds | None
    has_second_factor: bool

    def __repr__(self) -> str:
        """Leave the hash out of tracebacks and logs."""
        return f"Account({self.user.user_id}, locked_until={self.locked_until})"


def why_no_password(rules: SignInRules, account: Account) -> str | None:
    """Say why a password does not sign this account in, however right it is; None: it does."""
    if account.sso_only:
        return "the user signs in with SSO only"
    if rules.sso is SsoMode.ONLY and not (rules.administrators_exempt and account.user.is_admin):
        return "the environment signs in with SSO only"
    return None


def why_locked(account: Account, now: Milliseconds) -> str | None:
    """Say for how long the account is locked; None: it is not."""
    if account.locked_until is None or now >= account.locked_until:
        return None
    return f"the account is locked for another {(account.locked_until - now) // 1000} s"


def owed(
    rules: SignInRules, account: Account, now: Milliseconds, *, first: FirstStep, done: frozenset[Step]
) -> Step | None:
    """Give the next step that a sign-in owes; None: it is complete.

    Whom an identity provider vouches for owes none: the provider asks for what it thinks right.
    """
    if first is FirstStep.SSO:
        return None
    if account.has_second_factor and not done & {Step.SECOND_STEP, Step.ENROL}:
        return Step.SECOND_STEP
    if is_password_expired(rules.passwords, account, now):
        return Step.NEW_PASSWORD
    if rules.two_step_required and not account.has_second_factor:
        return Step.ENROL
    return None


def is_password_expired(policy: PasswordPolicy, account: Account, now: Milliseconds) -> bool:
    """Tell whether the password must be changed; one whose age is not known is from before there was a policy."""
    if policy.expires_days is None:
        return False
    return account.password_set_at is None or now >= account.password_set_at + policy.expires_days * _DAY
