"""The table of all routes: the OAuth endpoints, which clients call, and the pages, which people see."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Lifespan, Scope

from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy
from workgate.domain.ports import ApplicationStore, StoreUnavailable, UserStore
from workgate.domain.sso import ProviderKind
from workgate.domain.texts import N_
from workgate.oauth.metadata import (
    AUTHORIZE_PATH,
    CONSENT_PATH,
    INTROSPECT_PATH,
    JWT_EXCHANGE_PATH,
    METADATA_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
)
from workgate.ops.audit import AuditLog
from workgate.ops.telemetry import described, log_refusal
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.authorize import AuthorizeService
from workgate.service.central import CentralApplications
from workgate.service.central_host import CentralHostService
from workgate.service.clients import ClientDesk
from workgate.service.confirming import Confirming
from workgate.service.connections import Connections
from workgate.service.environments import EnvironmentDirectory
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.mailed_links import FORGOTTEN_PATH, MailedLinks
from workgate.service.naming import Naming
from workgate.service.own_sessions import OwnSessions
from workgate.service.passwords import OwnPassword
from workgate.service.people import People
from workgate.service.second_step_answers import SecondStepAnswers
from workgate.service.second_steps import SecondSteps
from workgate.service.sessions import SessionService
from workgate.service.sign_in_rules import SignInAdministration
from workgate.service.signing_in import SigningIn
from workgate.service.sso import ProviderProtocol, SingleSignOn
from workgate.service.sso_oidc import OidcProtocol
from workgate.service.sso_saml import SamlProtocol
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.account import AccountPages, choose_language
from workgate.web.audit import AuditPages
from workgate.web.browser import Browsers, Visitor
from workgate.web.central import CentralHosts, CentralPages
from workgate.web.connections import ConnectionPages
from workgate.web.consent import ConsentPages
from workgate.web.entrance import Entrance
from workgate.web.errors import ErrorStyle
from workgate.web.factor_forms import FactorForms
from workgate.web.oauth import (
    ClientEndpoint,
    MetadataEndpoint,
    exchange_answer,
    introspect_answer,
    revoke_answer,
    token_answer,
)
from workgate.web.own_sessions import OwnSessionPages
from workgate.web.pages import LANGUAGE_PATH, SECURITY_HEADERS, STATIC_FOLDER, Pages
from workgate.web.passwords import PasswordPages
from workgate.web.pending import PendingSignIns
from workgate.web.people_routes import people_routes
from workgate.web.recovery import RecoveryPages
from workgate.web.saml import SamlPages
from workgate.web.second_step import SecondStepPages
from workgate.web.security import SecurityPages
from workgate.web.setup_routes import setup_routes
from workgate.web.signin import LOGO_PATH, SIGN_IN_PATH, SIGN_OUT_PATH, SIGNED_OUT_PATH, SignInPages
from workgate.web.sso import SsoAnswers, SsoPages

_Page = Callable[[Request, Visitor], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the pages and the OAuth endpoints are made of."""

    directory: EnvironmentDirectory
    sessions: SessionService
    signing_in: SigningIn
    second_steps: SecondSteps
    answers: SecondStepAnswers
    confirming: Confirming
    sso: SingleSignOn
    protocols: Mapping[ProviderKind, ProviderProtocol]
    oidc: OidcProtocol
    saml: SamlProtocol | None
    authorize: AuthorizeService
    desk: ClientDesk
    tokens: TokenService
    management: TokenManagement
    exchange: JwtExchange
    applications: ApplicationStore
    users: UserStore
    registry: Registry
    application_keys: ApplicationKeys
    connections: Connections
    central: CentralApplications
    central_host: CentralHostService
    own_password: OwnPassword
    mailed_links: MailedLinks
    own_sessions: OwnSessions
    audit_queries: AuditQueries
    people: People
    sign_in: SignInAdministration
    identity_providers: IdentityProviders
    federations: Federations
    naming: Naming
    audit: AuditLog
    mint: Mint
    clock: Clock
    entropy: Entropy
    error_style: ErrorStyle


