"""The stores of signing in, as ``domain/ports.py`` says of all of them."""

from collections.abc import Sequence
from typing import Protocol

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.second_factors import Once, SecondFactor
from workgate.domain.signing_in import SignInRules


class SignInRulesStore(Protocol):
    """What each environment decided about signing in."""

    async def rules(self, environment_id: EnvironmentId) -> SignInRules:
        """Give an environment's rules; the defaults where nothing was decided."""

    async def set_rules(self, environment_id: EnvironmentId, rules: SignInRules, *, record: AuditRecord) -> None:
        """Write them, with the record of it, in one commit."""


class SecondFactorStore(Protocol):
    """Second steps of users, and their recovery codes. What is used up is used up by the write that finds it unused."""

    async def factors(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[SecondFactor]:
        """List a user's, oldest first."""

    async def add_factor(
        self,
        factor: SecondFactor,
        *,
        at_most: int,
        once: Once,
        recovery_digests: Sequence[bytes],
        record: AuditRecord,
    ) -> bool:
        """Add one; False: the user has ``at_most``, or is disabled or gone.

        An authenticator app takes the place of the one before. With ``recovery_digests`` those replace all of the
        user's recovery codes. Raises ``AlreadyExists`` if ``once`` was used, or somebody here has that passkey.
        """

    async def use_factor(self, factor: SecondFactor, *, step: int, now: Milliseconds, once: Once | None) -> bool:
        """Note that one was used; False: not there, that step or a later one, or ``once``, was used before: refuse."""

    async def remove_factor(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        factor_id: RowId,
        *,
        keep_one: bool,
        record: AuditRecord,
    ) -> bool:
        """Remove one, with the last one the recovery codes too; False: not there, or with ``keep_one`` the last."""

    async def remove_factors(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """Remove all of a user's with the recovery codes; False: there was none."""

    async def recovery_digests(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[bytes]:
        """Give what is kept of a user's recovery codes that were not used."""

    async def replace_recovery_codes(
        self, environment_id: EnvironmentId, user_id: ObjectId, digests: Sequence[bytes], *, record: AuditRecord
    ) -> bool:
        """Put others in their place; False: the user has no second step that they could stand in for."""

    async def use_recovery_code(
        self, environment_id: EnvironmentId, user_id: ObjectId, digest: bytes, *, record: AuditRecord
    ) -> bool:
        """Use one up; False: it was used before, so refuse."""
