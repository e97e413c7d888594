"""Public keys of machine-to-machine applications. Each speaks for the user who added it: nobody adds one for another.

The operator at the command line has no user of his own and names one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from workgate.crypto.public_keys import PublicKey, UnusableKey, generate_pair, read_public_key
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, RowIds
from workgate.domain.limits import FailureLimit
from workgate.domain.oauth import Application, ApplicationKey, ApplicationType
from workgate.domain.ports import ApplicationKeyStore
from workgate.domain.problems import Conflict, NotFound, Problem, TooOften
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new
from workgate.service.applications import Registry
from workgate.service.definitions import check_note

MOST_KEYS = 20
MOST_PAIRS_A_MINUTE = 10
"""For each environment: a pair takes a good part of a second of a CPU that others share."""


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A new pair: the public half as it is kept, the private one in PEM, the one time it is shown."""

    key: ApplicationKey
    private_key: str = field(repr=False)


class ApplicationKeys:
    """The keys of the applications that a registry has."""

    def __init__(
        self, *, registry: Registry, keys: ApplicationKeyStore, audit: AuditLog, ids: RowIds, clock: Clock
    ) -> None:
        self._registry = registry
        self._keys = keys
        self._audit = audit
        self._ids = ids
        self._clock = clock
        self._pairs = FailureLimit(MOST_PAIRS_A_MINUTE)

    async def keys(self, environment: Environment, client_id: str, *, by: Acting) -> Sequence[ApplicationKey]:
        """List an application's keys, oldest first.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
        """
        await self._registry.application(environment, client_id, by=by)
        return await self._keys.keys(environment.environment_id, client_id)

    async def add(
        self,
        environment: Environment,
        client_id: str,
        pem: str,
        *,
        note: str = "",
        owner: User | None = None,
        by: Acting,
    ) -> ApplicationKey:
        """Add the public key of a certificate or public key in PEM.

        Args:
            environment: where.
            client_id: of which application.
            pem: the text.
            note: at most 64 characters.
            owner: whom it speaks for; only the operator names one, everybody else is the owner.
            by: who is acting.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
            Problem: the key or the note is not usable; the message says why.
            Conflict: the application takes no (more) keys, or has this one.
        """
        application = await self._machine(environment, client_id, by)
        check_note(note)
        try:
            public = await asyncio.to_thread(read_public_key, pem)
        except UnusableKey as error:
            raise Problem("{reason}", field="public_key", reason=error.reason) from None
        user = _owner(environment, owner, by)
        return await self._added(environment, application, public, note, user, by, AuditEvent.KEY_ADDED)

    async def generate(
        self, environment: Environment, client_id: str, *, note: str = "", owner: User | None = None, by: Acting
    ) -> GeneratedKey:
        """Make a pair and add its public half; the private half is in the answer and nowhere else.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application.
            Problem: the note is too long.
            Conflict: the application takes no (more) keys.
            TooOften: so many pairs were made within a minute already.
        """
        application = await self._machine(environment, client_id, by)
        check_note(note)
        user = _owner(environment, owner, by)
        now = self._clock.now()
        wait = self._pairs.wait(environment.environment_id, now)
        if wait is not None:
            raise TooOften("so many key pairs were made just now: wait {retry_after} s", retry_after=wait)
        self._pairs.failed(environment.environment_id, now)
        pair = await asyncio.to_thread(generate_pair)
        key = await self._added(environment, application, pair.public, note, user, by, AuditEvent.KEY_GENERATED)
        return GeneratedKey(key, pair.private_pem)

    async def delete(self, environment: Environment, client_id: str, key_id: str, *, by: Acting) -> None:
        """Delete a key: it opens nothing any more. Sessions that it opened live on until they expire.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is no such application or key.
        """
        application = await self._registry.application(environment, client_id, by=by)
        for key in await self._keys.keys(environment.environment_id, client_id):
            if str(key.key_id) == key_id and await self._deleted(environment, key, by):
                return
        raise NotFound("{name} has no key with the id {key_id!r}", name=application.name, key_id=key_id)

    async def _deleted(self, environment: Environment, key: ApplicationKey, by: Acting) -> bool:
        return await until_new(
            lambda: self._keys.delete_key(
                environment.environment_id,
                key.client_id,
                key.key_id,
                record=by.entry(
                    self._audit, AuditEvent.KEY_DELETED, environment, client_id=key.client_id, reason=_shown(key)
                ),
            )
        )

    async def _machine(self, environment: Environment, client_id: str, by: Acting) -> Application:
        application = await self._registry.application(environment, client_id, by=by)
        if application.type is not ApplicationType.MACHINE:
            raise Conflict("{name} is no machine-to-machine application: it has no keys", name=application.name)
        return application

    async def _added(
        self,
        environment: Environment,
        application: Application,
        public: PublicKey,
        note: str,
        user: User,
        by: Acting,
        event: AuditEvent,
    ) -> ApplicationKey:
        now = self._clock.now()
        key = ApplicationKey(
            environment_id=environment.environment_id,
            client_id=application.client_id,
            key_id=self._ids.next(now),
            user_id=user.user_id,
            note=note,
            public_key=public.pem,
            fingerprint=public.fingerprint,
            bits=public.bits,
            created_at=now,
        )
        added = await until_new(
            lambda: self._keys.add_key(
                key,
                at_most=MOST_KEYS,
                record=by.entry(
                    self._audit, event, environment, client_id=key.client_id, reason=f"{_shown(key)} of {user.user_id}"
                ),
            )
        )
        if not added:
            raise await self._why_not_added(environment, application, key)
        return key

    async def _why_not_added(self, environment: Environment, application: Application, key: ApplicationKey) -> Problem:
        there = await self._keys.keys(environment.environment_id, application.client_id)
        if any(other.fingerprint == key.fingerprint for other in there):
            return Conflict("{name} has this key already", field="public_key", name=application.name)
        if len(there) >= MOST_KEYS:
            return Conflict("{name} has {most} keys: delete one first", name=application.name, most=MOST_KEYS)
        return NotFound("the application was deleted meanwhile")


def _owner(environment: Environment, owner: User | None, by: Acting) -> User:
    if by.user is not None:
        if owner is not None and owner.user_id != by.user.user_id:
            raise Problem("a key speaks for whoever adds it: let that user add it", field="owner")
        return by.user
    if owner is None or owner.environment_id != environment.environment_id:
        raise Problem("name the user whom the key speaks for", field="owner")
    return owner


def _shown(key: ApplicationKey) -> str:
    return f"key {key.key_id}, SHA-256 {key.fingerprint[:16]}"
