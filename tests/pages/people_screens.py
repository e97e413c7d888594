"""The setup pages of people, of sign-in rules and of SSO providers, each in the state that is worth looking at."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.site import Site
from tests.pages.steps import sign_in, words
from tests.providers import signing_in as oidc
from tests.saml.identity_provider import AttackingProvider
from workgate.domain.accounts import Environment, User
from workgate.domain.people import PersonChanges
from workgate.domain.sso import IdentityProvider, ProviderKind
from workgate.service.acting import OPERATOR
from workgate.service.people import NewUser

Screen = Callable[[Page, Site], object]
PEOPLE, RULES, SSO = "/setup/people", "/setup/sign-in", "/setup/sso"
_LONG = "Wilhelmina-Alexandra von und zu Hohenstein-Wittelsbach"


def acme(site: Site) -> Environment:
    """The environment at the site's own address."""
    environment = site.stand_in.run(site.stand_in.workgate.database.environments.environment("acme", "my"))
    assert environment is not None
    return environment


def a_person(site: Site, username: str, **more: str | bool) -> User:
    """Somebody of acme, made by the first screen that needs them."""
    environment, workgate = acme(site), site.stand_in.workgate
    there = site.stand_in.run(workgate.database.users.account_named(environment.environment_id, username))
    if there is not None:
        return there.user
    new = NewUser(username=username, **more)  # type: ignore[arg-type]  # its fields
    return site.stand_in.run(workgate.services.people.create(environment, new, by=OPERATOR))


def an_oidc_provider(site: Site) -> IdentityProvider:
    """A provider that is off, made by the first screen that needs it."""
    return _there(site, "Corporate login") or oidc.set_up(
        site, site.corporate, acme(site), name="Corporate login", enabled=False
    )


def a_saml_provider(site: Site) -> IdentityProvider:
    """The same of SAML."""
    there = _there(site, "Campus login")
    if there is not None:
        return there
    protocol = {"metadata": AttackingProvider().metadata()}
    providers = site.stand_in.workgate.services.identity_providers
    return site.stand_in.run(providers.create(acme(site), ProviderKind.SAML, "Campus login", protocol, by=OPERATOR))


def _there(site: Site, name: str) -> IdentityProvider | None:
    found = site.stand_in.run(site.stand_in.workgate.services.identity_providers.providers(acme(site), by=OPERATOR))
    return next((one for one in found if one.name == name), None)


def at(page: Page, site: Site, path: str) -> None:
    """Ann signs in on the way to a setup page."""
    page.goto(site.url + path)
    sign_in(page)
    page.wait_for_url(f"**{path}")


def _list(page: Page, site: Site) -> None:
    a_person(site, "wilhelmina@example.com", first_name=_LONG, is_admin=True, sso_only=True)
    gone = a_person(site, "gone@example.com", first_name="Gone", last_name="Away", email="gone.away@example.com")
    people = site.stand_in.workgate.services.people
    site.stand_in.run(people.change(acme(site), gone.user_id, PersonChanges(is_active=False), by=OPERATOR))
    at(page, site, PEOPLE)


def _of(username: str, **more: str | bool) -> Screen:
    def screen(page: Page, site: Site) -> None:
        user = a_person(site, username, **more)
        at(page, site, f"{PEOPLE}/{user.user_id}")

    return screen


def _connected(page: Page, site: Site) -> None:
    user, provider = a_person(site, "nils", first_name="Nils"), an_oidc_provider(site)
    workgate, environment = site.stand_in.workgate, acme(site)
    if not site.stand_in.run(workgate.services.federations.of(environment, user, by=OPERATOR)):
        subject = "auth0|64f0c8a1b2d3e4f5a6b7c8d9-a-rather-long-one-without-any-break-in-it"
        site.stand_in.run(workgate.services.federations.federate(environment, provider, subject, user, by=OPERATOR))
    at(page, site, f"{PEOPLE}/{user.user_id}")


def _problem(page: Page, site: Site) -> None:
    at(page, site, f"{PEOPLE}/new")
    page.get_by_label(words(page, "User name"), exact=True).fill("bob")
    page.get_by_label(words(page, "Administrator"), exact=True).check()
    page.get_by_role("button", name=words(page, "Create")).click()
    page.locator("#username-error").wait_for()


def _link(page: Page, site: Site) -> None:
    _of("linus", first_name="Linus")(page, site)
    page.get_by_role("button", name=words(page, "Make a link")).click()
    page.locator("#link").wait_for()


def _reset(page: Page, site: Site) -> None:
    user = a_person(site, "linus", first_name="Linus")
    at(page, site, f"{PEOPLE}/{user.user_id}/second-steps")


def _rules_problem(page: Page, site: Site) -> None:
    at(page, site, RULES)
    page.locator("#sso").select_option("only")
    page.locator("#administrators_exempt").uncheck()
    page.get_by_role("button", name=words(page, "Save")).click()
    page.locator("#sso-error").wait_for()


def _providers(page: Page, site: Site) -> None:
    an_oidc_provider(site)
    a_saml_provider(site)
    at(page, site, SSO)


def _oidc(page: Page, site: Site) -> None:
    at(page, site, f"{SSO}/{an_oidc_provider(site).provider_id}")


def _saml(page: Page, site: Site) -> None:
    at(page, site, f"{SSO}/{a_saml_provider(site).provider_id}")


def _delete(page: Page, site: Site) -> None:
    _connected(page, site)
    page.goto(f"{site.url}{SSO}/{an_oidc_provider(site).provider_id}/delete")


PEOPLE_SCREENS: dict[str, Screen] = {
    "people": _list,
    "people-none": lambda page, site: at(page, site, f"{PEOPLE}?search=nobody-of-this-name"),
    "person-new": lambda page, site: at(page, site, f"{PEOPLE}/new"),
    "person-problem": _problem,
    "person": _of("linus", first_name="Linus"),
    "person-connected": _connected,
    "person-link": _link,
    "person-reset": _reset,
    "sign-in-rules": lambda page, site: at(page, site, RULES),
    "sign-in-rules-problem": _rules_problem,
    "providers": _providers,
    "provider-new-oidc": lambda page, site: at(page, site, f"{SSO}/new/oidc"),
    "provider-new-saml": lambda page, site: at(page, site, f"{SSO}/new/saml"),
    "provider-oidc": _oidc,
    "provider-saml": _saml,
    "provider-delete": _delete,
}
