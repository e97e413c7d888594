"""The setup pages, each in the state that is worth looking at."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.site import Site
from tests.pages.steps import sign_in, words

SETUP = "/setup/oauth2"
Screen = Callable[[Page, Site], object]


def at(path: str) -> Screen:
    """Ann signs in on the way to a setup page; ``{app}`` and ``{machine}`` in its path are client IDs."""

    def screen(page: Page, site: Site) -> None:
        ids = {"app": site.app.application.client_id, "machine": site.machine.application.client_id}
        page.goto(site.url + SETUP + path.format(**ids))
        sign_in(page)
        page.wait_for_url(f"**{SETUP}{path.format(**ids)}")

    return screen


def _form_problem(page: Page, site: Site) -> None:
    at("/new/web")(page, site)
    page.get_by_label(words(page, "Name"), exact=True).fill("Reports")
    page.get_by_label(words(page, "Redirect URLs"), exact=True).fill("https://reports.example/callback#there")
    page.get_by_role("button", name=words(page, "Create")).click()
    page.locator("#redirect_uris-error").wait_for()


def _secret_shown(page: Page, site: Site) -> None:
    at("/{machine}/secrets")(page, site)
    page.get_by_role("button", name=words(page, "Add a client secret")).click()
    page.locator("#client-secret").wait_for()


def _key_shown(page: Page, site: Site) -> None:
    at("/{machine}/keys")(page, site)
    page.get_by_role("button", name=words(page, "Generate a key pair")).click()
    page.locator("#private-key").wait_for()


def _first_deletion(path: str) -> Screen:
    def screen(page: Page, site: Site) -> None:
        at(path)(page, site)
        page.locator(".row .deeds a").first.click()
        page.locator("button.danger").wait_for()

    return screen


SETUP_SCREENS: dict[str, Screen] = {
    "setup-list": at(""),
    "setup-type": at("/new"),
    "setup-new-web": at("/new/web"),
    "setup-new-spa": at("/new/spa"),
    "setup-new-machine": at("/new/machine"),
    "setup-problem": _form_problem,
    "setup-edit": at("/{app}"),
    "setup-edit-machine": at("/{machine}"),
    "setup-saved": at("/{app}?done=saved"),
    "setup-secrets": at("/{app}/secrets"),
    "setup-secret-shown": _secret_shown,
    "setup-secret-delete": _first_deletion("/{app}/secrets"),
    "setup-keys": at("/{machine}/keys"),
    "setup-key-shown": _key_shown,
    "setup-key-delete": _first_deletion("/{machine}/keys"),
    "setup-copy": at("/{app}/copy"),
    "setup-delete": at("/{app}/delete"),
}
