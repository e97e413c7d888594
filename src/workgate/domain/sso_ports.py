"""The stores of identity providers and of sign-ins at them, as ``domain/ports.py`` says of all of them."""

from collections.abc import Sequence
from typing import Protocol

from workgate.domain.accounts import User
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.sso import FederatedUser, IdentityProvider, SignInRequest


class IdentityProviderStore(Protocol):
    """The providers of environments. A change is on the audit log if it happened, in the same commit.

    Each change may raise ``AlreadyExists``, when another process made the same ID for its record: try again.
    """

    async def providers(self, environment_id: EnvironmentId) -> Sequence[IdentityProvider]:
        """List an environment's providers, oldest first."""

    async def provider(self, environment_id: EnvironmentId, provider_id: RowId) -> IdentityProvider | None:
        """Find one; None: this environment has none of that ID."""

    async def create_provider(self, provider: IdentityProvider, *, at_most: int, record: AuditRecord) -> bool:
        """Create one; False: the environment has ``at_most`` already."""

    async def update_provider(
        self,
        provider: IdentityProvider,
        *,
        seen: IdentityProvider,
        if_another_works: bool = False,
        if_nobody_is_known: bool = False,
        record: AuditRecord,
    ) -> bool:
        """Write everything but kind and time of creation.

        False: it is not there, or not as it was seen any more, or with ``if_another_works`` no other provider of the
        environment is on and was tested, or with ``if_nobody_is_known`` a subject of it stands for a user. Of several
        such changes at once one provider is left.
        """

    async def reseal(self, provider: IdentityProvider, sealed_secret: bytes) -> bool:
        """Keep the secret that a provider has under another seal; False: it has another secret by now, or is gone."""

    async def delete_provider(
        self,
        environment_id: EnvironmentId,
        provider_id: RowId,
        *,
        if_another_works: bool = False,
        record: AuditRecord,
    ) -> bool:
        """Delete one with all its subjects and the sign-ins that are under way at it; False: not there, or as above."""


class FederatedUserStore(Protocol):
    """Whom the subjects of providers stand for. Changes are recorded as above."""

    async def federated(self, environment_id: EnvironmentId, provider_id: RowId, subject: str) -> User | None:
        """Find the user that a subject stands for; None: nobody here."""

    async def federations(self, environment_id: EnvironmentId, user_id: ObjectId) -> Sequence[FederatedUser]:
        """List the subjects that stand for a user."""

    async def federate(self, federated: FederatedUser, *, record: AuditRecord) -> bool:
        """Let a subject stand for a user; False: there is no such user or provider, or it stands for somebody."""

    async def unfederate(
        self, environment_id: EnvironmentId, provider_id: RowId, subject: str, *, record: AuditRecord
    ) -> bool:
        """Let a subject stand for nobody; False: it did already."""

    async def provision(self, user: User, federated: FederatedUser, *, record: AuditRecord) -> bool:
        """Create a user without a password, whom a subject stands for, in one commit.

        False: the subject stands for somebody already, or the provider is gone. Raises ``AlreadyExists`` if the user
        name is taken, or the record's ID. In every case nothing was changed.
        """


class UsedAssertionStore(Protocol):
    """SAML assertions that were used, until they would have expired anyway."""

    async def use(self, environment_id: EnvironmentId, digest: bytes, *, until: Milliseconds) -> bool:
        """Use one; False: it was used before: accept nothing."""


class SignInRequestStore(Protocol):
    """Sign-ins that went to a provider."""

    async def begin(self, request: SignInRequest) -> None:
        """Keep one. Raises ``AlreadyExists`` if another process made the same ID; nothing was changed."""

    async def request(
        self, environment_id: EnvironmentId, request_id: RowId, *, now: Milliseconds
    ) -> SignInRequest | None:
        """Find one that has not expired; None: there is none, or it was used."""

    async def arrive(self, request: SignInRequest, arrived: str, *, now: Milliseconds) -> bool:
        """Note what arrived for one; False: it was used, has expired, or something arrived before: accept nothing."""

    async def use(self, request: SignInRequest, *, now: Milliseconds) -> bool:
        """Use one up; False: somebody else did, or it has expired: accept nothing."""
