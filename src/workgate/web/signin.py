"""The sign-in page, which keeps the request that led to it, and signing out."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from workgate import asgi
from workgate.domain.accounts import SessionOrigin
from workgate.domain.oauth import Application
from workgate.domain.ports import ApplicationStore
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import ProviderKind
from workgate.domain.texts import N_, Text
from workgate.oauth.errors import Refusal
from workgate.oauth.metadata import AUTHORIZE_PATH, OAUTH2_PREFIX
from workgate.oauth.params import AUTHORIZE_PARAMETERS, from_form
from workgate.oauth.redirects import match_redirect
from workgate.service.sessions import SessionService
from workgate.service.signing_in import MoreToDo, SignedIn, SigningIn, SignInLimited, SignInRefused
from workgate.service.sso import ProviderProtocol, SingleSignOn
from workgate.web.browser import (
    Browsers,
    Visitor,
    forget_provider,
    forget_session,
    posted_fields,
    provider_of_browser,
    set_form_cookie,
)
from workgate.web.languages import duration
from workgate.web.pages import Pages, own_path, redirect
from workgate.web.pending import PendingSignIns
from workgate.web.sso_addresses import begin_address

SIGN_IN_PATH = "/login"
SIGN_OUT_PATH = "/logout"
SIGNED_OUT_PATH = "/signed-out"
LOGO_PATH = OAUTH2_PREFIX + "/logo/{client_id}"

_WRONG = {
    "title": N_("That did not work"),
    "text": N_(
        "The user name or the password is not right, or the account is locked. After several wrong tries in a row an "
        "account is locked for some minutes: wait a while, or ask your administrator."
    ),
}
_TOO_OLD = {
    "title": N_("Please try once more"),
    "text": N_("This page was open for too long, or your browser did not keep its cookie. Enter your password again."),
}


class SignInPages:
    """GET and POST of the sign-in page, and POST of signing out."""

    def __init__(
        self,
        *,
        sessions: SessionService,
        signing_in: SigningIn,
        sso: SingleSignOn,
        protocols: Mapping[ProviderKind, ProviderProtocol],
        pending: PendingSignIns,
        applications: ApplicationStore,
        browsers: Browsers,
        pages: Pages,
        forgotten_url: str | None,
    ) -> None:
        self._sessions = sessions
        self._signing_in = signing_in
        self._sso = sso
        self._protocols = protocols
        self._pending = pending
        self._applications = applications
        self._browsers = browsers
        self._pages = pages
        self._forgotten_url = forgotten_url

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the page; whoever is signed in already is led on."""
        target = own_path(request.query_params.get("next"))
        if visitor.session is not None:
            return redirect(target, after_post=False)
        by_password = request.query_params.get("password") == "1"
        return await self._page(
            request, visitor, target, username="", problem=None, status=200, by_password=by_password
        )

    async def sign_in(self, request: Request, visitor: Visitor) -> Response:
        """Check what was posted; lead on, or show the page again with what to do."""
        form = await posted_fields(request, "username", "password", "csrf", "next")
        username, target = form.get("username", ""), own_path(form.get("next"))
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            return await self._page(request, visitor, target, username=username, problem=_TOO_OLD, status=403)
        outcome = await self._signing_in.by_password(
            self._browsers.arrival(request, visitor, target),
            username=username,
            password=form.get("password", ""),
            origin=SessionOrigin.BROWSER,
        )
        match outcome:
            case SignedIn() | MoreToDo():
                return await self._pending.lead_on(request, visitor, outcome)
            case SignInRefused():
                return await self._page(request, visitor, target, username=username, problem=_WRONG, status=401)
            case SignInLimited(retry_after):
                problem = {
                    "title": N_("Too many tries"),
                    "text": N_("Wait {time}, then try again.", time=duration(retry_after)),
                }
                response = await self._page(request, visitor, target, username=username, problem=problem, status=429)
                response.headers["Retry-After"] = str(retry_after)
                return response

    async def sign_out(self, request: Request, visitor: Visitor) -> Response:
        """End the session; lead on to where the form says, or to a page that says so."""
        form = await posted_fields(request, "csrf", "next")
        target = own_path(form.get("next"))
        if visitor.session is not None:
            if not self._browsers.is_form_of_session(form.get("csrf", ""), visitor.session):
                return self._pages.error(
                    request,
                    visitor.environment,
                    status=403,
                    title=N_("You are still signed in"),
                    text=N_("The sign-out did not come from a page of your present sign-in."),
                    hint=N_("Open the start page and sign out there."),
                    start=True,
                )
            await self._sessions.sign_out(visitor.environment, visitor.session, visitor.address)
        onward = SIGNED_OUT_PATH if target == "/" else sign_in_address(target)
        response = redirect(onward, after_post=True)
        # Another site's post comes without the cookie, and browsers would still let its answer take the cookie away.
        if visitor.session is not None:
            forget_session(request, response)
        return response

    async def signed_out(self, request: Request, visitor: Visitor) -> Response:
        """Say that nobody is signed in any more; offer to sign out at the identity provider too."""
        provider = await self._sso.provider(visitor.environment, provider_of_browser(request))
        elsewhere = None
        if provider is not None and provider.enabled and provider.kind in self._protocols:
            back_to = asgi.origin(request.scope) + SIGNED_OUT_PATH
            url = await self._protocols[provider.kind].logout_address(provider, back_to=back_to)
            elsewhere = None if url is None else {"name": provider.name, "url": url}
        context = {"signin_url": SIGN_IN_PATH, "elsewhere": elsewhere}
        response = self._pages.render(request, "signed_out.html", visitor.environment, context)
        if provider_of_browser(request):
            forget_provider(request, response)
        return response

    async def _page(
        self,
        request: Request,
        visitor: Visitor,
        target: str,
        *,
        username: str,
        problem: dict[str, Text] | None,
        status: int,
        by_password: bool = True,
    ) -> Response:
        csrf, cookie = self._browsers.form_of_browser(request)
        application, leads_to = await waiting_application(self._applications, visitor, target)
        rules, providers = await self._sso.offered(visitor.environment)
        only = rules.sso is SsoMode.ONLY
        ask_password = not only or (by_password and rules.administrators_exempt)
        password_url = f"{sign_in_address(target)}&password=1" if only and rules.administrators_exempt else None
        providers_shown = [
            {"name": provider.name, "url": begin_address(str(provider.provider_id), target)} for provider in providers
        ]
        context = {
            "form": {"action": SIGN_IN_PATH, "csrf": csrf, "next": target, "username": username[:254]},
            "problem": problem,
            "providers": providers_shown,
            "ask_password": ask_password,
            "for_administrators": only and ask_password,
            "password_url": password_url,
            "application": None if application is None else application_context(application),
            "forgotten_url": self._forgotten_url,
        }
        response = self._pages.render(
            request,
            "signin.html",
            visitor.environment,
            context,
            status=status,
            form_action=leads_to,
            here=(password_url if ask_password else None) or sign_in_address(target),
        )
        set_form_cookie(request, response, cookie)
        return response


