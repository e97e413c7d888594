"""Two-step sign-in as a person uses it: passkeys in Chromium's virtual authenticator, codes without any JavaScript."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser import PASSWORD
from tests.pages.conftest import OpenPage
from tests.pages.site import Site
from tests.pages.steps import sign_in
from tests.pages.two_step_screens import somebody, strict
from workgate.signin.totp import code_of, step_at

pytestmark = pytest.mark.browser


@contextmanager
def authenticator(page: Page, **options: Any) -> Iterator[tuple[CDPSession, str]]:
    """A virtual authenticator with a fingerprint reader, which says yes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    settings = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **options,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": settings})
    yield session, str(made["authenticatorId"])
    session.detach()


def code(site: Site, secret: bytes) -> str:
    return code_of(secret, step_at(site.stand_in.clock.now()))


def secret_on(page: Page) -> bytes:
    """The secret that the page shows for an authenticator app."""
    return base64.b32decode("".join(page.locator("#totp-secret").inner_text().split()))


def recovery_codes_on(page: Page) -> list[str]:
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    return page.locator("#recovery-codes").inner_text().split()


def add_passkey(page: Page, name: str = "") -> None:
    page.get_by_role("link", name="Passkey", exact=True).click()
    if name:
        page.get_by_label("A name for it").fill(name)
    page.get_by_role("button", name="Make a passkey").click()


def test_passkeys(page: Page, site: Site) -> None:
    name = somebody(site).username
    with authenticator(page) as (session, made):
        page.goto(site.url)
        sign_in(page, name)
        page.get_by_role("link", name="Two-step sign-in").click()
        add_passkey(page, "Office laptop")
        assert len(recovery_codes_on(page)) == 10
        page.get_by_role("link", name="I have kept them: go on").click()
        expect(page.get_by_role("heading", name="Office laptop")).to_be_visible()
        (kept,) = session.send("WebAuthn.getCredentials", {"authenticatorId": made})["credentials"]
        assert kept["rpId"] == "localhost"
        # The same authenticator is not asked for a second one.
        page.get_by_role("link", name="Passkey", exact=True).click()
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("has a passkey of yours already")
        page.goto(site.url)
        page.get_by_role("button", name="Sign out").click()
        page.goto(site.authorize_url(site.app))
        sign_in(page, name)
        expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
        button = page.get_by_role("button", name="Use your passkey")
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Allow ClientApp to use your account?")


def test_a_passkey_is_not_used_at_another_origin(open_page: OpenPage, site: Site) -> None:
    """Chromium refuses to sign for a host that the page is not of; and where it would, the server refuses."""
    page, _ = open_page()
    name = somebody(site).username
    with authenticator(page):
        page.goto(site.url)
        sign_in(page, name)
        page.goto(f"{site.url}/account/security/passkey")
        page.get_by_role("button", name="Make a passkey").click()
        recovery_codes_on(page)
        page.context.clear_cookies()
        # The same environment at another host: its page asks for passkeys of that host, and there is none.
        elsewhere = f"http://acme.my.localhost:{site.stand_in.port}"
        page.goto(elsewhere)
        sign_in(page, name)
        expect(page.get_by_label("Recovery code")).to_be_visible()
        assert page.get_by_role("button", name="Use your passkey").count() == 0
        # A page of another host that asks for ours gets nothing.
        refused = page.evaluate(
            """async () => {
              const publicKey = { challenge: new Uint8Array(32), rpId: "workgate.example" };
              try { await navigator.credentials.get({ publicKey }); return "signed"; } catch (e) { return e.name; }
            }"""
        )
        assert refused == "SecurityError"
        # And what is signed there is no answer here.
        page.goto(site.url)
        sign_in(page, name)
        page.evaluate(
            """() => {
              const part = document.querySelector("[data-passkey]");
              const options = JSON.parse(part.dataset.options);
              options.challenge = "A".repeat(43);
              part.dataset.options = JSON.stringify(options);
            }"""
        )
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("alert").filter(has_text="That did not work")).to_be_visible()
        # The page asks anew, and the true answer counts.
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")


