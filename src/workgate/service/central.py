"""Applications of other organisations: which there are, installing and uninstalling them, and who may be given which.

That an application is there for every organisation of its lane is for the operator to say. Whether an organisation
uses it is for its administrators. What they install stays its owner's: here it can only be taken away.
"""

from collections.abc import Sequence

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent
from workgate.domain.central import CentralApplication, CentralStore
from workgate.domain.ids import Clock
from workgate.domain.oauth import Application, ApplicationType
from workgate.domain.ports import ApplicationStore
from workgate.domain.problems import Conflict, NotAllowed, NotFound
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.applications import Registry


class CentralApplications:
    """What is shared between environments."""

    def __init__(
        self,
        *,
        registry: Registry,
        central: CentralStore,
        applications: ApplicationStore,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._central = central
        self._applications = applications
        self._audit = audit
        self._clock = clock

    async def set_central(self, environment: Environment, client_id: str, *, central: bool, by: Acting) -> Application:
        """Let every organisation of the lane install an application, or take it from all who did, at once.

        Raises:
            NotAllowed: it is not the operator who asks.
            NotFound: there is no such application.
            Conflict: its type cannot be shared.
        """
        if by.user is not None:
            raise NotAllowed("only the operator may do this, with 'workgate app central'")
        application = await self._registry.application(environment, client_id, by=by)
        if application.type is ApplicationType.MACHINE:
            raise Conflict(
                "{name} is a machine-to-machine application: its keys speak for users of its own organisation",
                name=application.name,
            )
        if application.is_central != central:
            word = "available to every organisation" if central else "for its own organisation only"
            await until_new(
                lambda: self._central.set_central(
                    environment.environment_id,
                    client_id,
                    central=central,
                    record=by.entry(
                        self._audit, AuditEvent.APPLICATION_CHANGED, environment, client_id=client_id, reason=word
                    ),
                )
            )
        return await self._registry.application(environment, client_id, by=by)

    async def installations(self, application: Application) -> int:
        """Count the other organisations that installed an application, which whoever asks has been given."""
        return await self._central.installations(application.home_id, application.client_id)

    async def available(self, environment: Environment, *, by: Acting) -> Sequence[CentralApplication]:
        """List what other organisations offer here, installed or not, by name.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._central.available(environment.environment_id)

    async def one(self, environment: Environment, client_id: str, *, by: Acting) -> CentralApplication:
        """Give one of them.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this client_id.
        """
        for found in await self.available(environment, by=by):
            if found.application.client_id == client_id:
                return found
        raise NotFound(
            "no other organisation offers {environment} an application with the client_id {client_id!r}: "
            "'workgate app available' names them",
            environment=f"{environment.domain}.{environment.lane}",
            client_id=client_id,
        )

    async def logo(self, environment: Environment, client_id: str, *, by: Acting) -> tuple[str, bytes] | None:
        """Give the logo of one of them; None: it has none.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this client_id.
        """
        offered = await self.one(environment, client_id, by=by)
        return await self._applications.logo(offered.application.environment_id, client_id)

    async def install(self, environment: Environment, client_id: str, *, by: Acting) -> CentralApplication:
        """Install one: the organisation's users can be sent here by it. Done twice, it is as if done once.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody offers it.
        """
        offered = await self.one(environment, client_id, by=by)
        if offered.installed_at is None:
            reason = f"{offered.application.name}, of {offered.owner_domain}"
            await until_new(
                lambda: self._central.install(
                    environment.environment_id,
                    client_id,
                    now=self._clock.now(),
                    record=by.entry(
                        self._audit, AuditEvent.APPLICATION_INSTALLED, environment, client_id=client_id, reason=reason
                    ),
                )
            )
            offered = await self.one(environment, client_id, by=by)
        return offered

    async def uninstall(self, environment: Environment, client_id: str, *, by: Acting) -> None:
        """Take an installed one away: its codes, tokens and sessions of this environment are dead on the next call.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: it is not installed.
        """
        by.must_administer(environment)
        uninstalled = await until_new(
            lambda: self._central.uninstall(
                environment.environment_id,
                client_id,
                now=self._clock.now(),
                record=by.entry(self._audit, AuditEvent.APPLICATION_UNINSTALLED, environment, client_id=client_id),
            )
        )
        if not uninstalled:
            raise NotFound(
                "{environment} has not installed an application with the client_id {client_id!r}",
                environment=f"{environment.domain}.{environment.lane}",
                client_id=client_id,
            )