class Site:
    """Wraps pages: finds the visitor first, and turns what can go wrong into pages."""

    def __init__(self, browsers: Browsers, pages: Pages) -> None:
        self._browsers = browsers
        self._pages = pages
        self.errors: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
            404: self.not_found,
            405: self.wrong_method,
            500: self.failed,
        }

    def page(self, handler: _Page) -> Callable[[Request], Awaitable[Response]]:
        """Make a route's endpoint of a page's handler."""

        async def endpoint(request: Request) -> Response:
            try:
                visitor = await self._browsers.visitor(request)
                if visitor is None:
                    return self._no_environment(request)
                return await handler(request, visitor)
            except StoreUnavailable as error:
                log_refusal(event="store_unavailable", error=str(error), path=request.scope["path"])
                return self.unavailable(request)

        return endpoint

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Answer for an address that nothing lives at."""
        del error
        return self._pages.error(
            request,
            None,
            status=404,
            title=N_("There is no such page"),
            text=N_("Nothing lives at this address."),
            hint=N_("Check the address, or go to the start page."),
            start=True,
        )

    async def wrong_method(self, request: Request, error: Exception) -> Response:
        """Answer for a method that the page does not take."""
        allowed = getattr(error, "headers", None) or {}
        text = N_("It does not answer to this method.")
        if request.method.isascii() and request.method.isalpha():
            text = N_("It does not answer to {method}.", method=request.method)
        return self._pages.error(
            request,
            None,
            status=405,
            title=N_("This page does not work that way"),
            text=text,
            hint=N_("Open it again from the start page or from the application."),
            start=True,
            headers=allowed,
        )

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer for a mistake of ours."""
        log_refusal(event="request_failed", error=described(error), path=request.scope["path"])
        return self._pages.error(
            request,
            None,
            status=500,
            title=N_("Something went wrong on our side"),
            text=N_("It was recorded. Nothing that you entered was used up."),
            hint=N_("Try again in a moment."),
        )

    def _no_environment(self, request: Request) -> Response:
        return self._pages.error(
            request,
            None,
            status=404,
            title=N_("No organisation has this address"),
            text=N_("The address names an organisation or a lane that does not exist here."),
            hint=N_("Check the first two parts of the address: organisation, then lane."),
        )

    def unavailable(self, request: Request) -> Response:
        """Answer while the database does not."""
        return self._pages.error(
            request,
            None,
            status=503,
            title=N_("Workgate cannot answer at this moment"),
            text=N_("Its database does not answer. Nothing was changed."),
            hint=N_("Try again in a moment."),
            headers={"Retry-After": "2"},
        )


class StaticAssets(StaticFiles):
    """Static files, whose addresses change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve a file that browsers may keep."""
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = SECURITY_HEADERS["Referrer-Policy"]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def web_app(parts: WebParts, lifespan: Lifespan[Starlette]) -> tuple[dict[str, ASGIApp], ASGIApp]:
    """Make the JSON endpoints by their paths, and the site of all pages."""
    pages = Pages()
    browsers = Browsers(
        directory=parts.directory,
        sessions=parts.sessions,
        mint=parts.mint,
        clock=parts.clock,
        entropy=parts.entropy,
    )
    site = Site(browsers, pages)
    entrance = Entrance(page=site.page, browsers=browsers, pages=pages, audit=parts.audit)
    consent = ConsentPages(authorize=parts.authorize, sso=parts.sso, browsers=browsers, pages=pages)
    pending = PendingSignIns(signing_in=parts.signing_in, sessions=parts.sessions, browsers=browsers, pages=pages)
    signin = SignInPages(
        sessions=parts.sessions,
        signing_in=parts.signing_in,
        sso=parts.sso,
        protocols=parts.protocols,
        pending=pending,
        applications=parts.applications,
        browsers=browsers,
        pages=pages,
        forgotten_url=FORGOTTEN_PATH if parts.mailed_links.can_mail else None,
    )
    account = AccountPages(applications=parts.applications, browsers=browsers, pages=pages)
    clients = {
        TOKEN_PATH: token_answer(parts.tokens),
        INTROSPECT_PATH: introspect_answer(parts.management),
        REVOKE_PATH: revoke_answer(parts.management),
        JWT_EXCHANGE_PATH: exchange_answer(parts.exchange),
    }
    endpoints: dict[str, ASGIApp] = {
        path: ClientEndpoint(directory=parts.directory, desk=parts.desk, answer=answer, style=parts.error_style)
        for path, answer in clients.items()
    }
    endpoints[METADATA_PATH] = MetadataEndpoint(parts.directory)
    routes: list[BaseRoute] = [
        Route(AUTHORIZE_PATH, site.page(consent.authorize), methods=["GET"]),
        Route(CONSENT_PATH, site.page(consent.decide), methods=["POST"]),
        Route(LOGO_PATH, site.page(account.logo), methods=["GET"]),
        Route(SIGN_IN_PATH, site.page(signin.show), methods=["GET"]),
        Route(SIGN_IN_PATH, site.page(signin.sign_in), methods=["POST"]),
        Route(SIGN_OUT_PATH, site.page(signin.sign_out), methods=["POST"]),
        Route(SIGNED_OUT_PATH, site.page(signin.signed_out), methods=["GET"]),
        Route("/", site.page(account.home), methods=["GET"]),
        *_account_routes(parts, entrance, browsers, pages),
        *_second_step_routes(parts, pending, site, browsers, pages),
        *_sso_routes(parts, entrance, site, browsers, pages, pending),
        *_password_routes(parts, site, pending, browsers, pages),
        Route(LANGUAGE_PATH, choose_language, methods=["GET"]),
        *setup_routes(parts, browsers, pages, entrance),
        *people_routes(parts, browsers, pages, entrance),
        Mount("/static", StaticAssets(directory=STATIC_FOLDER)),
    ]
    app = Starlette(routes=routes, exception_handlers=site.errors, lifespan=lifespan)
    # Else a post to an address with a slash too many is answered with 307, and sends its secrets once more.
    app.router.redirect_slashes = False
    return endpoints, _with_central_hosts(app, parts, site, browsers, pages)


