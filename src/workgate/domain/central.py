"""Applications that every organisation of a lane may install, and the store that knows who did.

Lanes stay apart here too: what is made in one is unknown in the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds
from workgate.domain.oauth import Application


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralApplication:
    """An application that every organisation of its lane may install, without its secrets.

    ``owner_domain`` and ``owner_name`` are its owner's. ``installed_at`` is when the environment that asks installed
    it; None: it did not.
    """

    application: Application
    owner_domain: str
    owner_name: str
    installed_at: Milliseconds | None


class CentralStore(Protocol):
    """Who owns such applications, and who installed them. Changes are recorded as those of ``ApplicationStore`` are."""

    async def set_central(
        self, environment_id: EnvironmentId, client_id: str, *, central: bool, record: AuditRecord
    ) -> bool:
        """Let others install an own application, or take it from all who did; False: not there, or so already."""

    async def installations(self, environment_id: EnvironmentId, client_id: str) -> int:
        """Count the environments that installed an own application."""

    async def available(self, environment_id: EnvironmentId) -> Sequence[CentralApplication]:
        """List what the environment may install or has installed, by name."""

    async def in_lane(self, lane: str, client_id: str) -> CentralApplication | None:
        """Find one of a lane, asking for no environment; None: there is none, or others may not have it."""

    async def serves(self, domain: str, lane: str, client_id: str) -> bool:
        """Tell whether there is such an environment and it has the application, its own or installed."""

    async def install(
        self, environment_id: EnvironmentId, client_id: str, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """Install one; nothing that was allowed to it before comes back. False: not available, or installed already."""

    async def uninstall(
        self, environment_id: EnvironmentId, client_id: str, *, now: Milliseconds, record: AuditRecord
    ) -> bool:
        """Take an installed one away, with all that it was allowed here; False: not installed."""
