"""The stores of signing in, as ``domain/ports.py`` says of all of them."""

from typing import Protocol

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId
from workgate.domain.signing_in import SignInRules


class SignInRulesStore(Protocol):
    """What each environment decided about signing in."""

    async def rules(self, environment_id: EnvironmentId) -> SignInRules:
        """Give an environment's rules; the defaults where nothing was decided."""

    async def set_rules(self, environment_id: EnvironmentId, rules: SignInRules, *, record: AuditRecord) -> None:
        """Write them, with the record of it, in one commit."""
