"""Registering applications: creating, changing, copying and deleting them, and the secrets that are shown once.

Every method takes who is acting: an administrator of the environment, or the operator at the command line. What is
changed is on the audit log, in the same commit.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from msgspec import UNSET

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import Clock, Entropy, RowIds, new_client_id
from workgate.domain.oauth import Application, ApplicationType, ClientSecret
from workgate.domain.ports import ApplicationStore, EnvironmentStore, UserStore
from workgate.domain.problems import Conflict, NotAllowed, NotFound, Problem
from workgate.oauth.client_auth import secret_digest
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.definitions import ApplicationChanges, NewApplication, check_definition, check_note
from workgate.service.logos import read_logo

MOST_SECRETS = 20


@dataclass(frozen=True, slots=True)
class Registered:
    """A new application, and its secret in readable form: the one time it is shown."""

    application: Application
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherLane:
    """Another lane of the organisation. ``applications`` None: who asks does not administer it."""

    lane: str
    applications: Sequence[Application] | None


class Registry:
    """The applications of environments.

    Args:
        at_most: how many applications an environment may have.
    """

    def __init__(
        self,
        *,
        applications: ApplicationStore,
        environments: EnvironmentStore,
        users: UserStore,
        audit: AuditLog,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        at_most: int,
    ) -> None:
        self._applications = applications
        self._environments = environments
        self._users = users
        self._audit = audit
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self.at_most = at_most

    async def applications(self, environment: Environment, *, by: Acting) -> Sequence[Application]:
        """List an environment's own applications, oldest first.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._applications.applications(environment.environment_id)

    async def application(self, environment: Environment, client_id: str, *, by: Acting) -> Application:
        """Give one of the environment's own.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this client_id, or it is another organisation's.
        """
        application = await self.usable(environment, client_id, by=by)
        if application.is_installed:
            raise _unknown(environment, client_id)
        return application

    async def usable(self, environment: Environment, client_id: str, *, by: Acting) -> Application:
        """Give one that users of the environment can connect: its own, or one that is installed.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this client_id in this environment.
        """
        by.must_administer(environment)
        application = await self._applications.application(environment.environment_id, client_id)
        if application is None:
            raise _unknown(environment, client_id)
        return application

    async def register(self, environment: Environment, new: NewApplication, *, by: Acting) -> Registered:
        """Create an application.

        Raises:
            NotAllowed: whoever asks is no administrator.
            Problem: a field is not usable.
            Conflict: the environment is full.
        """
        by.must_administer(environment)
        check_definition(new)
        logo = None if new.logo is None else await read_logo(new.logo)
        return await self._create(environment, new, logo, by, "")

    async def update(
        self, environment: Environment, client_id: str, changes: ApplicationChanges, *, by: Acting
    ) -> Application:
        """Change fields of an application; of two who change the same one at once, the last one wins.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
            Problem: a field is not usable.
        """
        before = await self.application(environment, client_id, by=by)
        differing = changes.of(before)
        after = replace(before, **differing)
        check_definition(after)
        keep_logo = changes.logo is UNSET
        logo = await read_logo(changes.logo) if isinstance(changes.logo, bytes) else None
        if not keep_logo:
            after = replace(after, has_logo=logo is not None)
        names = [*differing, *([] if keep_logo else ["logo"])]
        if not names:
            return before

        changed = await until_new(
            lambda: self._applications.update_application(
                after,
                logo,
                keep_logo=keep_logo,
                record=self._entry(by, AuditEvent.APPLICATION_CHANGED, environment, client_id, ", ".join(names)),
            )
        )
        if not changed:
            raise _unknown(environment, client_id)
        return after

    async def delete(self, environment: Environment, client_id: str, *, by: Acting) -> None:
        """Delete one: its codes, tokens and sessions are worth nothing from the next call on.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this client_id in this environment.
        """
        application = await self.application(environment, client_id, by=by)
        deleted = await until_new(
            lambda: self._applications.delete_application(
                environment.environment_id,
                client_id,
                record=self._entry(by, AuditEvent.APPLICATION_DELETED, environment, client_id, application.name),
            )
        )
        if not deleted:
            raise _unknown(environment, client_id)

    async def lanes(self, environment: Environment, *, by: Acting) -> Sequence[OtherLane]:
        """List the other lanes of the organisation, to which an application can be copied.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        lanes = []
        for other in await self._environments.environments(environment.domain):
            if other.lane == environment.lane:
                continue
            try:
                await self._over_there(other, by)
                there = await self._applications.applications(other.environment_id)
            except NotAllowed:
                there = None
            lanes.append(OtherLane(other.lane, there))
        return lanes

    async def promote(self, environment: Environment, client_id: str, lane: str, *, by: Acting) -> Registered:
        """Create the same definition in another lane of the organisation, with an ID and a secret of its own.

        Secrets, keys and consents stay where they are. A user must be an administrator in both lanes: whoever acts
        in the one must have a user of the same name there who is.

        Raises:
            NotAllowed: whoever asks is not an administrator here and there.
            NotFound: there is no such application, or no such lane.
            Problem: the lane is this one.
            Conflict: the lane has no room.
        """
        source = await self.application(environment, client_id, by=by)
        if lane == environment.lane:
            raise Problem("the application is in the lane {lane} already: name another one", field="lane", lane=lane)
        target = await self._environments.environment(environment.domain, lane)
        if target is None:
            raise NotFound(
                "{domain} has no lane {lane!r}: choose one that exists",
                field="lane",
                domain=environment.domain,
                lane=lane,
            )
        acting = await self._over_there(target, by)
        new = NewApplication(
            **{
                name: getattr(source, name)
                for name in NewApplication.__dataclass_fields__
                if name not in {"logo", "redirect_uris"}
            },
            redirect_uris=source.redirect_uris,
        )
        logo = await self._applications.logo(environment.environment_id, client_id)
        return await self._create(target, new, logo, acting, f"copied from {client_id} of lane {environment.lane}")

    async def add_secret(
        self, environment: Environment, client_id: str, note: str, *, by: Acting
    ) -> tuple[ClientSecret, str]:
        """Add a client secret; gives it in readable form, this once.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
            Problem: the note is too long.
            Conflict: it never has secrets, or has too many.
        """
        application = await self.application(environment, client_id, by=by)
        if application.is_public:
            raise Conflict("{name} is a single page application: it never has a secret", name=application.name)
        if len(application.secrets) >= MOST_SECRETS:
            raise Conflict("{name} has {most} secrets: delete one first", name=application.name, most=MOST_SECRETS)
        check_note(note)
        secret, client_secret = self._new_secret(note)
        added = await until_new(
            lambda: self._applications.add_secret(
                environment.environment_id,
                client_id,
                secret,
                record=self._entry(by, AuditEvent.SECRET_ADDED, environment, client_id, _shown(secret)),
            )
        )
        if not added:
            raise _unknown(environment, client_id)
        return secret, client_secret

    async def note_secret(
        self, environment: Environment, client_id: str, secret_id: str, note: str, *, by: Acting
    ) -> ClientSecret:
        """Give a client secret another note.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application or secret.
            Problem: the note is too long.
        """
        check_note(note)
        application, secret = await self._secret(environment, client_id, secret_id, by)
        noted = await until_new(
            lambda: self._applications.note_secret(
                environment.environment_id,
                client_id,
                secret.secret_id,
                note,
                record=self._entry(by, AuditEvent.SECRET_NOTED, environment, client_id, _shown(secret)),
            )
        )
        if not noted:
            raise _no_secret(application, secret_id)
        return replace(secret, note=note)

    async def delete_secret(self, environment: Environment, client_id: str, secret_id: str, *, by: Acting) -> None:
        """Delete a client secret; tokens that it fetched live on until they expire.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application or secret.
        """
        application, secret = await self._secret(environment, client_id, secret_id, by)
        deleted = await until_new(
            lambda: self._applications.delete_secret(
                environment.environment_id,
                client_id,
                secret.secret_id,
                record=self._entry(by, AuditEvent.SECRET_DELETED, environment, client_id, _shown(secret)),
            )
        )
        if not deleted:
            raise _no_secret(application, secret_id)

    async def _create(
        self, environment: Environment, new: NewApplication, logo: tuple[str, bytes] | None, by: Acting, reason: str
    ) -> Registered:
        secret, client_secret = (None, None) if new.type is ApplicationType.SPA else self._new_secret("")
        fields = {name: getattr(new, name) for name in NewApplication.__dataclass_fields__ if name != "logo"}
        fields |= {"name": new.name.strip(), "redirect_uris": tuple(new.redirect_uris)}
        application = Application(
            environment_id=environment.environment_id,
            client_id=new_client_id(self._entropy),
            has_logo=logo is not None,
            created_at=self._clock.now(),
            secrets=() if secret is None else (secret,),
            **fields,
        )
        client_id = application.client_id
        created = await until_new(
            lambda: self._applications.create_application(
                application,
                logo,
                at_most=self.at_most,
                record=self._entry(
                    by, AuditEvent.APPLICATION_CREATED, environment, client_id, reason or application.name
                ),
            )
        )
        if not created:
            raise Conflict(
                "{environment} has {most} applications, which is the most: delete one first",
                environment=_named(environment),
                most=self.at_most,
            )
        return Registered(application, client_secret)

    async def _over_there(self, target: Environment, by: Acting) -> Acting:
        """The same person in another lane, whose users are others."""
        if by.user is None:
            return by
        record = await self._users.account_named(target.environment_id, by.user.username)
        if record is None:
            raise NotAllowed(
                "only an administrator of {environment} may do this: ask one of yours", environment=_named(target)
            )
        there = Acting(record.user, by.address)
        there.must_administer(target)
        return there

    async def _secret(
        self, environment: Environment, client_id: str, secret_id: str, by: Acting
    ) -> tuple[Application, ClientSecret]:
        application = await self.application(environment, client_id, by=by)
        for secret in application.secrets:
            if str(secret.secret_id) == secret_id:
                return application, secret
        raise _no_secret(application, secret_id)

    def _new_secret(self, note: str) -> tuple[ClientSecret, str]:
        client_secret = base64.urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
        now = self._clock.now()
        digest = secret_digest(client_secret)
        return ClientSecret(self._ids.next(now), digest, client_secret[-4:], note, now, None), client_secret

    def _entry(
        self, by: Acting, event: AuditEvent, environment: Environment, client_id: str, reason: str
    ) -> AuditRecord:
        return by.entry(self._audit, event, environment, client_id=client_id, reason=reason)


def _shown(secret: ClientSecret) -> str:
    return f"secret {secret.secret_id} ending in {secret.last_four}"


def _named(environment: Environment) -> str:
    return f"{environment.domain}.{environment.lane}"


def _no_secret(application: Application, secret_id: str) -> NotFound:
    return NotFound("{name} has no secret with the id {secret_id!r}", name=application.name, secret_id=secret_id)


def _unknown(environment: Environment, client_id: str) -> NotFound:
    return NotFound(
        "{environment} has no application with the client_id {client_id!r}: 'workgate app list' names them",
        environment=_named(environment),
        client_id=client_id,
    )
