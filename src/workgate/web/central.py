"""The central host's pages: which organisation? And what every other address there answers.

What a browser remembers is what its user once typed, and it is checked as if it were typed anew: it leads to no other
place than the form does. It is offered, not followed, so that another organisation is one step away.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workgate import asgi
from workgate.domain.hosts import LONGEST_TYPED, usable_domain
from workgate.domain.ports import ApplicationStore, StoreUnavailable
from workgate.domain.texts import N_, Text
from workgate.oauth.errors import Refusal
from workgate.oauth.metadata import AUTHORIZE_PATH, OAUTH2_PREFIX
from workgate.oauth.params import Params, from_form
from workgate.ops.telemetry import log_refusal
from workgate.service.authorize import ErrorPage, SendBack
from workgate.service.central_host import (
    AskOrganisation,
    CentralHostService,
    CentralVisit,
    GoOn,
    NoSuchOrganisation,
    TooManyTries,
)
from workgate.service.environments import EnvironmentDirectory
from workgate.web.account import logo_response
from workgate.web.browser import Browsers, set_form_cookie
from workgate.web.errors import status_of
from workgate.web.pages import LANGUAGE_PATH, Pages, own_path, redirect
from workgate.web.signin import LOGO_PATH, application_context

ORGANISATION_PATH = f"{OAUTH2_PREFIX}/organisation"
_REMEMBERED_SECONDS = 365 * 86_400
# What browsers leave as it is in a query and an address cannot hold is encoded; the rest stays as it was sent.
_AS_SENT = "!#$%&'()*+,-./:;=?@[]_~"
_UNKNOWN = N_(
    "No organisation of this name uses the application. Check the spelling; if it is right, ask your administrator to "
    "install the application."
)
_TOO_OLD = N_("This page was open for too long, or your browser did not keep its cookie. Press the button once more.")
_Handler = Callable[[Request, CentralVisit], Awaitable[Response]]


class CentralPages:
    """The pages of every lane's central host."""

    def __init__(
        self,
        *,
        service: CentralHostService,
        directory: EnvironmentDirectory,
        applications: ApplicationStore,
        browsers: Browsers,
        pages: Pages,
    ) -> None:
        self._service = service
        self._directory = directory
        self._applications = applications
        self._browsers = browsers
        self._pages = pages

    def app(
        self, errors: Mapping[Any, Callable[[Request, Exception], Any]], unavailable: Callable[[Request], Response]
    ) -> Starlette:
        """Make the site of central hosts.

        Args:
            errors: what answers for addresses, methods and failures, as everywhere else.
            unavailable: what answers while the database does not.
        """

        def page(handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
            async def endpoint(request: Request) -> Response:
                host = self._directory.central_host(asgi.host(request.scope))
                if host is None:
                    raise RuntimeError("only requests to a central host come here")
                visit = CentralVisit(host=host, issuer=asgi.origin(request.scope), address=asgi.address(request.scope))
                try:
                    return await handler(request, visit)
                except StoreUnavailable as error:
                    log_refusal(event="store_unavailable", error=str(error), path=request.scope["path"])
                    return unavailable(request)

            return endpoint

        routes = [
            Route(AUTHORIZE_PATH, page(self.authorize), methods=["GET"]),
            Route(ORGANISATION_PATH, page(self.another), methods=["GET"]),
            Route(ORGANISATION_PATH, page(self.choose), methods=["POST"]),
            Route(LOGO_PATH, page(self.logo), methods=["GET"]),
            Route("/{path:path}", page(self.elsewhere), methods=["GET"]),
        ]
        app = Starlette(routes=routes, exception_handlers=errors)
        app.router.redirect_slashes = False
        return app

    async def authorize(self, request: Request, visit: CentralVisit) -> Response:
        """Answer an authorization request (RFC 6749 §4.1.1): ask for the organisation, the last one filled in."""
        query = _encoded(request.scope["query_string"])
        remembered = asgi.cookies(request.scope).get(_cookie_name(request), "")
        return await self._ask(request, visit, query, remembered if usable_domain(remembered) else "")

    async def another(self, request: Request, visit: CentralVisit) -> Response:
        """Ask for the organisation anew."""
        return await self._ask(request, visit, _query_of(request.query_params.get("next")), "")

    async def choose(self, request: Request, visit: CentralVisit) -> Response:
        """Lead on to the organisation that was named, and remember it."""
        form, typed = await _posted(request)
        query = _query_of(form.get("next"))
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            asked = await self._service.request(visit, query)
            if not isinstance(asked, AskOrganisation):
                return self._not_asked(request, asked, after_post=True)
            return self._page(request, asked, query, typed=typed, problem=_TOO_OLD, status=403)
        outcome = await self._service.choose(visit, query, typed)
        match outcome:
            case GoOn(domain, location):
                response = redirect(location, after_post=True)
                response.set_cookie(
                    _cookie_name(request),
                    domain,
                    max_age=_REMEMBERED_SECONDS,
                    path="/",
                    secure=_secure(request),
                    httponly=True,
                    samesite="lax",
                )
                return response
            case NoSuchOrganisation(asked):
                return self._page(request, asked, query, typed=typed, problem=_UNKNOWN, status=422)
            case TooManyTries(asked, retry_after):
                problem = N_("Too many tries. Wait {seconds} seconds, then try again.", seconds=retry_after)
                response = self._page(request, asked, query, typed=typed, problem=problem, status=429)
                response.headers["Retry-After"] = str(retry_after)
                return response
            case _:
                return self._not_asked(request, outcome, after_post=True)

    async def logo(self, request: Request, visit: CentralVisit) -> Response:
        """Give an application's logo, as an image and nothing else."""
        application = await self._service.application(visit, request.path_params["client_id"])
        found = None
        if application is not None:
            found = await self._applications.logo(application.environment_id, application.client_id)
        return logo_response(found)

    async def elsewhere(self, request: Request, visit: CentralVisit) -> Response:
        """Answer for every address but those: there is nothing here to sign in to."""
        return self._pages.error(
            request,
            None,
            status=200 if request.scope["path"] == "/" else 404,
            title=N_("This address belongs to no organisation"),
            text=N_("Applications send you here to say which organisation is yours. Nothing else is here."),
            hint=N_(
                "Open the application again, or your organisation's own address. It ends in {ending}",
                ending=f".{visit.host.suffix}",
            ),
        )

    async def _ask(self, request: Request, visit: CentralVisit, query: str, remembered: str) -> Response:
        asked = await self._service.request(visit, query)
        if not isinstance(asked, AskOrganisation):
            return self._not_asked(request, asked, after_post=False)
        return self._page(
            request, asked, query, typed=remembered, problem=None, status=200, remembered=bool(remembered)
        )

    def _not_asked(self, request: Request, outcome: ErrorPage | SendBack, *, after_post: bool) -> Response:
        if isinstance(outcome, SendBack):
            return redirect(outcome.location, after_post=after_post)
        return self._pages.error(
            request,
            None,
            status=status_of(outcome.refusal.fault),
            title=N_("This sign-in request cannot be used"),
            text=outcome.refusal.fault.text,
            hint=N_(
                "Go back to the application that sent you here and try again. If it happens again, tell the people who "
                "run that application; nothing was shared with it."
            ),
            reference=outcome.reference,
        )

    def _page(
        self,
        request: Request,
        asked: AskOrganisation,
        query: str,
        *,
        typed: str,
        problem: Text | None,
        status: int,
        remembered: bool = False,
    ) -> Response:
        csrf, cookie = self._browsers.form_of_browser(request)
        target = f"{AUTHORIZE_PATH}?{query}"
        another = f"{ORGANISATION_PATH}?next={quote(target, safe='')}"
        context = {
            "application": application_context(asked.application),
            "remembered": typed if remembered else None,
            "another_url": another,
            "most": LONGEST_TYPED,
            "problem": problem,
            "form": {"action": ORGANISATION_PATH, "csrf": csrf, "next": target, "organisation": typed[:LONGEST_TYPED]},
        }
        # Browsers hold form-action against every hop. The organisation's host is the first; then come an identity
        # provider of its choice or the application, and those are not known here.
        hops = ["https:", *([] if _secure(request) else ["http:"]), asked.redirect.form_action_source]
        response = self._pages.render(
            request, "central.html", None, context, status=status, form_action=hops, here=another
        )
        set_form_cookie(request, response, cookie)
        return response


class CentralHosts:
    """Sends what comes to a central host to its own site, and everything else on.

    Args:
        directory: knows a central host.
        central: the site of central hosts.
        site: that of organisations; what no organisation changes is there too.
    """

    def __init__(self, directory: EnvironmentDirectory, *, central: ASGIApp, site: ASGIApp) -> None:
        self._directory = directory
        self._central = central
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._site
        if scope["type"] == "http" and self._directory.central_host(asgi.host(scope)) is not None:
            path: str = scope["path"]
            shared = path == LANGUAGE_PATH or path.startswith("/static/")
            app = self._site if shared else self._central
        await app(scope, receive, send)


async def _posted(request: Request) -> tuple[Params, str]:
    """What the form says of itself, and what was typed: the one holds whatever the other is."""
    if asgi.content_type(request.scope) != "application/x-www-form-urlencoded":
        return {}, ""
    body = await asgi.read_body(request.scope, request.receive) or b""
    form = from_form(body, frozenset({"csrf", "next"}), longest=asgi.LARGEST_BODY)
    typed = from_form(body, frozenset({"organisation"}), longest=asgi.LARGEST_BODY)
    return (
        {} if isinstance(form, Refusal) else form,
        "" if isinstance(typed, Refusal) else typed.get("organisation", ""),
    )


def _encoded(query: bytes) -> str:
    return quote(query, safe=_AS_SENT)


def _query_of(target: str | None) -> str:
    """The query of the authorization request that a page leads back to; nothing, if it leads elsewhere."""
    path, _, query = own_path(target).partition("?")
    return query if path == AUTHORIZE_PATH else ""


def _cookie_name(request: Request) -> str:
    return "__Host-workgate_organisation" if _secure(request) else "workgate_organisation"


def _secure(request: Request) -> bool:
    return bool(request.scope["scheme"] == "https")
