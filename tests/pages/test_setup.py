"""The setup pages as an administrator uses them, in a real browser, and with the programs that use what was copied."""

import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests.browser import REDIRECT_URI, query_of
from tests.pages.conftest import OpenPage
from tests.pages.setup_screens import SETUP
from tests.pages.site import LOGO, Site
from tests.pages.steps import sign_in
from tests.signing import private_key, public_pem, signed_by_joserfc
from workgate.oauth.metadata import JWT_EXCHANGE_PATH, TOKEN_PATH

pytestmark = pytest.mark.browser


def to_setup(page: Page, site: Site) -> None:
    """From the sign-in page to the list."""
    page.goto(site.url)
    sign_in(page)
    page.get_by_role("link", name="OAuth2 applications", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("OAuth2 applications")


def start(page: Page, kind: str, name: str) -> None:
    """From the list to the form of a type, with a name."""
    page.get_by_role("link", name="Create an application").click()
    page.get_by_role("link", name=kind).click()
    page.get_by_label("Name", exact=True).fill(name)


def copied(page: Page, what: str) -> str:
    """What the clipboard holds after the button beside something was pressed."""
    holder = page.locator(f".copied:has(#{what})")
    holder.get_by_role("button", name="Copy").click()
    expect(holder.get_by_role("status")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def delete_it(page: Page) -> None:
    """From any page of an application to its end."""
    page.get_by_role("navigation", name="This application").get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete the application").click()
    expect(page.get_by_role("status")).to_have_text("The application was deleted.")


def curl(site: Site, path: str, *fields: str, user: str | None = None) -> tuple[int, dict[str, Any]]:
    """Post a form as a developer does at the prompt: the status and the JSON answer."""
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}"]
    for field in fields:
        command += ["--data-urlencode", field]
    if user is not None:
        command += ["--user", user]
    answer = subprocess.run([*command, site.url + path], capture_output=True, check=True, text=True).stdout
    body, _, status = answer.rpartition("\n")
    return int(status), msgspec.json.decode(body)


def a_code(page: Page, site: Site, client_id: str) -> str:
    """Allow an application, in another tab; the code is in the address of the page that does not exist."""
    tab = page.context.new_page()
    tab.route(f"{REDIRECT_URI}**", lambda route: route.fulfill(body="there"))
    tab.goto(
        f"{site.url}/integrations/oauth2/authorize?client_id={client_id}&redirect_uri={REDIRECT_URI}&response_type=code"
    )
    tab.get_by_role("button", name="Allow access").click()
    tab.wait_for_url(f"{REDIRECT_URI}?**")
    code = query_of(tab.url)["code"]
    tab.close()
    return code


@pytest.mark.spec(
    "contract", "2.2", "an administrator creates an application, uses its secret with curl, rotates it, deletes it"
)
def test_create_copy_use_rotate_and_delete(site: Site, open_page: OpenPage) -> None:
    page, watch = open_page(permissions=["clipboard-read", "clipboard-write"])
    to_setup(page, site)
    start(page, "Web application", "Invoices")
    page.get_by_label("Redirect URLs").fill(f"{REDIRECT_URI}\nhttps://client.example/second")
    page.get_by_label("Logo (optional)").set_input_files(LOGO)
    page.get_by_role("button", name="Create").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Invoices was created")
    client_id, first = copied(page, "client-id"), copied(page, "client-secret")
    assert re.fullmatch("[0-9a-f]{32}", client_id)
    page.get_by_role("link", name="I have copied it: go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoices")
    assert first not in page.content()

    code = a_code(page, site, client_id)
    # The redirect of this test leads to a page that only the test knows.
    watch.faults[:] = [fault for fault in watch.faults if REDIRECT_URI not in fault]
    asked = ("grant_type=authorization_code", f"code={code}", f"redirect_uri={REDIRECT_URI}")
    status, tokens = curl(site, TOKEN_PATH, *asked, user=f"{client_id}:{first}")
    assert (status, tokens["token_type"]) == (200, "sessionID")

    page.get_by_role("link", name="Client secrets").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_label("Note (optional)").fill("the new server")
    page.get_by_role("button", name="Add a client secret").click()
    second = copied(page, "client-secret")
    page.get_by_role("link", name="I have copied it: go on").click()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator(".row").first.get_by_label("Note")).to_have_value("the new server")

    for secret in (first, second):
        refresh = ("grant_type=refresh_token", f"refresh_token={tokens['refresh_token']}")
        status, tokens = curl(site, TOKEN_PATH, *refresh, user=f"{client_id}:{secret}")
        assert status == 200
    old = page.locator(".row").last
    old.get_by_label("Note").fill("old, being replaced")
    old.get_by_label("Note").press("Enter")
    expect(page.locator("p.done")).to_have_text("The note is saved.")
    expect(page.locator(".row").last.get_by_label("Note")).to_have_value("old, being replaced")
    page.locator(".row").last.get_by_role("link", name="Delete this secret").click()
    page.get_by_role("button", name="Delete the secret").click()
    expect(page.locator("p.done")).to_have_text("The secret was deleted.")

    refresh = ("grant_type=refresh_token", f"refresh_token={tokens['refresh_token']}")
    assert curl(site, TOKEN_PATH, *refresh, user=f"{client_id}:{first}")[0] == 401
    status, tokens = curl(site, TOKEN_PATH, *refresh, user=f"{client_id}:{second}")
    assert status == 200

    page.get_by_role("navigation", name="This application").get_by_role("link", name="Delete").click()
    expect(page.get_by_text("1 user is disconnected")).to_be_visible()
    delete_it(page)
    refresh = ("grant_type=refresh_token", f"refresh_token={tokens['refresh_token']}")
    assert curl(site, TOKEN_PATH, *refresh, user=f"{client_id}:{second}")[0] == 401


