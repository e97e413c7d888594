"""Puts the services together, out of what an opened installation holds."""

from collections.abc import Mapping
from pathlib import Path

from workgate.domain.ids import Clock, Entropy
from workgate.domain.link_origins import LinkOrigins
from workgate.domain.sign_in_ports import Mailer
from workgate.domain.sso import ProviderKind
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
from workgate.service.confirming import Confirming
from workgate.service.connections import Connections
from workgate.service.environments import Administration, DefaultName, EnvironmentDirectory
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.mailed_links import MailedLinks
from workgate.service.naming import Naming
from workgate.service.once import Questions
from workgate.service.outbox import Outbox
from workgate.service.own_sessions import OwnSessions
from workgate.service.passwords import OwnPassword, PasswordDesk
from workgate.service.people import People
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.second_step_answers import SecondStepAnswers
from workgate.service.second_steps import SecondSteps
from workgate.service.sessions import SessionService
from workgate.service.sign_in_rules import SignInAdministration
from workgate.service.signing_in import SigningIn, SignInPolicy
from workgate.service.sso import ProviderProtocol, SingleSignOn
from workgate.service.sso_oidc import OidcProtocol
from workgate.service.sso_saml import SamlProtocol
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.signin.common_passwords import CommonPasswords
from workgate.signin.fetch import Fetcher, FetchPolicy
from workgate.signin.oidc import OidcClient
from workgate.signin.saml import Saml, is_installed
from workgate.signin.xmlsec import XmlSec
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
        self.people = People(people=database.people, users=database.users, audit=audit, clock=clock, entropy=entropy)
        self.sign_in = SignInAdministration(rules=database.sign_in_rules, states=database.provider_states, audit=audit)
        self.outbox = Outbox(_mailer(self))
        self.password_desk = PasswordDesk(
            users=database.users,
            store=database.passwords,
            rules=database.sign_in_rules,
            passwords=self.passwords,
            common=CommonPasswords(),
            clock=clock,
            audit=audit,
        )
        self.mailed_links = MailedLinks(
            links=database.links,
            users=database.users,
            passwords=database.passwords,
            rules=database.sign_in_rules,
            desk=self.password_desk,
            outbox=self.outbox,
            origins=_link_origins(settings),
            mint=self.mint,
            ids=ids,
            clock=clock,
            entropy=entropy,
            audit=audit,
        )
        self.second_steps = SecondSteps(
            factors=database.second_factors,
            rules=database.sign_in_rules,
            questions=Questions(mint=self.mint, clock=clock, entropy=entropy),
            mint=self.mint,
            ids=ids,
            clock=clock,
            entropy=entropy,
            audit=audit,
        )
        self.federations = Federations(
            federated=database.federated_users, users=database.users, clock=clock, entropy=entropy, audit=audit
        )
        secrets = ProviderSecrets(mint=self.mint, clock=clock, entropy=entropy)
        fetcher = Fetcher(FetchPolicy(insecure_http_and_private_addresses=settings.sso_private_addresses))
        self.oidc = OidcProtocol(client=OidcClient(fetcher), secrets=secrets, clock=clock)
        self.saml = _saml(self, secrets, fetcher)
        self.protocols: Mapping[ProviderKind, ProviderProtocol] = {ProviderKind.OIDC: self.oidc}
        if self.saml is not None:
            self.protocols = {**self.protocols, ProviderKind.SAML: self.saml}
        self.identity_providers = IdentityProviders(
            providers=database.identity_providers,
            states=database.provider_states,
            rules=database.sign_in_rules,
            protocols=self.protocols,
            secrets=secrets,
            ids=ids,
            clock=clock,
            audit=audit,
        )


def _saml(opened: Opened, secrets: ProviderSecrets, fetcher: Fetcher) -> SamlProtocol | None:
    """SAML, where its libraries are installed; none of them is loaded yet."""
    if not is_installed():
        return None
    return SamlProtocol(
        saml=Saml(XmlSec()),
        secrets=secrets,
        fetcher=fetcher,
        used=opened.database.used_assertions,
        clock=opened.clock,
        entropy=opened.entropy,
    )


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
        directory=EnvironmentDirectory(
            database.environments,
            services.health,  # every request finds its environment first, and none is answered at a wrong time
            base_domains=settings.base_domains,
            default=_default_name(settings.default_environment),
        ),
        sessions=sessions,
        signing_in=signing_in,
        second_steps=services.second_steps,
        answers=_answers(services, signing_in),
        confirming=Confirming(
            signing_in=signing_in,
            sessions=sessions,
            users=database.users,
            passwords=services.passwords,
            clock=clock,
            audit=services.audit,
        ),
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
        own_password=OwnPassword(
            desk=services.password_desk,
            users=database.users,
            rules=database.sign_in_rules,
            signing_in=signing_in,
            sessions=sessions,
            passwords=services.passwords,
            clock=clock,
        ),
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


def _mailer(opened: Opened) -> Mailer | None:
    """How mail leaves, as the settings say; None: not at all."""
    settings = opened.settings
    if settings.smtp_url is not None and settings.mail_folder is not None:
        raise ValueError("smtp_url and mail_folder are both set: mail goes one way only")
    if settings.smtp_url is None and settings.mail_folder is None:
        return None
    # Who sends no mail need not wait for what that takes.
    from workgate.signin import mail  # noqa: PLC0415

    sender = mail.parse_sender(settings.mail_from)
    if settings.mail_folder is not None:
        return mail.FolderMailer(Path(settings.mail_folder), sender, clock=opened.clock, entropy=opened.entropy)
    server = mail.parse_smtp_url(settings.smtp_url or "")
    return mail.SmtpMailer(server, sender, clock=opened.clock, entropy=opened.entropy)


def _link_origins(settings: Settings) -> LinkOrigins:
    origins = LinkOrigins(settings.base_domains, settings.mail_origin)
    fault = origins.fault
    if fault is not None:
        raise ValueError(fault)
    return origins


def _answers(opened: Opened, signing_in: SigningIn) -> SecondStepAnswers:
    return SecondStepAnswers(
        signing_in=signing_in,
        factors=opened.database.second_factors,
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
