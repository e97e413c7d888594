"""A real sign-in at a SAML identity provider of others: from the example app's button to its list of projects."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import OpenPage
from tests.pages.site import Site, a_site
from tests.pages.steps import allow, connect, expect_consent, expect_projects
from tests.saml.simplesamlphp import PASSWORD, WWW, SimpleSamlPhp, a_simplesamlphp
from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.domain.sso import IdentityProvider, ProviderKind
from workgate.service.acting import OPERATOR
from workgate.service.identity_providers import ProviderChanges

pytestmark = pytest.mark.browser
SUBJECT = "employee-4711"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    if not WWW.exists():
        pytest.skip("SimpleSAMLphp is not installed: scripts/setup.sh test")
    with a_simplesamlphp(tmp_path_factory.mktemp("simplesamlphp")) as running:
        yield running


@pytest.fixture(scope="module")
def site(provider: SimpleSamlPhp) -> Iterator[Site]:
    """A site of its own, at the provider's time; acme signs in with SSO only."""
    with a_site(sso_private_addresses=True) as made:
        made.stand_in.clock.advance((time.time_ns() // 1_000_000 - made.stand_in.clock.now()) / 1000)
        yield made


@pytest.fixture(scope="module")
def acme(site: Site) -> Environment:
    opened = site.stand_in.workgate
    found = site.stand_in.run(opened.database.environments.environment("acme", "my"))
    assert found is not None
    record = opened.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, found)
    rules = SignInRules(sso=SsoMode.ONLY)
    site.stand_in.run(opened.database.sign_in_rules.set_rules(found.environment_id, rules, record=record))
    return found


@pytest.fixture(scope="module")
def row(site: Site, acme: Environment, provider: SimpleSamlPhp) -> IdentityProvider:
    """The provider, set up by the address of its metadata; Ann is its employee 4711."""
    run, opened = site.stand_in.run, site.stand_in.workgate
    settings = {"metadata_url": provider.metadata_url}
    create = opened.services.identity_providers.create(
        acme, ProviderKind.SAML, "Corp", settings, enabled=True, by=OPERATOR
    )
    made = run(create)
    with site.stand_in.client() as http:
        provider.knows("workgate", http.get(f"/sso/saml/{made.provider_id}/metadata").content)
    account = run(opened.database.users.account_named(acme.environment_id, "ann"))
    assert account is not None
    run(opened.services.federations.federate(acme, made, SUBJECT, account.user, by=OPERATOR))
    return made


@pytest.fixture(autouse=True)
def on_time(site: Site) -> None:
    """Both go by the same time again before each test."""
    site.stand_in.clock.advance((time.time_ns() // 1_000_000 - site.stand_in.clock.now()) / 1000)


@pytest.fixture
def page(open_page: OpenPage, provider: SimpleSamlPhp) -> Iterator[Page]:
    """A page in a fresh context; the provider has no icon."""
    opened, watch = open_page()
    with watch.expecting(f"{provider.url}/favicon.ico"):
        yield opened


def sign_in_there(page: Page, provider: SimpleSamlPhp) -> None:
    """On the provider's own page."""
    expect(page.get_by_role("heading", level=2, name="Enter your username and password")).to_be_visible()
    assert page.url.startswith(provider.url)
    page.get_by_label("Username").fill("anna@corp.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()


def test_from_connect_to_the_projects(page: Page, site: Site, row: IdentityProvider, provider: SimpleSamlPhp) -> None:
    connect(page, site)
    sign_in_there(page, provider)
    expect_consent(page, "ann")
    allow(page)
    expect_projects(page, site, "Ann Archer")


def test_with_a_form_and_an_encrypted_answer_and_without_javascript(
    open_page: OpenPage, site: Site, acme: Environment, row: IdentityProvider, provider: SimpleSamlPhp
) -> None:
    providers = site.stand_in.workgate.services.identity_providers
    changes = ProviderChanges(protocol={"metadata_url": provider.metadata_url, "binding": "post"})
    site.stand_in.run(providers.change(acme, str(row.provider_id), changes, by=OPERATOR))
    provider.encrypts()
    page, watch = open_page(java_script_enabled=False)
    with watch.expecting(f"{provider.url}/favicon.ico"):
        connect(page, site)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in at Corp")
        page.get_by_role("button", name="Continue").click()
        sign_in_there(page, provider)
        page.get_by_role("button", name="Submit").click()
        expect_consent(page, "ann")
    (response,) = [sent for sent in watch.requests if sent.url.endswith(f"/sso/saml/{row.provider_id}/acs")]
    assert response.method == "POST"
    allow(page)
    expect_projects(page, site, "Ann Archer")


def test_the_form_needs_no_press_where_there_are_scripts(
    page: Page, site: Site, row: IdentityProvider, provider: SimpleSamlPhp
) -> None:
    connect(page, site)
    sign_in_there(page, provider)
    expect_consent(page, "ann")


def test_a_wrong_password_there_and_nobody_here(
    page: Page, site: Site, row: IdentityProvider, provider: SimpleSamlPhp
) -> None:
    page.goto(f"{site.url}/sso/{row.provider_id}/begin")
    page.get_by_label("Username").fill("anna@corp.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_text("Incorrect username or password").first).to_be_visible()
    page.goto(site.url)
    assert page.url.startswith((f"{site.url}/login", provider.url))
