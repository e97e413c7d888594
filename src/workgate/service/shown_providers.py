"""How identity providers are shown as JSON. A secret is never shown, only whether there is one."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from workgate.domain.sso import FederatedUser, IdentityProvider, ProviderKind, Provisioning, callback_path
from workgate.service.descriptions import Moment, moment
from workgate.service.provider_schemas import settings_schema


class ShownProvider(Struct, frozen=True, kw_only=True):
    """An identity provider. ``callback_path`` is where it sends its answers, at the environment's address."""

    id: str
    kind: ProviderKind
    name: str
    enabled: bool
    settings: Annotated[Mapping[str, Any], Meta(extra_json_schema=settings_schema())]
    has_secret: bool
    provisioning: Provisioning
    callback_path: str
    created: Moment | None


class ShownFederation(Struct, frozen=True, kw_only=True):
    """A subject of a provider that stands for a user."""

    provider: str
    subject: str
    user_id: str
    created: Moment | None


def show_provider(provider: IdentityProvider) -> ShownProvider:
    """Show a provider."""
    return ShownProvider(
        id=str(provider.provider_id),
        kind=provider.kind,
        name=provider.name,
        enabled=provider.enabled,
        settings=provider.protocol,
        has_secret=provider.kind is ProviderKind.OIDC and provider.sealed_secret is not None,
        provisioning=provider.provisioning,
        callback_path=callback_path(provider.kind, provider.provider_id),
        created=moment(provider.created_at),
    )


def show_federation(federated: FederatedUser) -> ShownFederation:
    """Show whom a subject stands for."""
    return ShownFederation(
        provider=str(federated.provider_id),
        subject=federated.subject,
        user_id=federated.user_id,
        created=moment(federated.created_at),
    )
