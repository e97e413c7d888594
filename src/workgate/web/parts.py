"""What the pages are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy
from workgate.domain.ports import ApplicationStore, UserStore
from workgate.domain.sso import ProviderKind
from workgate.ops.audit import AuditLog
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.authorize import AuthorizeService
from workgate.service.central import CentralApplications
from workgate.service.central_host import CentralHostService
from workgate.service.confirming import Confirming
from workgate.service.connections import Connections
from workgate.service.environments import EnvironmentDirectory
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the pages are made of."""

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