def _with_central_hosts(app: ASGIApp, parts: WebParts, site: Site, browsers: Browsers, pages: Pages) -> ASGIApp:
    """The site of organisations' hosts, and beside it that of central hosts."""
    central = CentralPages(
        service=parts.central_host,
        directory=parts.directory,
        applications=parts.applications,
        browsers=browsers,
        pages=pages,
    )
    return CentralHosts(parts.directory, central=central.app(site.errors, site.unavailable), site=app)


def _sso_routes(
    parts: WebParts, entrance: Entrance, site: Site, browsers: Browsers, pages: Pages, pending: PendingSignIns
) -> list[BaseRoute]:
    """Sign-in at identity providers."""
    answers = SsoAnswers(sso=parts.sso, pending=pending, pages=pages)
    sso = SsoPages(
        sso=parts.sso, protocols=parts.protocols, oidc=parts.oidc, answers=answers, browsers=browsers, pages=pages
    )
    routes = sso.routes(site.page, entrance)
    if parts.saml is not None:
        saml = SamlPages(sso=parts.sso, saml=parts.saml, answers=answers, browsers=browsers)
        routes += saml.routes(site.page)
    return routes


def _account_routes(parts: WebParts, entrance: Entrance, browsers: Browsers, pages: Pages) -> list[BaseRoute]:
    """Connected applications, the audit log, and where one is signed in."""
    connections = ConnectionPages(
        connections=parts.connections,
        registry=parts.registry,
        naming=parts.naming,
        clock=parts.clock,
        browsers=browsers,
        pages=pages,
    )
    audit = AuditPages(queries=parts.audit_queries, naming=parts.naming, clock=parts.clock, pages=pages)
    sessions = OwnSessionPages(sessions=parts.own_sessions, browsers=browsers, pages=pages)
    return [*connections.routes(entrance), *audit.routes(entrance), *sessions.routes(entrance)]


def _second_step_routes(
    parts: WebParts, pending: PendingSignIns, site: Site, browsers: Browsers, pages: Pages
) -> list[BaseRoute]:
    """Two-step sign-in: at the sign-in, and on one's account pages."""
    forms = FactorForms(second_steps=parts.second_steps, pages=pages)
    steps = SecondStepPages(
        pending=pending,
        signing_in=parts.signing_in,
        answers=parts.answers,
        second_steps=parts.second_steps,
        forms=forms,
        applications=parts.applications,
        browsers=browsers,
        pages=pages,
        clock=parts.clock,
    )
    security = SecurityPages(
        second_steps=parts.second_steps, confirming=parts.confirming, forms=forms, browsers=browsers, pages=pages
    )
    entrance = Entrance(page=site.page, browsers=browsers, pages=pages, audit=parts.audit)
    return [*steps.routes(site.page), *security.routes(entrance)]


def _password_routes(
    parts: WebParts, site: Site, pending: PendingSignIns, browsers: Browsers, pages: Pages
) -> list[BaseRoute]:
    """Changing the password, and choosing one with a mailed link."""
    passwords = PasswordPages(
        own=parts.own_password,
        links=parts.mailed_links,
        signing_in=parts.signing_in,
        pending=pending,
        clock=parts.clock,
        browsers=browsers,
        pages=pages,
    )
    recovery = RecoveryPages(links=parts.mailed_links, browsers=browsers, pages=pages)
    return [*passwords.routes(site.page), *recovery.routes(site.page)]
