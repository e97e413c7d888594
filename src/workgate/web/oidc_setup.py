"""The setup page of an OpenID Connect provider, new or there already."""

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.problems import NotFound, Problem
from workgate.domain.sso import IdentityProvider, ProviderKind, callback_path
from workgate.domain.texts import Text
from workgate.service.identity_providers import ProviderChanges
from workgate.web import oidc_forms as forms
from workgate.web.entrance import Administrator
from workgate.web.provider_page import SENT_TWICE, ProviderPage, done
from workgate.web.setup_page import TOO_OLD
from workgate.web.signin import SIGNED_OUT_PATH


class OidcSetup:
    """``provider_page.KindOfSetup`` of OpenID Connect."""

    def __init__(self, page: ProviderPage) -> None:
        self._page = page

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form; see the protocol."""
        return await self._form_of_new(request, admin, forms.values_of_new())

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Set up what was entered; see the protocol."""
        form, own = await self._page.setup.read(request, admin, "seen", *forms.FIELDS)
        values = forms.values_typed(form)
        if not own:
            return await self._form_of_new(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        if form.get("seen", "") != await self._page.seen(admin):
            return await self._form_of_new(request, admin, values, problem=SENT_TWICE, status=HTTPStatus.CONFLICT)
        entered = forms.entered(form)
        try:
            provider = await self._page.providers.create(
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
        return done(provider, "created")

    async def show(
        self,
        request: Request,
        admin: Administrator,
        provider: IdentityProvider,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Show a provider; see the protocol."""
        return await self._form(request, admin, provider, forms.values_of(provider), problem=problem, status=status)

    async def change(self, request: Request, admin: Administrator, provider: IdentityProvider) -> Response:
        """Save what was entered; see the protocol."""
        form, own = await self._page.setup.read(request, admin, *forms.FIELDS)
        values = forms.values_typed(form)
        if not own:
            return await self._form(request, admin, provider, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        entered = forms.entered(form, provider.protocol)
        changes = ProviderChanges(
            name=entered.name, protocol=entered.protocol, provisioning=entered.provisioning, secret=entered.secret
        )
        try:
            await self._page.providers.change(admin.environment, str(provider.provider_id), changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self._form(request, admin, provider, values, problem=problem, status=status)
        return done(provider, "saved")

    async def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = _choices(values)
        return await self._page.of_new(request, admin, ProviderKind.OIDC, context, problem=problem, status=status)

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
        origin = admin.visitor.issuer
        context = {
            **_choices(values),
            "redirect_uri": origin + callback_path(provider.kind, provider.provider_id),
            "signed_out_uri": origin + SIGNED_OUT_PATH,
        }
        return await self._page.of_one(request, admin, provider, context, problem=problem, status=status)


def _choices(values: Mapping[str, str]) -> dict[str, object]:
    chosen = values["client_authentication"]
    return {
        "values": values,
        "fields": forms.FIELDS,
        "client_authentications": [
            (value, text, value == chosen) for value, text in forms.CLIENT_AUTHENTICATIONS.items()
        ],
    }
