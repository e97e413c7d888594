"""Puts together what the pages, the endpoints and the admin API are made of, out of the services."""

from workgate.assembly import Services
from workgate.oauth.refresh_grant import RefreshPolicy
from workgate.opening import Opened
from workgate.service.authorize import AuthorizeService
from workgate.service.central_host import CentralHostService
from workgate.service.clients import ClientDesk
from workgate.service.confirming import Confirming
from workgate.service.environments import DefaultName, EnvironmentDirectory
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.naming import Naming
from workgate.service.once import Questions
from workgate.service.own_sessions import OwnSessions
from workgate.service.passwords import OwnPassword
from workgate.service.second_step_answers import SecondStepAnswers
from workgate.service.sessions import SessionService
from workgate.service.signing_in import SigningIn, SignInPolicy
from workgate.service.sso import SingleSignOn
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.api.calls import AdminServices
from workgate.web.errors import ErrorStyle
from workgate.web.parts import WebParts


def admin_services(services: Services) -> AdminServices:
    """What the admin API calls."""
    return AdminServices(
        registry=services.registry,
        keys=services.application_keys,
        connections=services.connections,
        central=services.central,
        audit_queries=services.audit_queries,
        audit=services.audit,
        people=services.people,
        sign_in=services.sign_in,
        mailed_links=services.mailed_links,
        second_steps=services.second_steps,
        federations=services.federations,
        identity_providers=services.identity_providers,
        applications=services.database.applications,
        users=services.database.users,
        clock=services.clock,
    )


def web_parts(services: Services) -> WebParts:
    """What the pages and the OAuth endpoints are made of."""
    settings, database, clock = services.settings, services.database, services.clock
    sessions = _sessions(services)
    signing_in = _signing_in(services, sessions)
    desk = _desk(services)
    refresh = RefreshPolicy(settings.refresh_retry_seconds)
    return WebParts(
        directory=_directory(services),
        sessions=sessions,
        signing_in=signing_in,
        second_steps=services.second_steps,
        answers=_answers(services, signing_in),
        confirming=_confirming(services, signing_in, sessions),
        sso=_sso(services, signing_in),
        protocols=services.protocols,
        oidc=services.oidc,
        saml=services.saml,
        authorize=_authorize(services),
        desk=desk,
        tokens=TokenService(
            desk=desk, authorizations=database.authorizations, mint=services.mint, clock=clock, policy=refresh
        ),
        management=TokenManagement(
            desk=desk,
            sessions=database.sessions,
            mint=services.mint,
            clock=clock,
            policy=refresh,
            overlap_seconds=settings.session_overlap_seconds,
        ),
        exchange=_jwt_exchange(services, desk),
        applications=database.applications,
        users=database.users,
        registry=services.registry,
        application_keys=services.application_keys,
        connections=services.connections,
        central=services.central,
        central_host=_central_host(services),
        own_password=_own_password(services, signing_in, sessions),
        mailed_links=services.mailed_links,
        own_sessions=OwnSessions(store=database.own_sessions, clock=clock, audit=services.audit),
        audit_queries=services.audit_queries,
        people=services.people,
        sign_in=services.sign_in,
        identity_providers=services.identity_providers,
        federations=services.federations,
        naming=Naming(users=database.users, applications=database.applications),
        audit=services.audit,
        mint=services.mint,
        clock=clock,
        entropy=services.entropy,
        error_style=ErrorStyle(settings.error_style),
    )


def _directory(opened: Opened) -> EnvironmentDirectory:
    return EnvironmentDirectory(
        opened.database.environments,
        opened.health,  # every request finds its environment first, and none is answered at a wrong time
        base_domains=opened.settings.base_domains,
        default=_default_name(opened.settings.default_environment),
    )


def _confirming(opened: Opened, signing_in: SigningIn, sessions: SessionService) -> Confirming:
    return Confirming(
        signing_in=signing_in,
        sessions=sessions,
        users=opened.database.users,
        passwords=opened.passwords,
        clock=opened.clock,
        audit=opened.audit,
    )


def _own_password(services: Services, signing_in: SigningIn, sessions: SessionService) -> OwnPassword:
    return OwnPassword(
        desk=services.password_desk,
        users=services.database.users,
        rules=services.database.sign_in_rules,
        signing_in=signing_in,
        sessions=sessions,
        passwords=services.passwords,
        clock=services.clock,
    )


def _desk(opened: Opened) -> ClientDesk:
    return ClientDesk(
        applications=opened.database.applications,
        authorizations=opened.database.authorizations,
        mint=opened.mint,
        clock=opened.clock,
        audit=opened.audit,
        failures_per_client=opened.settings.client_failures,
    )


def _central_host(opened: Opened) -> CentralHostService:
    return CentralHostService(
        central=opened.database.central,
        environments=opened.database.environments,
        clock=opened.health,  # as environments are found
        audit=opened.audit,
        base_domains=opened.settings.base_domains,
        tries_per_address=opened.settings.sign_in_failures_per_address,
    )


def _authorize(opened: Opened) -> AuthorizeService:
    return AuthorizeService(
        applications=opened.database.applications,
        authorizations=opened.database.authorizations,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
        audit=opened.audit,
    )


def _jwt_exchange(opened: Opened, desk: ClientDesk) -> JwtExchange:
    return JwtExchange(
        desk=desk,
        keys=opened.database.keys,
        users=opened.database.users,
        exchanges=opened.database.exchanges,
        sessions=opened.database.sessions,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
    )


def _sessions(opened: Opened) -> SessionService:
    return SessionService(
        sessions=opened.database.sessions,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
        audit=opened.audit,
        overlap_seconds=opened.settings.session_overlap_seconds,
    )


def _signing_in(opened: Opened, sessions: SessionService) -> SigningIn:
    settings = opened.settings
    return SigningIn(
        sessions=sessions,
        users=opened.database.users,
        rules=opened.database.sign_in_rules,
        passwords=opened.passwords,
        mint=opened.mint,
        clock=opened.clock,
        audit=opened.audit,
        policy=SignInPolicy(
            lock_tries=settings.lock_tries,
            lock_minutes=settings.lock_minutes,
            failures_per_address=settings.sign_in_failures_per_address,
            failures_per_account=settings.sign_in_failures_per_account,
        ),
    )


def _answers(opened: Opened, signing_in: SigningIn) -> SecondStepAnswers:
    return SecondStepAnswers(
        signing_in=signing_in,
        factors=opened.database.second_factors,
        entropy=opened.entropy,
        questions=Questions(mint=opened.mint, clock=opened.clock, entropy=opened.entropy),
        mint=opened.mint,
        clock=opened.clock,
        audit=opened.audit,
    )


def _sso(services: Services, signing_in: SigningIn) -> SingleSignOn:
    return SingleSignOn(
        providers=services.database.identity_providers,
        states=services.database.provider_states,
        requests=services.database.sign_in_requests,
        federations=services.federations,
        secrets=services.provider_secrets,
        rules=services.database.sign_in_rules,
        signing_in=signing_in,
        mint=services.mint,
        ids=services.ids,
        clock=services.clock,
        entropy=services.entropy,
        audit=services.audit,
    )


def _default_name(text: str | None) -> DefaultName | None:
    if text is None:
        return None
    domain, dot, lane = text.partition(".")
    if not (domain and dot and lane):
        raise ValueError(f"default_environment {text!r} must be of the form domain.lane")
    return DefaultName(domain, lane)
