"""Connected applications and the audit log, as a person uses them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import OpenPage
from tests.pages.site import Site
from tests.pages.steps import connect, connected, sign_in, withdraw_links

pytestmark = pytest.mark.browser


def test_a_user_withdraws_what_was_allowed(page: Page, site: Site) -> None:
    connected(page, site, "cat")
    page.goto(site.url)
    page.get_by_role("link", name="Connected apps").click()
    expect(page.get_by_role("heading", name="ClientApp")).to_be_visible()
    withdraw_links(page).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Withdraw the access of ClientApp?")
    page.get_by_role("link", name="Keep access").click()
    withdraw_links(page).click()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_have_text("ClientApp can no longer act for you.")
    expect(page.get_by_text("No application may act for you.")).to_be_visible()
    # The very next page of the application has to connect again.
    page.goto(site.app_url)
    expect(page.get_by_role("heading", name="Website relaunch")).to_have_count(0)
    connect(page, site)
    expect(page.get_by_role("button", name="Allow access")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_administrator_finds_out_why(open_page: OpenPage, site: Site, tmp_path: Path, scripts: bool) -> None:
    page, _ = open_page(java_script_enabled=scripts)
    page.goto(site.url)
    sign_in_plainly(page)
    page.goto(site.authorize_url(site.app, redirect_uri=f"{site.app_url}/Callback"))
    reference = page.locator("a .reference")
    text = reference.inner_text()
    reference.click()
    expect(page.locator("mark")).to_have_text(["C", "c"])
    page.get_by_role("link", name="Audit log").click()
    page.get_by_text("Filters").click()
    page.get_by_label("Reference of an error").fill(text)
    page.get_by_label("Event", exact=True).select_option(label="Authorization request refused")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/setup/audit\?event=authorize_refused&.*reference="))
    expect(page.locator(".log > li")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it as JSON lines").click()
    file = tmp_path / "audit.jsonl"
    download.value.save_as(file)
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["reference"] == text
    page.get_by_role("link", name="Remove filters").click()
    assert page.locator(".log > li").count() > 1


def sign_in_plainly(page: Page) -> None:
    """Without asking the page's scripts anything."""
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_filter_is_told_at_its_field(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/setup/audit?user=nobody")
    sign_in(page)
    field = page.get_by_label("User name")
    expect(field).to_be_focused()
    expect(field).to_have_value("nobody")
    expect(field).to_have_accessible_description("Nobody here has this user name.")
