"""Puts together the pages and the admin API, out of the services. It is loaded when they are first needed."""

from starlette.types import ASGIApp

from workgate.assembly import Services
from workgate.opening import Opened
from workgate.service.authorize import AuthorizeService
from workgate.service.central_host import CentralHostService
from workgate.service.confirming import Confirming
from workgate.service.naming import Naming
from workgate.service.once import Questions
from workgate.service.own_sessions import OwnSessions
from workgate.service.passwords import OwnPassword
from workgate.service.second_step_answers import SecondStepAnswers
from workgate.service.sessions import SessionService
from workgate.service.signing_in import SigningIn
from workgate.service.sso import SingleSignOn
from workgate.web.api.app import AdminApi
from workgate.web.api.calls import AdminServices
from workgate.web.app import site_of_pages
from workgate.web.endpoints import EndpointParts
from workgate.web.parts import WebParts


def pages(services: Services, endpoints: EndpointParts) -> ASGIApp:
    """Make the site that people see; the endpoints' services are its own, too."""
    opened, database = services.opened, services.opened.database
    signing_in, sessions = endpoints.signing_in, endpoints.sessions
    parts = WebParts(
        directory=endpoints.directory,
        sessions=sessions,
        signing_in=signing_in,
        second_steps=services.second_steps,
        answers=_answers(opened, signing_in),
        confirming=_confirming(opened, signing_in, sessions),
        sso=_sso(services, signing_in),
        protocols=services.protocols,
        oidc=services.oidc,
        saml=services.saml,
        authorize=_authorize(opened),
        applications=database.applications,
        users=database.users,
        registry=services.registry,
        application_keys=services.application_keys,
        connections=services.connections,
        central=services.central,
        central_host=_central_host(opened),
        own_password=_own_password(services, signing_in, sessions),
        mailed_links=services.mailed_links,
        own_sessions=OwnSessions(store=database.own_sessions, clock=opened.clock, audit=opened.audit),
        audit_queries=services.audit_queries,
        people=services.people,
        sign_in=services.sign_in,
        identity_providers=services.identity_providers,
        federations=services.federations,
        naming=Naming(users=database.users, applications=database.applications),
        audit=opened.audit,
        mint=opened.mint,
        clock=opened.clock,
        entropy=opened.entropy,
    )
    return site_of_pages(parts)


def admin_api(services: Services, endpoints: EndpointParts) -> ASGIApp:
    """Make the admin API."""
    opened = services.opened
    asked = AdminServices(
        registry=services.registry,
        keys=services.application_keys,
        connections=services.connections,
        central=services.central,
        audit_queries=services.audit_queries,
        audit=opened.audit,
        people=services.people,
        sign_in=services.sign_in,
        mailed_links=services.mailed_links,
        second_steps=services.second_steps,
        federations=services.federations,
        identity_providers=services.identity_providers,
        applications=opened.database.applications,
        users=opened.database.users,
        clock=opened.clock,
    )
    return AdminApi(endpoints.directory, endpoints.sessions, asked)


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
        users=services.opened.database.users,
        rules=services.opened.database.sign_in_rules,
        signing_in=signing_in,
        sessions=sessions,
        passwords=services.opened.passwords,
        clock=services.opened.clock,
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
    opened = services.opened
    return SingleSignOn(
        providers=opened.database.identity_providers,
        states=opened.database.provider_states,
        requests=opened.database.sign_in_requests,
        federations=services.federations,
        secrets=services.provider_secrets,
        rules=opened.database.sign_in_rules,
        signing_in=signing_in,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
        audit=opened.audit,
    )
