"""Sign-in at an identity provider: the way there, the way back of OpenID Connect, and what a test shows.

Every provider has addresses of its own, so an answer of one is never taken for another's.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate import asgi
from workgate.domain.accounts import User
from workgate.domain.problems import NotAllowed
from workgate.domain.sso import FetchFailed, IdentityProvider, NewPerson, NotVouched, ProviderKind, Purpose, Vouched
from workgate.domain.texts import N_, Text
from workgate.oauth.errors import Refusal
from workgate.oauth.params import from_form
from workgate.service.acting import Acting
from workgate.service.signing_in import Arrival, MoreToDo, SignedIn, SignInLimited, SignInRefused
from workgate.service.sso import (
    Begun,
    NoSuchProvider,
    Onward,
    ProviderProtocol,
    SingleSignOn,
    SsoRefused,
    Taken,
    Tested,
)
from workgate.service.sso_oidc import OidcProtocol
from workgate.web.browser import Browsers, Visitor, set_form_cookie, set_provider_cookie
from workgate.web.entrance import Administrator, Entrance, Page
from workgate.web.entrance import Route as Endpoint
from workgate.web.languages import duration
from workgate.web.pages import Pages, own_path, redirect
from workgate.web.pending import PendingSignIns
from workgate.web.signin import sign_in_address
from workgate.web.sso_addresses import BEGIN_PATH, TEST_PATH, test_address

CALLBACK_PATH = "/sso/oidc/{provider_id}/callback"
_ANSWER = frozenset({"code", "state", "iss", "error"})
_LONGEST_ANSWER = 16 * 1024


class SsoAnswers:
    """What browsers are told after a provider: signed in, refused, or what a test showed. Every protocol's alike."""

    def __init__(self, *, sso: SingleSignOn, pending: PendingSignIns, pages: Pages) -> None:
        self._sso = sso
        self._pending = pending
        self._pages = pages

    async def finished(
        self, request: Request, visitor: Visitor, arrival: Arrival, taken: Taken, vouched: Vouched
    ) -> Response:
        """Answer with whom the provider vouched for."""
        try:
            outcome = await self._sso.finish(arrival, taken, vouched, by=_acting(visitor))
        except NotAllowed:
            return self.refused(request, visitor, arrival, taken.provider, "a test came back to no administrator")
        match outcome:
            case SignedIn() | MoreToDo():
                response = await self._pending.lead_on(request, visitor, outcome)
                set_provider_cookie(request, response, str(taken.provider.provider_id))
                return response
            case SsoRefused(reference, unknown) if unknown:
                return self._unknown(request, visitor, taken.provider, reference)
            case SsoRefused(reference) | SignInRefused(reference):
                return self._not_signed_in(request, visitor, taken.provider, reference)
            case SignInLimited(retry_after):
                return self.limited(request, visitor, retry_after)
            case Tested():
                return self._tested(request, visitor, taken, outcome)

    def refused(
        self, request: Request, visitor: Visitor, arrival: Arrival, provider: IdentityProvider, reason: str
    ) -> Response:
        """Answer that nobody is signed in; the reason is private, on the audit log."""
        refused = self._sso.refused(arrival, provider, reason)
        return self._not_signed_in(request, visitor, provider, refused.reference)

    def unreachable(
        self, request: Request, visitor: Visitor, arrival: Arrival, provider: IdentityProvider, reason: str
    ) -> Response:
        """Answer that the provider does not answer, or not as it must."""
        refused = self._sso.refused(arrival, provider, reason)
        return self._pages.error(
            request,
            visitor.environment,
            status=502,
            title=N_("{provider} does not answer", provider=provider.name),
            text=N_("Your organisation's sign-in service could not be asked, or did not answer as it must."),
            hint=N_("Try again in a moment. If it happens again, tell your administrator."),
            start=True,
            reference=refused.reference,
            for_administrator=visitor.is_administrator,
        )

    def limited(self, request: Request, visitor: Visitor, retry_after: int) -> Response:
        """Answer that it was tried too often."""
        return self._pages.error(
            request,
            visitor.environment,
            status=429,
            title=N_("Too many tries"),
            text=N_("Wait {time}, then try again.", time=duration(retry_after)),
            start=True,
            headers={"Retry-After": str(retry_after)},
        )

    def no_such_provider(self, request: Request, visitor: Visitor) -> Response:
        """Answer that this environment has no such provider, or does not use it."""
        return self._pages.error(
            request,
            visitor.environment,
            status=404,
            title=N_("This sign-in service is not used here"),
            text=N_("Your organisation does not sign in there, or does not any more."),
            hint=N_("Go to the start page and sign in from there."),
            start=True,
        )

    def _not_signed_in(
        self, request: Request, visitor: Visitor, provider: IdentityProvider, reference: str | None
    ) -> Response:
        return self._pages.error(
            request,
            visitor.environment,
            status=403,
            title=N_("You were not signed in"),
            text=N_(
                "The sign-in at {provider} was not finished, came too late, or does not count here.",
                provider=provider.name,
            ),
            hint=N_("Go to the start page and sign in again. If it happens again, tell your administrator."),
            start=True,
            reference=reference,
            for_administrator=visitor.is_administrator,
        )

    def _unknown(
        self, request: Request, visitor: Visitor, provider: IdentityProvider, reference: str | None
    ) -> Response:
        return self._pages.error(
            request,
            visitor.environment,
            status=403,
            title=N_("You were not signed in"),
            text=N_("{provider} says who you are, but no account here is connected with that.", provider=provider.name),
            hint=N_("Ask your administrator to connect your account. The reference tells them what is missing."),
            start=True,
            reference=reference,
            for_administrator=visitor.is_administrator,
        )

    def _tested(self, request: Request, visitor: Visitor, taken: Taken, tested: Tested) -> Response:
        context = {
            "provider": taken.provider.name,
            "subject": tested.vouched.subject,
            "attributes": sorted(tested.vouched.attributes.items()),
            "user": tested.would if isinstance(tested.would, User) else None,
            "person": tested.would if isinstance(tested.would, NewPerson) else None,
            "refusal": tested.would if isinstance(tested.would, Text) else None,
            "back_url": taken.request.target,
            "again_url": test_address(str(taken.provider.provider_id), taken.request.target),
        }
        return self._pages.render(request, "sso_test.html", visitor.environment, context, here="/")


