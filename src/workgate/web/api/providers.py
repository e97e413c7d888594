"""Operations on identity providers, at which people sign in."""

from typing import Any

from msgspec import UNSET, Struct

from workgate.service.identity_providers import ProviderChanges
from workgate.service.shown_providers import ShownProvider, show_provider
from workgate.web.api.bodies import NewProviderBody, Nothing, PageQuery, ProviderChangesBody, given
from workgate.web.api.calls import AdminServices, Call, page_of, row_place


class ProviderList(Struct, frozen=True, kw_only=True):
    """Some of the identity providers, oldest first; ``following`` asks for more."""

    providers: list[ShownProvider]
    following: str | None


async def list_providers(services: AdminServices, call: Call[PageQuery, None]) -> ProviderList:
    """List the environment's identity providers."""
    found = [
        show_provider(one) for one in await services.identity_providers.providers(call.environment, by=call.acting)
    ]
    page, following = page_of(found, lambda one: row_place(one.id), after=call.query.after, limit=call.query.limit)
    return ProviderList(providers=page, following=following)


async def create_provider(services: AdminServices, call: Call[Nothing, NewProviderBody]) -> ShownProvider:
    """Set an identity provider up. SAML: our key pair for it is made, and its metadata fetched if an address is given.

    ``callback_path`` of the answer, at the environment's address, is what the provider has to be told.
    """
    body = call.body
    provider = await services.identity_providers.create(
        call.environment,
        body.kind,
        body.name,
        body.settings,
        secret=body.secret,
        enabled=body.enabled,
        provisioning=body.provisioning.provisioning(),
        by=call.acting,
    )
    return show_provider(provider)


async def show_one_provider(services: AdminServices, call: Call[Nothing, None]) -> ShownProvider:
    """Show an identity provider, but not its secret."""
    return show_provider(
        await services.identity_providers.provider(call.environment, call.path["provider_id"], by=call.acting)
    )


async def change_provider(services: AdminServices, call: Call[Nothing, ProviderChangesBody]) -> ShownProvider:
    """Change an identity provider; what is not named stays, and a secret is taken away by null.

    Where everybody has to use SSO, the last one that was seen to work stays on.
    """
    body = call.body
    new: dict[str, Any] = given(body)
    if body.provisioning is not UNSET:
        new["provisioning"] = body.provisioning.provisioning()
    if "settings" in new:
        new["protocol"] = new.pop("settings")
    provider = await services.identity_providers.change(
        call.environment, call.path["provider_id"], ProviderChanges(**new), by=call.acting
    )
    return show_provider(provider)


async def delete_provider(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Delete an identity provider with its federation IDs. Users and their sessions stay."""
    await services.identity_providers.delete(call.environment, call.path["provider_id"], by=call.acting)
