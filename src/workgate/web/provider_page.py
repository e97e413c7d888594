"""What all setup pages of identity providers have in common: which provider it is, its state, and how it is shown."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ids import RowId
from workgate.domain.problems import Problem
from workgate.domain.provider_states import ProviderState
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import LONGEST_PROVIDER_NAME, IdentityProvider, ProviderKind
from workgate.domain.texts import N_, Text
from workgate.service.identity_providers import IdentityProviders
from workgate.service.sign_in_rules import SignInAdministration
from workgate.web.entrance import Administrator
from workgate.web.pages import redirect
from workgate.web.setup_page import SetupPages, seen
from workgate.web.sso_addresses import test_address

SSO_PATH = "/setup/sso"
KIND_NAMES: Mapping[ProviderKind, Text] = {
    ProviderKind.OIDC: N_("OpenID Connect"),
    ProviderKind.SAML: N_("SAML 2.0"),
}
SENT_TWICE = N_(
    "Since this form was opened, a provider was created or deleted, perhaps by sending it twice. Nothing was created "
    "just now: look at the list, and send the form again if you want one more."
)
_NO_STATE = ProviderState(None, 0, 0)


class KindOfSetup(Protocol):
    """The pages of one kind of provider."""

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form of a new provider."""

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Set up what was entered, or show the form again with what is wrong."""

    async def show(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Show a provider: what to enter there, its settings, and what can be done."""

    async def change(self, request: Request, admin: Administrator, provider: IdentityProvider) -> Response:
        """Save what was entered, or show the form again with what is wrong."""


class ProviderPage:
    """Renders pages of providers."""

    def __init__(
        self, *, setup: SetupPages, providers: IdentityProviders, administration: SignInAdministration
    ) -> None:
        self.setup = setup
        self.providers = providers
        self._administration = administration

    async def is_off(self, admin: Administrator) -> bool:
        """Whether single sign-on is not used at all."""
        rules = await self._administration.rules(admin.environment, by=admin.acting)
        return rules.sso is SsoMode.NONE

    async def seen(self, admin: Administrator) -> str:
        """What the form of a new provider has seen of what there is."""
        providers = await self.providers.providers(admin.environment, by=admin.acting)
        return seen(provider.provider_id for provider in providers)

    async def of_new(
        self,
        request: Request,
        admin: Administrator,
        kind: ProviderKind,
        context: Mapping[str, object],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Render the form of a new provider of a kind."""
        more = {**context, "provider": None, "is_off": False, "seen": await self.seen(admin)}
        here = f"{SSO_PATH}/new/{kind}"
        return self.render(request, admin, f"setup_sso_{kind}.html", more, here=here, problem=problem, status=status)

    async def of_one(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        context: Mapping[str, object],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Render the page of a provider, by the template of its kind."""
        states = await self.providers.states(admin.environment, by=admin.acting)
        more = {**context, "provider": shown(provider, states), "is_off": await self.is_off(admin)}
        template = f"setup_sso_{provider.kind}.html"
        return self.render(request, admin, template, more, here=path_of(provider), problem=problem, status=status)

    def render(
        self,
        request: Request,
        admin: Administrator,
        template: str,
        context: Mapping[str, object],
        *,
        here: str,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Render any of these pages."""
        shared = {"sso_path": SSO_PATH, "longest_name": LONGEST_PROVIDER_NAME, **context}
        return self.setup.page(request, admin, template, shared, here=here, problem=problem, status=status)


def shown(provider: IdentityProvider, states: Mapping[RowId, ProviderState]) -> dict[str, object]:
    """What templates show of a provider."""
    state = states.get(provider.provider_id, _NO_STATE)
    path = path_of(provider)
    return {
        "name": provider.name,
        "kind": provider.kind.value,
        "kind_name": KIND_NAMES[provider.kind],
        "enabled": provider.enabled,
        "has_secret": provider.sealed_secret is not None,
        "created_at": provider.created_at,
        "tested_at": state.tested_at,
        "users": state.users,
        "sso_only": state.sso_only,
        "path": path,
        "test_url": test_address(str(provider.provider_id), path),
    }


def path_of(provider: IdentityProvider) -> str:
    """Where a provider's page is."""
    return f"{SSO_PATH}/{provider.provider_id}"


def done(provider: IdentityProvider, what: str) -> Response:
    """Lead to a provider's page, which says what was done."""
    return redirect(f"{path_of(provider)}?done={what}", after_post=True)
