"""Setup pages of an environment's identity providers: the list, one provider, switching it on, and deleting it."""

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.ids import RowId
from workgate.domain.problems import NotFound, Problem
from workgate.domain.provider_states import ProviderState
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import LONGEST_PROVIDER_NAME, IdentityProvider, ProviderKind, callback_path
from workgate.domain.texts import N_, Text
from workgate.service.identity_providers import MOST_PROVIDERS, IdentityProviders, ProviderChanges
from workgate.service.sign_in_rules import SignInAdministration
from workgate.web import sso_forms as forms
from workgate.web.entrance import Administrator, AdministratorPage, Entrance
from workgate.web.pages import redirect
from workgate.web.setup_page import TOO_OLD, SetupPages, seen
from workgate.web.sso_addresses import test_address

SSO_PATH = "/setup/sso"
SIGNED_OUT_PATH = "/signed-out"
KIND_NAMES: Mapping[ProviderKind, Text] = {
    ProviderKind.OIDC: N_("OpenID Connect"),
    ProviderKind.SAML: N_("SAML 2.0"),
}
DONE: Mapping[str, Text] = {
    "created": N_(
        "The provider is set up, and still off. Enter the addresses below there, test it, then switch it on."
    ),
    "saved": N_("Your changes are saved. Test the provider again."),
    "on": N_("The provider is on."),
    "off": N_("The provider is off: nobody signs in with it."),
    "deleted": N_("The provider was deleted."),
}
_SENT_TWICE = N_(
    "Since this form was opened, a provider was created or deleted, perhaps by sending it twice. Nothing was created "
    "just now: look at the list, and send the form again if you want one more."
)
_NO_STATE = ProviderState(None, 0, 0)