class SsoPages:
    """The way to every provider, and back from those of OpenID Connect."""

    def __init__(
        self,
        *,
        sso: SingleSignOn,
        protocols: Mapping[ProviderKind, ProviderProtocol],
        oidc: OidcProtocol,
        answers: SsoAnswers,
        browsers: Browsers,
        pages: Pages,
    ) -> None:
        self._sso = sso
        self._protocols = protocols
        self._oidc = oidc
        self._answers = answers
        self._browsers = browsers
        self._pages = pages

    def routes(self, page: Callable[[Page], Endpoint], entrance: Entrance) -> list[BaseRoute]:
        """Where these pages live."""
        return [
            Route(BEGIN_PATH, page(self.begin), methods=["GET"]),
            Route(TEST_PATH, page(self._test(entrance.administrators(self.test))), methods=["GET"]),
            Route(CALLBACK_PATH, page(self.callback), methods=["GET"]),
        ]

    async def begin(self, request: Request, visitor: Visitor) -> Response:
        """Send the browser to the provider."""
        return await self._send(request, visitor, Purpose.SIGN_IN)

    async def test(self, request: Request, admin: Administrator) -> Response:
        """The same for an administrator who wants to see what arrives."""
        return await self._send(request, admin.visitor, Purpose.TEST)

    async def callback(self, request: Request, visitor: Visitor) -> Response:
        """Take the provider's answer (OpenID Connect Core §3.1.2.5)."""
        provider = await self._sso.provider(visitor.environment, request.path_params["provider_id"])
        if provider is None or provider.kind is not ProviderKind.OIDC:
            return self._answers.no_such_provider(request, visitor)
        arrival = self._browsers.arrival(request, visitor)
        params = from_form(request.scope["query_string"], _ANSWER, longest=_LONGEST_ANSWER)
        if isinstance(params, Refusal):
            return self._answers.refused(request, visitor, arrival, provider, params.reason)
        try:
            taken = await self._sso.take(arrival, provider, params.get("state", ""))
            vouched = await self._oidc.vouched(taken, params, origin=asgi.origin(request.scope))
        except NotVouched as error:
            return self._answers.refused(request, visitor, arrival, provider, str(error))
        except FetchFailed as error:
            return self._answers.unreachable(request, visitor, arrival, provider, str(error))
        return await self._answers.finished(request, visitor, arrival, taken, vouched)

    def _test(self, for_administrators: Endpoint) -> Page:
        """Whoever is not signed in does so first, and begins the test again from the page that leads to it.

        A sign-in that led on to the provider by itself would stop half-way: browsers hold the sign-in form's
        ``form-action`` against every hop that follows.
        """

        async def test(request: Request, visitor: Visitor) -> Response:
            if visitor.session is None:
                return redirect(sign_in_address(own_path(request.query_params.get("next"))), after_post=False)
            return await for_administrators(request)

        return test

    async def _send(self, request: Request, visitor: Visitor, purpose: Purpose) -> Response:
        target = own_path(request.query_params.get("next"))
        _, cookie = self._browsers.form_of_browser(request)
        arrival = replace(self._browsers.arrival(request, visitor, target), browser=cookie.encode())
        begun = await self._sso.begin(arrival, request.path_params["provider_id"], purpose=purpose, by=_acting(visitor))
        match begun:
            case NoSuchProvider():
                return self._answers.no_such_provider(request, visitor)
            case SignInLimited(retry_after):
                return self._answers.limited(request, visitor, retry_after)
            case Begun():
                response = await self._onward(request, visitor, arrival, begun)
        set_form_cookie(request, response, cookie)
        return response

    async def _onward(self, request: Request, visitor: Visitor, arrival: Arrival, begun: Begun) -> Response:
        protocol = self._protocols.get(begun.provider.kind)
        if protocol is None:
            return self._answers.no_such_provider(request, visitor)
        try:
            onward = await protocol.onward(begun, origin=asgi.origin(request.scope))
        except (FetchFailed, NotVouched) as error:
            return self._answers.unreachable(request, visitor, arrival, begun.provider, str(error))
        if onward.fields is None:
            return redirect(onward.address, after_post=False)
        return self._posting(request, visitor, begun, onward)

    def _posting(self, request: Request, visitor: Visitor, begun: Begun, onward: Onward) -> Response:
        """A page whose form posts the request to the provider."""
        parts = urlsplit(onward.address)
        context = {"provider": begun.provider.name, "action": onward.address, "fields": onward.fields}
        source = f"{parts.scheme}://{parts.netloc}"
        return self._pages.render(
            request, "sso_onward.html", visitor.environment, context, form_action=[source], here="/"
        )


def _acting(visitor: Visitor) -> Acting | None:
    return None if visitor.session is None else Acting(visitor.session.user, visitor.address)
