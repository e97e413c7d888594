"""Whom a provider's subjects stand for: found, set by administrators, and made of what arrives where that is wished.

A subject stands for a user because an administrator said so, or because the user was made of it. Never because
something that arrived, an e-mail address or a user name, happens to be a user's: then nobody is signed in.
"""

import contextlib
from collections.abc import Sequence

from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, ObjectId, new_object_id
from workgate.domain.ports import AlreadyExists, UserStore
from workgate.domain.problems import Conflict, NotFound, Problem
from workgate.domain.sso import FederatedUser, IdentityProvider, NewPerson, Vouched, new_person, usable_subject
from workgate.domain.sso_ports import FederatedUserStore
from workgate.domain.texts import N_, Text
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new

_TRIES = 3
_NOT_CONNECTED = N_("Nobody here is connected with this person, and the provider makes no users.")
_TAKEN = N_("The user name is taken by a user who is not connected with this person.")
_DISABLED = N_("The user is disabled.")


class Federations:
    """Subjects of providers and the users they stand for."""

    def __init__(
        self, *, federated: FederatedUserStore, users: UserStore, clock: Clock, entropy: Entropy, audit: AuditLog
    ) -> None:
        self._federated = federated
        self._users = users
        self._clock = clock
        self._entropy = entropy
        self._audit = audit

    async def user(
        self, environment: Environment, provider: IdentityProvider, vouched: Vouched, *, address: str
    ) -> User | Text:
        """Give the user that a subject stands for, made now if the provider makes users; or say why there is none.

        Raises:
            StoreUnavailable: nobody was made.
        """
        found = await self._found(environment, provider, vouched.subject)
        if found is not None:
            return found
        person = _person(provider, vouched)
        if isinstance(person, Text):
            return person
        return await self._provisioned(environment, provider, vouched.subject, person, address)

    async def would_be(
        self, environment: Environment, provider: IdentityProvider, vouched: Vouched
    ) -> User | NewPerson | Text:
        """Say who would be signed in, or made and signed in, or why nobody; changes nothing."""
        found = await self._found(environment, provider, vouched.subject)
        if found is not None:
            return found if found.is_active else _DISABLED
        person = _person(provider, vouched)
        if isinstance(person, Text):
            return person
        return _TAKEN if await self._is_taken(environment, person.username) else person

    async def of(self, environment: Environment, user: User, *, by: Acting) -> Sequence[FederatedUser]:
        """List the subjects that stand for a user.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        return await self._federated.federations(environment.environment_id, user.user_id)

    async def federate(
        self, environment: Environment, provider: IdentityProvider, subject: str, user: User, *, by: Acting
    ) -> None:
        """Let a subject stand for a user from now on.

        Raises:
            NotAllowed: whoever asks is no administrator.
            Problem: the subject is not usable.
            Conflict: it stands for somebody already.
            NotFound: the user or the provider is gone.
        """
        by.must_administer(environment)
        subject = subject.strip()
        if not usable_subject(subject):
            raise Problem("the federation ID must have 1 to 255 characters, no control characters", field="subject")
        federated = _federated(environment, provider, subject, user, self._clock)
        reason = f"user {user.user_id}: {shown_subject(provider, subject)} stands for it"
        if await until_new(
            lambda: self._federated.federate(
                federated, record=by.entry(self._audit, AuditEvent.USER_CHANGED, environment, reason=reason)
            )
        ):
            return
        there = await self._found(environment, provider, subject)
        if there is None:
            raise NotFound("the user or the identity provider was deleted meanwhile")
        raise Conflict(
            "this federation ID stands for the user {username!r} already", field="subject", username=there.username
        )

    async def unfederate(
        self,
        environment: Environment,
        provider: IdentityProvider,
        subject: str,
        *,
        user: User | None = None,
        by: Acting,
    ) -> None:
        """Let a subject stand for nobody from now on; with a ``user``, only if it stands for that one.

        Sessions that it opened live on.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: it does not stand for that user, or for anybody.
        """
        by.must_administer(environment)
        there = await self._found(environment, provider, subject)
        if there is None or (user is not None and there.user_id != user.user_id):
            raise NotFound("this federation ID does not stand for this user")
        reason = f"user {there.user_id}: {shown_subject(provider, subject)} stands for nobody any more"
        if not await until_new(
            lambda: self._federated.unfederate(
                environment.environment_id,
                provider.provider_id,
                subject,
                record=by.entry(self._audit, AuditEvent.USER_CHANGED, environment, reason=reason),
            )
        ):
            raise NotFound("this federation ID was taken away meanwhile")

    async def _found(self, environment: Environment, provider: IdentityProvider, subject: str) -> User | None:
        return await self._federated.federated(environment.environment_id, provider.provider_id, subject)

    async def _is_taken(self, environment: Environment, username: str) -> bool:
        return await self._users.account_named(environment.environment_id, username) is not None

    async def _provisioned(
        self, environment: Environment, provider: IdentityProvider, subject: str, person: NewPerson, address: str
    ) -> User | Text:
        for _ in range(_TRIES):
            user = _user_of(person, environment, new_object_id(self._clock.now(), self._entropy))
            federated = _federated(environment, provider, subject, user, self._clock)
            record = self._audit.entry(
                AuditEvent.USER_PROVISIONED,
                environment,
                actor=user.user_id,
                address=address,
                reason=shown_subject(provider, subject),
            )
            with contextlib.suppress(AlreadyExists):
                if await self._federated.provision(user, federated, record=record):
                    return user
            # Another sign-in of the same person was faster, or somebody else has the name, or the record's ID.
            there = await self._found(environment, provider, subject)
            if there is not None:
                return there
            if await self._is_taken(environment, person.username):
                return _TAKEN
        return _NOT_CONNECTED


def shown_subject(provider: IdentityProvider, subject: str) -> str:
    """How the audit log names a subject."""
    return f"subject {subject!r} of provider {provider.provider_id} ({provider.kind})"


def _person(provider: IdentityProvider, vouched: Vouched) -> NewPerson | Text:
    return new_person(provider.provisioning, vouched) if provider.provisioning.enabled else _NOT_CONNECTED


def _federated(
    environment: Environment, provider: IdentityProvider, subject: str, user: User, clock: Clock
) -> FederatedUser:
    return FederatedUser(
        environment_id=environment.environment_id,
        provider_id=provider.provider_id,
        subject=subject,
        user_id=user.user_id,
        created_at=clock.now(),
    )


def _user_of(person: NewPerson, environment: Environment, user_id: ObjectId) -> User:
    return User(
        environment_id=environment.environment_id,
        user_id=user_id,
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        is_admin=False,
        is_active=True,
        session_epoch=0,
    )