class ProviderPages:
    """The pages under ``/setup/sso``."""

    def __init__(
        self, *, setup: SetupPages, providers: IdentityProviders, administration: SignInAdministration
    ) -> None:
        self._setup = setup
        self._providers = providers
        self._administration = administration

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        one = SSO_PATH + "/{provider_id}"
        keeping: tuple[tuple[str, str, AdministratorPage], ...] = (
            ("GET", SSO_PATH, self.listing),
            ("GET", f"{SSO_PATH}/new/oidc", self.new),
            ("POST", f"{SSO_PATH}/new/oidc", self.create),
            ("GET", one, self.show),
            ("POST", one, self.change),
            ("GET", f"{one}/delete", self.ask_to_delete),
        )
        pressed: tuple[tuple[str, AdministratorPage], ...] = (
            (f"{one}/on", self.switch_on),
            (f"{one}/off", self.switch_off),
            (f"{one}/delete", self.delete),
        )
        return [
            *(
                Route(path, entrance.administrators(page, keeps_entries=True, back=SSO_PATH), methods=[method])
                for method, path, page in keeping
            ),
            *(Route(path, entrance.administrators(page, back=SSO_PATH), methods=["POST"]) for path, page in pressed),
        ]

    async def listing(self, request: Request, admin: Administrator) -> Response:
        """List the providers, and say whether they are used."""
        providers = await self._providers.providers(admin.environment, by=admin.acting)
        states = await self._providers.states(admin.environment, by=admin.acting)
        rules = await self._administration.rules(admin.environment, by=admin.acting)
        context = {
            "providers": [self._shown(provider, states) for provider in providers],
            "kinds": [(kind.value, KIND_NAMES[kind]) for kind in self._providers.kinds],
            "is_off": rules.sso is SsoMode.NONE,
            "most": MOST_PROVIDERS,
        }
        return self._page(request, admin, "setup_sso.html", context, here=SSO_PATH)

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form of an OpenID Connect provider."""
        return await self._form_of_new(request, admin, forms.values_of_new())

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Set up what was entered, off at first; or show the form again with what is wrong."""
        form, own = await self._setup.read(request, admin, "seen", *forms.FIELDS)
        values = forms.values_typed(form)
        if not own:
            return await self._form_of_new(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        if form.get("seen", "") != await self._seen(admin):
            return await self._form_of_new(request, admin, values, problem=_SENT_TWICE, status=HTTPStatus.CONFLICT)
        entered = forms.entered(form)
        try:
            provider = await self._providers.create(
                admin.environment,
                ProviderKind.OIDC,
                entered.name,
                entered.protocol,
                secret=None if entered.secret is UNSET else entered.secret,
                provisioning=entered.provisioning,
                by=admin.acting,
            )
        except Problem as problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._form_of_new(request, admin, values, problem=problem, status=status)
        return _done(provider, "created")

    async def show(self, request: Request, admin: Administrator) -> Response:
        """Show a provider: what to enter there, its settings, and what can be done."""
        provider = await self._provider(request, admin)
        return await self._form(request, admin, provider, forms.values_of(provider))

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        provider = await self._provider(request, admin)
        form, own = await self._setup.read(request, admin, *forms.FIELDS)
        values = forms.values_typed(form)
        if not own:
            return await self._form(request, admin, provider, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        entered = forms.entered(form, provider.protocol)
        changes = ProviderChanges(
            name=entered.name, protocol=entered.protocol, provisioning=entered.provisioning, secret=entered.secret
        )
        try:
            await self._providers.change(admin.environment, str(provider.provider_id), changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._form(request, admin, provider, values, problem=problem, status=status)
        return _done(provider, "saved")

    async def switch_on(self, request: Request, admin: Administrator) -> Response:
        """Let people sign in with a provider."""
        return await self._switch(request, admin, on=True)

    async def switch_off(self, request: Request, admin: Administrator) -> Response:
        """Let nobody sign in with it any more."""
        return await self._switch(request, admin, on=False)

    async def ask_to_delete(self, request: Request, admin: Administrator) -> Response:
        """Say who will be cut off, and ask."""
        return await self._question(request, admin, await self._provider(request, admin))

    async def delete(self, request: Request, admin: Administrator) -> Response:
        """Delete a provider."""
        provider = await self._provider(request, admin)
        try:
            await self._providers.delete(admin.environment, str(provider.provider_id), by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            return await self._question(request, admin, provider, problem=problem.text, status=HTTPStatus.CONFLICT)
        return redirect(f"{SSO_PATH}?done=deleted", after_post=True)

    async def _switch(self, request: Request, admin: Administrator, *, on: bool) -> Response:
        provider = await self._provider(request, admin)
        try:
            await self._providers.change(
                admin.environment, str(provider.provider_id), ProviderChanges(enabled=on), by=admin.acting
            )
        except NotFound:
            raise
        except Problem as problem:
            values = forms.values_of(provider)
            status = HTTPStatus.CONFLICT
            return await self._form(request, admin, provider, values, problem=problem.text, status=status)
        return _done(provider, "on" if on else "off")

    async def _provider(self, request: Request, admin: Administrator) -> IdentityProvider:
        provider_id = request.path_params["provider_id"]
        return await self._providers.provider(admin.environment, provider_id, by=admin.acting)

    async def _seen(self, admin: Administrator) -> str:
        providers = await self._providers.providers(admin.environment, by=admin.acting)
        return seen(provider.provider_id for provider in providers)

    async def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {**_choices(values), "provider": None, "seen": await self._seen(admin)}
        here = f"{SSO_PATH}/new/oidc"
        return self._page(request, admin, "setup_sso_oidc.html", context, here=here, problem=problem, status=status)

    async def _form(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        states = await self._providers.states(admin.environment, by=admin.acting)
        rules = await self._administration.rules(admin.environment, by=admin.acting)
        origin = admin.visitor.issuer
        context = {
            **_choices(values),
            "provider": self._shown(provider, states),
            "is_off": rules.sso is SsoMode.NONE,
            "redirect_uri": origin + callback_path(provider.kind, provider.provider_id),
            "signed_out_uri": origin + SIGNED_OUT_PATH,
        }
        here = _path(provider)
        return self._page(request, admin, "setup_sso_oidc.html", context, here=here, problem=problem, status=status)

    async def _question(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        states = await self._providers.states(admin.environment, by=admin.acting)
        context = {"provider": self._shown(provider, states)}
        here = f"{_path(provider)}/delete"
        return self._page(request, admin, "setup_sso_delete.html", context, here=here, problem=problem, status=status)

    def _page(
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
        shared = {"sso_path": SSO_PATH, "longest_name": LONGEST_PROVIDER_NAME, **context}
        return self._setup.page(request, admin, template, shared, here=here, problem=problem, status=status)

    def _shown(self, provider: IdentityProvider, states: Mapping[RowId, ProviderState]) -> dict[str, object]:
        state = states.get(provider.provider_id, _NO_STATE)
        path = _path(provider)
        return {
            "name": provider.name,
            "kind": provider.kind.value,
            "kind_name": KIND_NAMES[provider.kind],
            "enabled": provider.enabled,
            "provisioning": provider.provisioning.enabled,
            "has_secret": provider.sealed_secret is not None,
            "created_at": provider.created_at,
            "tested_at": state.tested_at,
            "users": state.users,
            "sso_only": state.sso_only,
            "path": path,
            "test_url": test_address(str(provider.provider_id), path),
        }


def _choices(values: Mapping[str, str]) -> dict[str, object]:
    chosen = values["client_authentication"]
    return {
        "values": values,
        "fields": forms.FIELDS,
        "client_authentications": [
            (value, text, value == chosen) for value, text in forms.CLIENT_AUTHENTICATIONS.items()
        ],
    }


def _path(provider: IdentityProvider) -> str:
    return f"{SSO_PATH}/{provider.provider_id}"


def _done(provider: IdentityProvider, what: str) -> Response:
    return redirect(f"{_path(provider)}?done={what}", after_post=True)
