"""Sign-in at another project's identity provider, npm's oidc-provider, as a person sees it in a real browser."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import OpenPage
from tests.pages.site import Site, a_site
from tests.pages.steps import allow, connect, expect_consent, expect_projects, sign_in
from tests.providers.node import CLIENT_ID, SECRET, NodeProvider, a_node_provider
from tests.providers.signing_in import federate_in, set_rules
from workgate.domain.accounts import Environment, User
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, ProviderKind
from workgate.service.acting import OPERATOR

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A site of these tests' own: what they decide about its sign-in would surprise the others."""
    with a_site() as made:
        yield made


@pytest.fixture(scope="module")
def acme(site: Site) -> Environment:
    found = site.stand_in.run(site.stand_in.workgate.database.environments.environment("acme", "my"))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def provider() -> Iterator[NodeProvider]:
    with a_node_provider() as running:
        yield running


@pytest.fixture(scope="module")
def corporate(site: Site, acme: Environment, provider: NodeProvider) -> IdentityProvider:
    """The provider of Acme, connected with Ann."""
    created = site.stand_in.workgate.services.identity_providers.create(
        acme,
        ProviderKind.OIDC,
        "Corporate login",
        {"issuer": provider.issuer, "client_id": CLIENT_ID},
        secret=SECRET,
        enabled=True,
        by=OPERATOR,
    )
    row = site.stand_in.run(created)
    provider.set_up([f"{site.url}/sso/oidc/{row.provider_id}/callback"], [f"{site.url}/signed-out"])
    federate_in(site, acme, row, "ann@corp", user_named(site, acme, "ann"))
    return row


@pytest.fixture(autouse=True)
def the_time_that_it_is(site: Site, acme: Environment, corporate: IdentityProvider) -> None:
    """A provider of others goes by the machine's clock."""
    del corporate
    site.stand_in.clock.advance(time.time() - site.stand_in.clock.now() / 1000)
    set_rules(site, acme, SsoMode.OPTIONAL)


def user_named(site: Site, environment: Environment, username: str) -> User:
    account = site.stand_in.run(
        site.stand_in.workgate.database.users.account_named(environment.environment_id, username)
    )
    assert account is not None
    return account.user


def sign_in_there(page: Page, provider: NodeProvider, login: str = "ann@corp") -> None:
    """On the provider's own pages: who one is, and that Workgate may know."""
    expect(page).to_have_url(re.compile(re.escape(provider.issuer)))
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_from_the_example_app_over_the_provider_to_the_projects(
    page: Page, site: Site, acme: Environment, provider: NodeProvider
) -> None:
    set_rules(site, acme, SsoMode.ONLY)
    connect(page, site)
    sign_in_there(page, provider)
    expect_consent(page, "ann")
    allow(page)
    expect_projects(page, site, "Ann Archer")


def test_without_javascript(open_page: OpenPage, site: Site, provider: NodeProvider) -> None:
    page, _ = open_page(java_script_enabled=False)
    connect(page, site)
    page.get_by_role("link", name="Sign in with Corporate login").click()
    sign_in_there(page, provider)
    expect_consent(page, "ann")
    allow(page)
    expect_projects(page, site, "Ann Archer")


def test_with_a_password_where_both_are_offered(page: Page, site: Site) -> None:
    connect(page, site)
    expect(page.get_by_role("link", name="Sign in with Corporate login")).to_be_visible()
    sign_in(page, "bob")
    expect_consent(page, "bob")


def test_signing_out_here_and_there(page: Page, site: Site, provider: NodeProvider) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Sign in with Corporate login").click()
    sign_in_there(page, provider)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You may still be signed in at Corporate login.")).to_be_visible()
    page.get_by_role("link", name="Sign out of Corporate login too").click()
    expect(page).to_have_url(re.compile(re.escape(provider.issuer)))
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(re.compile("/signed-out"))
    expect(page.get_by_role("link", name=re.compile("Sign out of"))).to_have_count(0)
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_role("link", name="Sign in with Corporate login").click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def test_giving_up_at_the_provider(page: Page, site: Site, provider: NodeProvider) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Sign in with Corporate login").click()
    expect(page).to_have_url(re.compile(re.escape(provider.issuer)))
    page.get_by_role("link", name="[ Cancel ]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You were not signed in")
    page.get_by_role("link", name="Start page").click()
    expect(page.get_by_role("link", name="Sign in with Corporate login")).to_be_visible()


def test_somebody_whom_nobody_connected(page: Page, site: Site, provider: NodeProvider) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Sign in with Corporate login").click()
    sign_in_there(page, provider, "nora@corp")
    expect(
        page.get_by_text("Corporate login says who you are, but no account here is connected with that.")
    ).to_be_visible()
    page.goto(site.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_administrator_tests(page: Page, site: Site, provider: NodeProvider, corporate: IdentityProvider) -> None:
    page.goto(site.url)
    sign_in(page)
    page.goto(f"{site.url}/sso/{corporate.provider_id}/test?next=/setup")
    sign_in_there(page, provider, "nora@corp")
    expect(page.get_by_role("heading", level=1)).to_have_text("Test sign-in at Corporate login")
    expect(page.get_by_text("Sign in nobody.")).to_be_visible()
    expect(page.get_by_text("nora@corp", exact=True).first).to_be_visible()
    expect(page.get_by_text("nonce", exact=True)).to_have_count(0)
    page.goto(site.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")


def test_only_administrators_by_password(page: Page, site: Site, acme: Environment) -> None:
    set_rules(site, acme, SsoMode.ONLY)
    page.goto(f"{site.url}/login")
    expect(page.get_by_label("Password", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Administrators: sign in with a password").click()
    sign_in(page, "bob")
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    sign_in(page, "ann")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