def test_a_machine_with_a_pair_that_is_downloaded(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page, _ = open_page(permissions=["clipboard-read", "clipboard-write"])
    to_setup(page, site)
    start(page, "Machine to machine", "Robot")
    page.get_by_role("button", name="Create").click()
    client_id, secret = copied(page, "client-id"), copied(page, "client-secret")
    page.get_by_role("link", name="I have copied it: go on").click()
    page.get_by_role("link", name="Public keys").click()
    page.get_by_role("button", name="Generate a key pair").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the private key").click()
    assert download.value.suggested_filename == f"{client_id}-private.pem"
    saved = tmp_path / "private.pem"
    download.value.save_as(saved)
    issuer, subject = copied(page, "customer-id"), copied(page, "owner-id")
    now = site.stand_in.clock.now() // 1000
    token = signed_by_joserfc({"iss": issuer, "sub": subject, "exp": now + 300}, saved.read_text())
    credentials = (f"client_id={client_id}", f"client_secret={secret}", f"jwt_token={token}")
    assert curl(site, JWT_EXCHANGE_PATH, *credentials)[0] == 200

    page.get_by_role("link", name="I have saved it: go on").click()
    page.get_by_label("Public key or certificate").fill(public_pem(private_key("brought")))
    page.get_by_role("button", name="Add this key").click()
    expect(page.get_by_role("status")).to_have_text("The key was added.")
    expect(page.locator(".row")).to_have_count(2)
    page.locator(".row").first.get_by_role("link", name="Delete this key").click()
    page.get_by_role("button", name="Delete the key").click()
    expect(page.locator(".row")).to_have_count(1)
    delete_it(page)


def test_what_is_wrong_is_said_where_one_types(page: Page, site: Site) -> None:
    to_setup(page, site)
    start(page, "Single page application", "Planner")
    page.get_by_label("Developer name (optional)").fill("The planners")
    page.get_by_label("Redirect URLs").fill("https://planner.example/#/callback")
    page.get_by_role("button", name="Create").click()
    urls = page.get_by_label("Redirect URLs")
    expect(urls).to_be_focused()
    expect(urls).to_have_accessible_description(re.compile("leave out the fragment"))
    expect(page).to_have_title(re.compile("^Problem: "))
    expect(page.get_by_label("Developer name (optional)")).to_have_value("The planners")
    expect(page.get_by_label("New refresh token at each use")).to_be_disabled()
    urls.fill("https://planner.example/callback")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".done")).to_have_text("The application was created.")
    delete_it(page)


def test_everything_without_javascript(open_page: OpenPage, site: Site) -> None:
    page, _ = open_page(java_script_enabled=False)
    to_setup(page, site)
    start(page, "Web application", "Plain")
    page.get_by_label("Redirect URLs").fill(REDIRECT_URI)
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#client-secret")).to_have_text(re.compile(r"^[\w-]{43}$"))
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.get_by_role("link", name="I have copied it: go on").click()
    page.get_by_label("Description (optional)").fill("By hand.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Your changes are saved.")
    page.get_by_role("link", name="Client secrets").click()
    page.get_by_label("Note", exact=True).fill("noted")
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_label("Note", exact=True)).to_have_value("noted")
    delete_it(page)


def test_a_reload_of_the_secret_shows_no_other(page: Page, site: Site) -> None:
    to_setup(page, site)
    page.goto(f"{site.url}{SETUP}/{site.bare.application.client_id}/secrets")
    before = page.locator(".row").count()
    page.get_by_role("button", name="Add a client secret").click()
    expect(page.locator("#client-secret")).to_be_visible()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was added just now")
    expect(page.locator(".row")).to_have_count(before + 1)


def test_a_copy_in_the_preview_lane(page: Page, site: Site) -> None:
    to_setup(page, site)
    page.get_by_role("link", name="ClientApp", exact=True).click()
    page.get_by_role("link", name="Copy to lane").click()
    page.get_by_role("button", name="Copy to preview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ClientApp is now in lane preview too")
    client_id = page.locator("#client-id").inner_text()
    page.goto(f"{site.preview_url()}{SETUP}")
    sign_in(page)
    expect(page.get_by_text(client_id)).to_be_visible()
    page.get_by_role("link", name="ClientApp", exact=True).click()
    delete_it(page)
