"""The rules of signing in to an environment: what its administrators may decide, and what would lock them out.

SSO only for everybody, administrators too, is refused while no provider that is on has shown in a test that it works.
"""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent
from workgate.domain.problems import Conflict, Problem
from workgate.domain.provider_states import ProviderStateStore
from workgate.domain.sign_in_ports import SignInRulesStore
from workgate.domain.signing_in import PasswordPolicy, SignInRules, SsoMode
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.signin.password import SHORTEST_PASSWORD

SHORTEST_MINIMUM = SHORTEST_PASSWORD
LONGEST_MINIMUM = 128
MOST_KINDS = 4
LONGEST_HISTORY = 24
MOST_DAYS = 3650
MOST_TRIES = 100
MOST_MINUTES = 24 * 60
_OF_PASSWORDS = frozenset(field.name for field in fields(PasswordPolicy))


class RulesChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; what is UNSET stays. The names are those of ``SignInRules`` and its ``PasswordPolicy``."""

    sso: SsoMode | UnsetType = UNSET
    administrators_exempt: bool | UnsetType = UNSET
    two_step_required: bool | UnsetType = UNSET
    minimum_length: int | UnsetType = UNSET
    kinds: int | UnsetType = UNSET
    refuse_common: bool | UnsetType = UNSET
    history: int | UnsetType = UNSET
    expires_days: int | UnsetType | None = UNSET
    lock_tries: int | UnsetType | None = UNSET
    lock_minutes: int | UnsetType | None = UNSET

    def of(self, rules: SignInRules) -> dict[str, Any]:
        """What of it differs from the rules."""
        present = flat(rules)
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in given.items() if value is not UNSET and value != present[name]}


class SignInAdministration:
    """How an environment's people sign in, decided by its administrators."""

    def __init__(self, *, rules: SignInRulesStore, states: ProviderStateStore, audit: AuditLog) -> None:
        self._rules = rules
        self._states = states
        self._audit = audit

    async def rules(self, environment: Environment, *, by: Acting) -> SignInRules:
        """Give the rules.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._rules.rules(environment.environment_id)

    async def change(self, environment: Environment, changes: RulesChanges, *, by: Acting) -> SignInRules:
        """Change rules; what is not named stays. Of two who change them at once, the last one wins.

        Raises:
            NotAllowed: whoever asks is no administrator.
            Problem: a value is not usable; ``field`` names it.
            Conflict: nobody could be sure to come in again.
        """
        before = await self.rules(environment, by=by)
        differing = changes.of(before)
        if not differing:
            return before
        for check in _CHECKS:
            check(differing)
        of_passwords = {name: value for name, value in differing.items() if name in _OF_PASSWORDS}
        others = {name: value for name, value in differing.items() if name not in _OF_PASSWORDS}
        after = replace(before, **others, passwords=replace(before.passwords, **of_passwords))
        if after.sso is SsoMode.ONLY and not after.administrators_exempt:
            await self._must_be_tested(environment, "sso" if "sso" in differing else "administrators_exempt")
        reason = ", ".join(f"{name}={_told(value)}" for name, value in differing.items())
        await until_new(
            lambda: self._rules.set_rules(
                environment.environment_id,
                after,
                record=by.entry(self._audit, AuditEvent.SIGN_IN_RULES_CHANGED, environment, reason=reason),
            )
        )
        return after

    async def _must_be_tested(self, environment: Environment, field: str) -> None:
        if not await self._states.works(environment.environment_id):
            raise Conflict(
                "nobody could be sure to come in again: first enable an SSO provider and test it, or let "
                "administrators use their passwords",
                field=field,
            )


def flat(rules: SignInRules) -> dict[str, Any]:
    """The rules with those of passwords beside the others, as forms, the API and the command line name them."""
    values = asdict(rules)
    passwords = values.pop("passwords")
    return {**values, **passwords}


def _told(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(name: str, least: int, most: int) -> Callable[[dict[str, Any]], None]:
    def check(values: dict[str, Any]) -> None:
        value = values.get(name)
        if value is not None and not least <= value <= most:
            raise Problem("write a whole number from {least} to {most}", field=name, least=least, most=most)

    return check


_CHECKS = (
    _number("minimum_length", SHORTEST_MINIMUM, LONGEST_MINIMUM),
    _number("kinds", 0, MOST_KINDS),
    _number("history", 0, LONGEST_HISTORY),
    _number("expires_days", 1, MOST_DAYS),
    _number("lock_tries", 1, MOST_TRIES),
    _number("lock_minutes", 1, MOST_MINUTES),
)
