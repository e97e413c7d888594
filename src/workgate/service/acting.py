"""Who is acting: a user with a session, or the operator at the machine; and what only administrators may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ports import AlreadyExists
from workgate.domain.problems import NotAllowed
from workgate.ops.audit import AuditLog

T = TypeVar("T")
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Acting:
    """Who does something, and from which address. ``user`` None is the operator, who has the database at hand."""

    user: User | None
    address: str | None

    def must_administer(self, environment: Environment) -> None:
        """Let administrators of that environment and the operator pass.

        Raises:
            NotAllowed: it is somebody else.
        """
        user = self.user
        if user is not None and not (
            user.is_admin and user.is_active and user.environment_id == environment.environment_id
        ):
            raise NotAllowed(
                "only an administrator of {environment} may do this: ask one of yours",
                environment=f"{environment.domain}.{environment.lane}",
            )

    def entry(
        self,
        audit: AuditLog,
        event: AuditEvent,
        environment: Environment,
        *,
        client_id: str | None = None,
        reason: str | None = None,
    ) -> AuditRecord:
        """Make the record of what is about to be done."""
        return audit.entry(
            event,
            environment,
            actor=None if self.user is None else self.user.user_id,
            client_id=client_id,
            address=self.address,
            reason=reason,
        )


OPERATOR = Acting(None, None)


async def until_new(change: Callable[[], Awaitable[T]]) -> T:
    """Make a change again if another process made the same ID for its record, which hardly ever happens."""
    for _ in range(_TRIES - 1):
        try:
            return await change()
        except AlreadyExists:
            continue
    return await change()