async def waiting_application(
    applications: ApplicationStore, visitor: Visitor, target: str
) -> tuple[Application | None, tuple[str, ...]]:
    """The application that sent the user here, and the CSP source of where the sign-in may lead."""
    parts = urlsplit(target)
    if parts.path != AUTHORIZE_PATH:
        return None, ()
    params = from_form(parts.query.encode(), AUTHORIZE_PARAMETERS)
    if isinstance(params, Refusal) or "client_id" not in params:
        return None, ()
    application = await applications.application(visitor.environment.environment_id, params["client_id"])
    if application is None:
        return None, ()
    # Browsers hold form-action against every hop: where consent is not asked, the sign-in leads there.
    to = match_redirect(params.get("redirect_uri", ""), application.redirect_uris, public_client=application.is_public)
    return application, () if to is None else (to.form_action_source,)


def sign_in_address(target: str) -> str:
    """The sign-in page that leads to ``target``, a path of our own, afterwards."""
    return f"{SIGN_IN_PATH}?next={quote(target, safe='')}"


def application_context(application: Application) -> dict[str, object]:
    """What templates show of an application."""
    return {
        "name": application.name,
        "initial": application.name[:1].upper(),
        "logo_url": LOGO_PATH.format(client_id=application.client_id) if application.has_logo else None,
        "description": application.description or None,
        "description_url": application.description_url or None,
        "developer_name": application.developer_name or None,
        "developer_email": application.developer_email or None,
        "privacy_url": application.privacy_url or None,
    }
