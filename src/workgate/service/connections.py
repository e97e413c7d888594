"""Connected applications: what a user allowed and can take back, and what an administrator sees of it and can end."""

from collections.abc import Sequence
from dataclasses import dataclass

from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Milliseconds, ObjectId
from workgate.domain.oauth import Connection, ConnectionCount
from workgate.domain.ports import AuthorizationStore, ConnectionStore
from workgate.domain.problems import NotAllowed
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.applications import Registry

SOON_DAYS = 14
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some connections of an application, by user ID. ``following`` is where the next page begins; None: nowhere."""

    connections: Sequence[Connection]
    following: str | None


class Connections:
    """Who connected what."""

    def __init__(
        self,
        *,
        registry: Registry,
        connections: ConnectionStore,
        authorizations: AuthorizationStore,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._connections = connections
        self._authorizations = authorizations
        self._audit = audit
        self._clock = clock

    async def of_user(self, environment: Environment, user: User) -> Sequence[Connection]:
        """List which applications may act for a user, by name. Everybody may ask for himself."""
        return await self._connections.of_user(environment, user.user_id, now=self._clock.now())

    async def withdraw(self, environment: Environment, client_id: str, *, by: Acting) -> int:
        """Take back what the acting user allowed an application: its tokens and sessions are dead on the next call.

        Returns:
            How many authorizations ended, codes that were not redeemed yet included; 0: there was nothing to end.

        Raises:
            NotAllowed: there is no acting user.
        """
        if by.user is None or by.user.environment_id != environment.environment_id:
            raise NotAllowed("only a user who is signed in can take back what was allowed")
        return await self._end(environment, client_id, by.user.user_id, AuditEvent.CONNECTION_WITHDRAWN, by)

    async def of_application(
        self, environment: Environment, client_id: str, *, after: str = "", limit: int = 50, by: Acting
    ) -> ConnectionPage:
        """List for whom an application may act, a page at a time.

        Args:
            environment: where.
            client_id: of which application.
            after: ``following`` of the page before.
            limit: how many, at most 200.
            by: who is acting.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
        """
        await self._registry.usable(environment, client_id, by=by)
        limit = max(1, min(limit, LARGEST_PAGE))
        found = await self._connections.of_application(
            environment, client_id, now=self._clock.now(), after=after, limit=limit
        )
        return ConnectionPage(found, found[-1].user_id if len(found) == limit else None)

    async def count(self, environment: Environment, client_id: str, *, by: Acting) -> ConnectionCount:
        """Count the users of an application, and those whose connection expires within 14 days if nothing happens.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
        """
        await self._registry.usable(environment, client_id, by=by)
        now = self._clock.now()
        soon = Milliseconds(now + SOON_DAYS * 86_400_000)
        return await self._connections.count(environment, client_id, now=now, soon=soon)

    async def withdraw_of(self, environment: Environment, client_id: str, user_id: str, *, by: Acting) -> int:
        """End what some user allowed an application.

        Returns:
            How many authorizations ended; 0: there was nothing to end.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
        """
        await self._registry.usable(environment, client_id, by=by)
        event = AuditEvent.CONNECTION_WITHDRAWN_BY_ADMIN
        return await self._end(environment, client_id, ObjectId(user_id), event, by)

    async def _end(
        self, environment: Environment, client_id: str, user_id: ObjectId, event: AuditEvent, by: Acting
    ) -> int:
        return await until_new(
            lambda: self._authorizations.withdraw(
                environment.environment_id,
                user_id,
                client_id,
                now=self._clock.now(),
                record=by.entry(self._audit, event, environment, client_id=client_id, reason=f"of user {user_id}"),
            )
        )
