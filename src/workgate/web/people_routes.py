"""The addresses of the setup pages of people and of how they sign in. Every one of them is for administrators only."""

from typing import Protocol

from starlette.routing import BaseRoute

from workgate.domain.ids import Clock
from workgate.domain.sso import ProviderKind
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks
from workgate.service.people import People
from workgate.service.second_steps import SecondSteps
from workgate.service.sign_in_rules import SignInAdministration
from workgate.service.sso_saml import SamlProtocol
from workgate.web import people, sign_in_rules, sso_setup
from workgate.web.browser import Browsers
from workgate.web.entrance import Entrance
from workgate.web.oidc_setup import OidcSetup
from workgate.web.pages import Pages
from workgate.web.people import PeoplePages
from workgate.web.person_access import PersonAccessPages
from workgate.web.person_page import PersonPage
from workgate.web.provider_page import KindOfSetup, ProviderPage
from workgate.web.saml_setup import SamlSetup
from workgate.web.setup_page import SetupPages
from workgate.web.sign_in_rules import SignInRulesPage
from workgate.web.sso_setup import ProviderPages


class PeopleParts(Protocol):
    """What these pages are made of."""

    @property
    def people(self) -> People:
        """Users."""

    @property
    def sign_in(self) -> SignInAdministration:
        """The rules of signing in."""

    @property
    def identity_providers(self) -> IdentityProviders:
        """Where people sign in with SSO."""

    @property
    def saml(self) -> SamlProtocol | None:
        """What SAML does its own way; None: it is not installed here."""

    @property
    def federations(self) -> Federations:
        """Whom providers' subjects stand for."""

    @property
    def mailed_links(self) -> MailedLinks:
        """Links to set a password."""

    @property
    def second_steps(self) -> SecondSteps:
        """Passkeys and authenticator apps."""

    @property
    def clock(self) -> Clock:
        """The time."""


def people_routes(parts: PeopleParts, browsers: Browsers, pages: Pages, entrance: Entrance) -> list[BaseRoute]:
    """Make the routes of all of them."""
    of_people = SetupPages(browsers=browsers, pages=pages, done=people.DONE)
    page = PersonPage(
        setup=of_people,
        people=parts.people,
        federations=parts.federations,
        providers=parts.identity_providers,
        links=parts.mailed_links,
        clock=parts.clock,
    )
    access = PersonAccessPages(
        setup=of_people,
        page=page,
        people=parts.people,
        links=parts.mailed_links,
        second_steps=parts.second_steps,
        federations=parts.federations,
        providers=parts.identity_providers,
    )
    of_rules = SetupPages(browsers=browsers, pages=pages, done=sign_in_rules.DONE)
    of_providers = SetupPages(browsers=browsers, pages=pages, done=sso_setup.DONE)
    of_provider = ProviderPage(setup=of_providers, providers=parts.identity_providers, administration=parts.sign_in)
    kinds: dict[ProviderKind, KindOfSetup] = {ProviderKind.OIDC: OidcSetup(of_provider)}
    if parts.saml is not None:
        kinds[ProviderKind.SAML] = SamlSetup(of_provider, parts.saml, parts.clock)
    providers = ProviderPages(page=of_provider, kinds=kinds)
    return [
        *PeoplePages(setup=of_people, people=parts.people, page=page).routes(entrance),
        *access.routes(entrance),
        *SignInRulesPage(setup=of_rules, administration=parts.sign_in).routes(entrance),
        *providers.routes(entrance),
    ]
