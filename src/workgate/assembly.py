"""Puts the services together, out of what an opened installation holds."""

from workgate.domain.ids import Clock, Entropy
from workgate.oauth.refresh_grant import RefreshPolicy
from workgate.opening import Opened
from workgate.ops.settings import Settings
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.authorize import AuthorizeService
from workgate.service.central import CentralApplications
from workgate.service.central_host import CentralHostService
from workgate.service.clients import ClientDesk
from workgate.service.connections import Connections
from workgate.service.environments import Administration, DefaultName, EnvironmentDirectory
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.naming import Naming
from workgate.service.sessions import SessionService
from workgate.service.signing_in import SigningIn, SignInPolicy
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.api.calls import AdminServices
from workgate.web.app import WebParts
from workgate.web.errors import ErrorStyle


class Services(Opened):
    """An opened installation with what administrators do in it, from wherever: the command line, pages, admin API."""

    def __init__(self, settings: Settings, *, clock: Clock, entropy: Entropy) -> None:
        super().__init__(settings, clock=clock, entropy=entropy)
        database, audit, ids = self.database, self.audit, self.ids
        self.administration = Administration(
            environments=database.environments,
            users=database.users,
            passwords=self.passwords,
            ids=ids,
            clock=clock,
            entropy=entropy,
        )
        self.registry = Registry(
            applications=database.applications,
            environments=database.environments,
            users=database.users,
            audit=audit,
            ids=ids,
            clock=clock,
            entropy=entropy,
            at_most=settings.applications_per_environment,
        )
        self.application_keys = ApplicationKeys(
            registry=self.registry, keys=database.keys, audit=audit, ids=ids, clock=clock
        )
        self.connections = Connections(
            registry=self.registry,
            connections=database.connections,
            authorizations=database.authorizations,
            audit=audit,
            clock=clock,
        )
        self.central = CentralApplications(
            registry=self.registry,
            central=database.central,
            applications=database.applications,
            audit=audit,
            clock=clock,
        )
        self.audit_queries = AuditQueries(database.audit)


def admin_services(services: Services) -> AdminServices:
    """What the admin API calls."""
    return AdminServices(
        registry=services.registry,
        keys=services.application_keys,
        connections=services.connections,
        central=services.central,
        audit_queries=services.audit_queries,
        audit=services.audit,
        applications=services.database.applications,
        users=services.database.users,
        clock=services.clock,
    )


def web_parts(services: Services) -> WebParts:
    """What the pages and the OAuth endpoints are made of."""
    settings, database, clock = services.settings, services.database, services.clock
    sessions = _sessions(services)
    desk = _desk(services)
    refresh = RefreshPolicy(settings.refresh_retry_seconds)
    return WebParts(
        directory=EnvironmentDirectory(
            database.environments,
            services.health,  # every request finds its environment first, and none is answered at a wrong time
            base_domains=settings.base_domains,
            default=_default_name(settings.default_environment),
        ),
        sessions=sessions,
        signing_in=_signing_in(services, sessions),
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
        audit_queries=services.audit_queries,
        naming=Naming(users=database.users, applications=database.applications),
        audit=services.audit,
        mint=services.mint,
        clock=clock,
        entropy=services.entropy,
        error_style=ErrorStyle(settings.error_style),
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


def _default_name(text: str | None) -> DefaultName | None:
    if text is None:
        return None
    domain, dot, lane = text.partition(".")
    if not (domain and dot and lane):
        raise ValueError(f"default_environment {text!r} must be of the form domain.lane")
    return DefaultName(domain, lane)
