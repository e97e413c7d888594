"""What is known of identity providers besides their settings: whether they were seen to work, and whom they sign in.

How the store can fail, ``domain/ports.py`` says of all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId


@dataclass(frozen=True, slots=True)
class ProviderState:
    """``tested_at`` is when a test last showed that it works as it is set up; None: it did not.

    ``users`` is how many are connected with it, ``sso_only`` how many of these have no other way in.
    """

    tested_at: Milliseconds | None
    users: int
    sso_only: int


class ProviderStateStore(Protocol):
    """The states of identity providers."""

    async def states(self, environment_id: EnvironmentId) -> Mapping[RowId, ProviderState]:
        """Give the state of each provider of an environment, by ID."""

    async def works(self, environment_id: EnvironmentId, *, but: RowId | None = None) -> bool:
        """Tell whether the environment has a provider, besides ``but``, that is on and was tested."""

    async def tested(
        self, environment_id: EnvironmentId, provider_id: RowId, now: Milliseconds, *, record: AuditRecord
    ) -> bool:
        """Note that one works, with the record of it; False: not there. May raise ``AlreadyExists``: try again."""