def test_somebody_who_says_no(page: Page, site: Site) -> None:
    name = somebody(site).username
    with authenticator(page) as (session, made):
        page.goto(site.url)
        sign_in(page, name)
        page.goto(f"{site.url}/account/security/passkey")
        page.get_by_role("button", name="Make a passkey").click()
        recovery_codes_on(page)
        page.context.clear_cookies()
        session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": made})
        page.goto(site.url)
        sign_in(page, name)
        page.evaluate(
            "() => { navigator.credentials.get = async () => { throw new DOMException('', 'NotAllowedError'); }; }"
        )
        button = page.get_by_role("button", name="Use your passkey")
        button.click()
        expect(page.get_by_role("alert")).to_contain_text("No passkey was shown")
        expect(button).to_be_enabled()
        page.get_by_role("link", name="Use a recovery code").click()
        expect(page.get_by_label("Recovery code")).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_authenticator_app(open_page: OpenPage, site: Site, scripts: bool) -> None:
    page, _ = open_page(java_script_enabled=scripts)
    name = somebody(site).username
    page.goto(site.url)
    enter_password(page, name)
    page.get_by_role("link", name="Two-step sign-in").click()
    page.get_by_role("link", name="Passkey", exact=True).click()
    if not scripts:
        expect(page.get_by_text("This needs JavaScript")).to_be_visible()
        assert page.get_by_role("button", name="Make a passkey").count() == 0
    page.get_by_role("link", name="Two-step sign-in").click()
    page.get_by_role("link", name="Authenticator app").click()
    secret = secret_on(page)
    expect(page.get_by_role("img", name="QR code of the secret below")).to_be_visible()
    page.get_by_label("Six-digit code").fill("000000")
    page.get_by_role("button", name="Set it up").click()
    field = page.get_by_label("Six-digit code")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("^This is not the code"))
    assert secret_on(page) == secret
    field.fill(code(site, secret))
    page.get_by_role("button", name="Set it up").click()
    codes = recovery_codes_on(page)
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page.get_by_role("heading", name="Authenticator app", exact=True)).to_be_visible()
    page.context.clear_cookies()
    site.stand_in.clock.advance(30)
    page.goto(site.url)
    enter_password(page, name)
    expect(page.get_by_label("Six-digit code")).to_be_focused()
    page.get_by_label("Six-digit code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    page.get_by_label("Six-digit code").fill(code(site, secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    page.context.clear_cookies()
    page.goto(site.url)
    enter_password(page, name)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0].lower())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")


def enter_password(page: Page, name: str) -> None:
    """Fill in the sign-in page without asking the page's scripts anything."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_an_organisation_that_asks_for_two_steps(page: Page, site: Site) -> None:
    environment = strict(site)
    name = somebody(site, environment).username
    with authenticator(page):
        page.goto(f"http://{environment.domain}.my.localhost:{site.stand_in.port}/")
        sign_in(page, name)
        expect(page.get_by_role("heading", level=1)).to_have_text("Set up a second step")
        add_passkey(page)
        recovery_codes_on(page)
        page.get_by_role("link", name="I have kept them: go on").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
        page.get_by_role("link", name="Two-step sign-in").click()
        expect(page.get_by_text("Your organisation asks for two steps.")).to_be_visible()


def test_the_password_once_more(page: Page, site: Site) -> None:
    name = somebody(site).username
    page.goto(site.url)
    sign_in(page, name)
    page.get_by_role("link", name="Two-step sign-in").click()
    site.stand_in.clock.advance(601)
    page.get_by_role("link", name="Authenticator app").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up an authenticator app")
    page.get_by_label("Six-digit code").fill(code(site, secret_on(page)))
    page.get_by_role("button", name="Set it up").click()
    page.get_by_role("link", name="I have kept them: go on").click()
    page.get_by_role("link", name=re.compile("Remove.*Authenticator app")).click()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Make new recovery codes").click()
    page.get_by_role("button", name="Make new ones").click()
    assert len(recovery_codes_on(page)) == 10
    page.get_by_role("link", name="I have kept them: go on").click()
    page.get_by_role("link", name=re.compile("Remove.*Authenticator app")).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The second step was removed.")
