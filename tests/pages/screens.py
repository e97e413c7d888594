"""Every page that people see, and how to get there; for the checks of accessibility and for looking at them."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.central_screens import CENTRAL_SCREENS
from tests.pages.password_screens import PASSWORD_SCREENS
from tests.pages.people_screens import PEOPLE_SCREENS
from tests.pages.saml_screens import SAML_SCREENS
from tests.pages.setup_screens import SETUP_SCREENS
from tests.pages.site import Site
from tests.pages.sso_screens import SSO_SCREENS
from tests.pages.steps import allow, connect, connected, sign_in, withdraw_links, words
from tests.pages.two_step_screens import TWO_STEP_SCREENS

Screen = Callable[[Page, Site], object]


def _signin_for_app(page: Page, site: Site) -> None:
    connect(page, site)
    page.get_by_role("button", name=words(page, "Show password")).wait_for()


def _signin_problem(page: Page, site: Site) -> None:
    connect(page, site)
    # A user who does not exist: nobody else's tries are counted.
    sign_in(page, "nobody", "wrong password")
    page.get_by_role("alert").wait_for()


def _consent(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page)
    page.get_by_role("button", name=words(page, "Allow access")).wait_for()


def _consent_bare(page: Page, site: Site) -> None:
    page.goto(site.authorize_url(site.bare))
    sign_in(page, "bob")
    page.get_by_role("button", name=words(page, "Allow access")).wait_for()


def _stale_decision(page: Page, site: Site) -> None:
    _consent(page, site)
    page.evaluate("document.querySelector('form.decision [name=request]').value = 'stale'")
    allow(page)
    page.get_by_role("heading", name=words(page, "This decision does not count")).wait_for()


def _home(page: Page, site: Site) -> None:
    page.goto(site.url)
    sign_in(page)
    page.get_by_role("button", name=words(page, "Sign out")).wait_for()


def _signed_out(page: Page, site: Site) -> None:
    _home(page, site)
    page.get_by_role("button", name=words(page, "Sign out")).click()
    page.get_by_role("link", name=words(page, "Sign in again")).wait_for()


def _home_preview(page: Page, site: Site) -> None:
    page.goto(site.preview_url())
    sign_in(page)
    page.get_by_role("button", name=words(page, "Sign out")).wait_for()


def _connected_apps(page: Page, site: Site) -> None:
    connected(page, site)
    page.goto(f"{site.url}/account/connected-apps")
    page.get_by_role("heading", name="ClientApp").wait_for()


def _connected_apps_none(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/account/connected-apps")
    sign_in(page, "cat")
    page.get_by_text(words(page, "No application may act for you.")).wait_for()


def _withdraw(page: Page, site: Site) -> None:
    _connected_apps(page, site)
    withdraw_links(page).first.click()
    page.get_by_role("button", name=words(page, "Withdraw")).wait_for()


def _connections(page: Page, site: Site) -> None:
    connected(page, site)
    page.goto(f"{site.url}/setup/oauth2/{site.app.application.client_id}/connections")
    page.get_by_role("heading", name="Ann Archer").wait_for()


def _connections_none(page: Page, site: Site) -> None:
    _home(page, site)
    page.goto(f"{site.url}/setup/oauth2/{site.bare.application.client_id}/connections")
    page.get_by_text(words(page, "It may act for nobody here.")).wait_for()


def _withdraw_of_user(page: Page, site: Site) -> None:
    _connections(page, site)
    withdraw_links(page).first.click()
    page.get_by_role("button", name=words(page, "Withdraw")).wait_for()


def _error_redirect_admin(page: Page, site: Site) -> None:
    _home(page, site)
    redirect_uri = site.app.application.redirect_uris[0].upper().replace("HTTP", "http") + "/"
    page.goto(site.authorize_url(site.app, redirect_uri=redirect_uri))
    page.locator("a .reference").wait_for()


def _audit(page: Page, site: Site) -> None:
    _error_redirect_admin(page, site)
    page.goto(f"{site.url}/setup/audit")
    page.get_by_role("heading", name=words(page, "Audit log")).wait_for()


def _audit_problem(page: Page, site: Site) -> None:
    _home(page, site)
    page.goto(f"{site.url}/setup/audit?user=nobody&address=127.0.0.1&event=signed_in")
    page.get_by_role("alert").wait_for()


def _audit_record(page: Page, site: Site) -> None:
    _error_redirect_admin(page, site)
    page.locator("a .reference").click()
    page.locator("mark").first.wait_for()


def _not_administrator(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/setup/audit")
    sign_in(page, "bob")
    page.get_by_role("heading", name=words(page, "Only administrators can open this page")).wait_for()


def _app_refreshed(page: Page, site: Site) -> None:
    connected(page, site)
    page.get_by_role("button", name="Refresh the token").click()
    page.get_by_role("status").wait_for()


def _app_disconnected(page: Page, site: Site) -> None:
    connected(page, site)
    page.get_by_role("button", name="Disconnect").click()
    page.get_by_role("status").wait_for()


def _app_denied(page: Page, site: Site) -> None:
    _consent(page, site)
    page.get_by_role("button", name=words(page, "Cancel")).click()
    page.get_by_role("heading", name="You did not allow access").wait_for()


SCREENS: dict[str, Screen] = {
    "signin": lambda page, site: page.goto(f"{site.url}/login"),
    "signin-for-app": _signin_for_app,
    "signin-problem": _signin_problem,
    "consent": _consent,
    "consent-bare": _consent_bare,
    "error-redirect": lambda page, site: page.goto(
        site.authorize_url(site.app, redirect_uri="https://elsewhere.example/")
    ),
    "error-decision": _stale_decision,
    "error-404": lambda page, site: page.goto(f"{site.url}/no-such-page"),
    "error-organisation": lambda page, site: page.goto(f"http://nobody.my.localhost:{site.stand_in.port}/"),
    "home": _home,
    "home-preview": _home_preview,
    "signed-out": _signed_out,
    **SETUP_SCREENS,
    **CENTRAL_SCREENS,
    **PASSWORD_SCREENS,
    **SSO_SCREENS,
    **SAML_SCREENS,
    **PEOPLE_SCREENS,
    **TWO_STEP_SCREENS,
    "connected-apps": _connected_apps,
    "connected-apps-none": _connected_apps_none,
    "withdraw": _withdraw,
    "connections": _connections,
    "connections-none": _connections_none,
    "withdraw-of-user": _withdraw_of_user,
    "error-redirect-admin": _error_redirect_admin,
    "audit": _audit,
    "audit-problem": _audit_problem,
    "audit-record": _audit_record,
    "not-administrator": _not_administrator,
    "app-start": lambda page, site: page.goto(site.app_url),
    "app-projects": connected,
    "app-refreshed": _app_refreshed,
    "app-disconnected": _app_disconnected,
    "app-denied": _app_denied,
    "app-unasked": lambda page, site: page.goto(f"{site.app_url}/callback?code=made-up&state=my-state"),
    "app-404": lambda page, site: page.goto(f"{site.app_url}/no-such-page"),
}
OWN_SCREENS = {name: screen for name, screen in SCREENS.items() if not name.startswith("app-")}
"""Those of Workgate itself; the example app speaks English only."""
