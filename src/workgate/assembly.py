"""Puts the services together, out of what an opened installation holds."""

from collections.abc import Mapping

from workgate.domain.sso import ProviderKind
from workgate.opening import Opened
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.central import CentralApplications
from workgate.service.connections import Connections
from workgate.service.environments import Administration
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks
from workgate.service.once import Questions
from workgate.service.passwords import PasswordDesk
from workgate.service.people import People
from workgate.service.provider_secrets import ProviderSecrets
from workgate.service.second_steps import SecondSteps
from workgate.service.sign_in_rules import SignInAdministration
from workgate.service.sso import ProviderProtocol
from workgate.service.sso_oidc import OidcProtocol
from workgate.service.sso_saml import SamlProtocol
from workgate.signin.common_passwords import CommonPasswords
from workgate.signin.fetch import Fetcher, FetchPolicy
from workgate.signin.oidc import OidcClient
from workgate.signin.saml import Saml, is_installed
from workgate.signin.xmlsec import XmlSec


class Services:
    """What administrators and people do in an installation, from wherever: the command line, pages, admin API.

    Args:
        opened: the installation.
    """

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self._add_applications()
        self._add_people()
        self._add_identity_providers()

    def close(self) -> None:
        """Let go of what they hold besides the installation."""
        if self.saml is not None:
            self.saml.close()

    def _add_applications(self) -> None:
        opened, database, audit = self.opened, self.opened.database, self.opened.audit
        ids, clock, entropy = opened.ids, opened.clock, opened.entropy
        self.administration = Administration(
            environments=database.environments,
            users=database.users,
            passwords=opened.passwords,
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
            at_most=opened.settings.applications_per_environment,
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

    def _add_people(self) -> None:
        opened, database, audit = self.opened, self.opened.database, self.opened.audit
        ids, clock, entropy = opened.ids, opened.clock, opened.entropy
        self.people = People(people=database.people, users=database.users, audit=audit, clock=clock, entropy=entropy)
        self.sign_in = SignInAdministration(rules=database.sign_in_rules, states=database.provider_states, audit=audit)
        self.password_desk = PasswordDesk(
            users=database.users,
            store=database.passwords,
            rules=database.sign_in_rules,
            passwords=opened.passwords,
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
            outbox=opened.outbox,
            origins=opened.link_origins,
            mint=opened.mint,
            ids=ids,
            clock=clock,
            entropy=entropy,
            audit=audit,
        )
        self.second_steps = SecondSteps(
            factors=database.second_factors,
            rules=database.sign_in_rules,
            questions=Questions(mint=opened.mint, clock=clock, entropy=entropy),
            mint=opened.mint,
            ids=ids,
            clock=clock,
            entropy=entropy,
            audit=audit,
        )

    def _add_identity_providers(self) -> None:
        opened, database, audit = self.opened, self.opened.database, self.opened.audit
        ids, clock, entropy = opened.ids, opened.clock, opened.entropy
        self.federations = Federations(
            federated=database.federated_users, users=database.users, clock=clock, entropy=entropy, audit=audit
        )
        secrets = self.provider_secrets = ProviderSecrets(mint=opened.mint, clock=clock, entropy=entropy)
        fetcher = Fetcher(FetchPolicy(insecure_http_and_private_addresses=opened.settings.sso_private_addresses))
        self.oidc = OidcProtocol(client=OidcClient(fetcher), secrets=secrets, clock=clock)
        self.saml = _saml(opened, secrets, fetcher)
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
