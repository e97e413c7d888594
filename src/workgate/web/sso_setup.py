"""Setup pages of an environment's identity providers: the list, one provider, switching it on, and deleting it."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.problems import NotFound, Problem
from workgate.domain.sso import IdentityProvider, ProviderKind
from workgate.domain.texts import N_, Text
from workgate.service.identity_providers import MOST_PROVIDERS, ProviderChanges
from workgate.web.entrance import Administrator, AdministratorPage, Entrance
from workgate.web.pages import redirect
from workgate.web.provider_page import KIND_NAMES, SSO_PATH, KindOfSetup, ProviderPage, done, path_of, shown

DONE: Mapping[str, Text] = {
    "created": N_("The provider is set up, and off. Enter the addresses below there, test it, then switch it on."),
    "saved": N_("Your changes are saved. Test the provider again."),
    "on": N_("The provider is on."),
    "off": N_("The provider is off: nobody signs in with it."),
    "deleted": N_("The provider was deleted."),
}


class ProviderPages:
    """The pages under ``/setup/sso``.

    Args:
        page: renders.
        kinds: the pages of each kind that can be set up here.
    """

    def __init__(self, *, page: ProviderPage, kinds: Mapping[ProviderKind, KindOfSetup]) -> None:
        self._page = page
        self._providers = page.providers
        self._kinds = kinds

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        one = SSO_PATH + "/{provider_id}"
        keeping: list[tuple[str, str, AdministratorPage]] = [("GET", SSO_PATH, self.listing)]
        for kind, setup in self._kinds.items():
            keeping += [("GET", f"{SSO_PATH}/new/{kind}", setup.new), ("POST", f"{SSO_PATH}/new/{kind}", setup.create)]
        keeping += [("GET", one, self.show), ("POST", one, self.change), ("GET", f"{one}/delete", self.ask_to_delete)]
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
        context = {
            "providers": [shown(provider, states) for provider in providers],
            "kinds": [(kind.value, KIND_NAMES[kind]) for kind in self._kinds],
            "is_off": await self._page.is_off(admin),
            "most": MOST_PROVIDERS,
        }
        return self._page.render(request, admin, "setup_sso.html", context, here=SSO_PATH)

    async def show(self, request: Request, admin: Administrator) -> Response:
        """Show a provider: what to enter there, its settings, and what can be done."""
        provider = await self._provider(request, admin)
        return await self._kind_of(provider).show(request, admin, provider)

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        provider = await self._provider(request, admin)
        return await self._kind_of(provider).change(request, admin, provider)

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
        changes = ProviderChanges(enabled=on)
        try:
            await self._providers.change(admin.environment, str(provider.provider_id), changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            setup, status = self._kind_of(provider), HTTPStatus.CONFLICT
            return await setup.show(request, admin, provider, problem=problem.text, status=status)
        return done(provider, "on" if on else "off")

    async def _provider(self, request: Request, admin: Administrator) -> IdentityProvider:
        provider_id = request.path_params["provider_id"]
        return await self._providers.provider(admin.environment, provider_id, by=admin.acting)

    def _kind_of(self, provider: IdentityProvider) -> KindOfSetup:
        setup = self._kinds.get(provider.kind)
        if setup is None:
            raise NotFound("this kind of provider is not installed here")
        return setup

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
        context = {"provider": shown(provider, states)}
        here = f"{path_of(provider)}/delete"
        return self._page.render(
            request, admin, "setup_sso_delete.html", context, here=here, problem=problem, status=status
        )
