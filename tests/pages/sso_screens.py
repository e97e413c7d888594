"""The pages of signing in elsewhere, and how to get there."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.site import Site
from tests.pages.steps import sign_in, words
from tests.providers.signing_in import federate_in, set_rules, set_up
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, Provisioning

Screen = Callable[[Page, Site], object]
_MAPPING = Provisioning(
    enabled=True, username="preferred_username", first_name="given_name", last_name="family_name", email="email"
)
_NONE = Provisioning()
_MAKES = "Globex login that makes users"
_NORA = {
    "sub": "00u1a2b3c4d5",
    "preferred_username": "nora",
    "given_name": "Nora",
    "family_name": "Nilsson",
    "email": "nora.nilsson@globex.example",
    "email_verified": True,
    "groups": ["Everybody", "Project managers", "On call"],
}


def _url(site: Site) -> str:
    return f"http://globex.my.localhost:{site.stand_in.port}"


def _provider(site: Site, mode: SsoMode, name: str = "Globex login") -> IdentityProvider:
    """The provider of Globex, made by the first screen that needs it."""
    workgate = site.stand_in.workgate
    there = site.stand_in.run(workgate.database.identity_providers.providers(site.globex.environment_id))
    row = next((found for found in there if found.name == name), None)
    if row is None:
        row = set_up(site, site.corporate, site.globex, name=name, provisioning=_MAPPING if name == _MAKES else _NONE)
    set_rules(site, site.globex, mode)
    return row


def _optional(page: Page, site: Site) -> None:
    _provider(site, SsoMode.OPTIONAL)
    page.goto(f"{_url(site)}/login")


def _only(page: Page, site: Site) -> None:
    _provider(site, SsoMode.ONLY)
    page.goto(f"{_url(site)}/login")


def _only_with_password(page: Page, site: Site) -> None:
    _only(page, site)
    page.get_by_role("link", name=words(page, "Administrators: sign in with a password")).click()
    page.get_by_role("button", name=words(page, "Sign in"), exact=True).wait_for()


def _not_connected(page: Page, site: Site) -> None:
    row = _provider(site, SsoMode.OPTIONAL)
    site.corporate.person = dict(_NORA)
    page.goto(f"{_url(site)}/sso/{row.provider_id}/begin")
    page.locator(".reference").wait_for()


def _unreachable(page: Page, site: Site) -> None:
    row = _provider(site, SsoMode.OPTIONAL, "Login of Globex South, which is closed")
    site.corporate.metadata = {"issuer": "https://elsewhere.example"}
    site.stand_in.clock.advance(3601)
    page.goto(f"{_url(site)}/sso/{row.provider_id}/begin")
    page.locator(".reference").wait_for()
    site.corporate.metadata = {}
    site.stand_in.clock.advance(6)


def _test(page: Page, site: Site) -> None:
    row = _provider(site, SsoMode.OPTIONAL, _MAKES)
    site.corporate.person = dict(_NORA)
    page.goto(f"{_url(site)}/login")
    sign_in(page)
    page.goto(f"{_url(site)}/sso/{row.provider_id}/test?next=/")
    page.get_by_role("link", name=words(page, "Test again")).wait_for()


def _test_of_nobody(page: Page, site: Site) -> None:
    row = _provider(site, SsoMode.OPTIONAL)
    site.corporate.person = dict(_NORA)
    page.goto(f"{_url(site)}/login")
    sign_in(page)
    page.goto(f"{_url(site)}/sso/{row.provider_id}/test?next=/")
    page.get_by_role("link", name=words(page, "Test again")).wait_for()


def _signed_out(page: Page, site: Site) -> None:
    row = _provider(site, SsoMode.OPTIONAL)
    workgate = site.stand_in.workgate
    environment_id = site.globex.environment_id
    account = site.stand_in.run(workgate.database.users.account_named(environment_id, "ann"))
    assert account is not None
    if site.stand_in.run(workgate.database.federated_users.federated(environment_id, row.provider_id, "ann-1")) is None:
        federate_in(site, site.globex, row, "ann-1", account.user)
    site.corporate.person = {"sub": "ann-1"}
    page.goto(f"{_url(site)}/sso/{row.provider_id}/begin")
    page.get_by_role("button", name=words(page, "Sign out")).click()
    page.get_by_role("link", name=words(page, "Sign in again")).wait_for()


SSO_SCREENS: dict[str, Screen] = {
    "sso-optional": _optional,
    "sso-only": _only,
    "sso-only-password": _only_with_password,
    "sso-not-connected": _not_connected,
    "sso-unreachable": _unreachable,
    "sso-test": _test,
    "sso-test-of-nobody": _test_of_nobody,
    "sso-signed-out": _signed_out,
}
