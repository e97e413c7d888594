"""The store of which identity providers were seen to work; how it can fail, ``domain/ports.py`` says of all of them."""

from typing import Protocol

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId


class ProviderTestStore(Protocol):
    """Which identity providers a test sign-in has shown to work, as they are set up now."""

    async def is_any_tested(self, environment_id: EnvironmentId) -> bool:
        """Tell whether the environment has a provider that is on and was tested."""

    async def tested(
        self, environment_id: EnvironmentId, provider_id: RowId, now: Milliseconds, *, record: AuditRecord
    ) -> bool:
        """Note that one works, with the record of it; False: not there."""

    async def tested_at(self, environment_id: EnvironmentId, provider_id: RowId) -> Milliseconds | None:
        """Tell when one was last seen to work; None: never, since it is set up as it is."""
