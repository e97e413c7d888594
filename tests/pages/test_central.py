"""The central host and other organisations' applications, as people use them in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import TOKEN, query_of
from tests.pages.central_screens import central_url, name_organisation
from tests.pages.conftest import OpenPage
from tests.pages.site import Site
from tests.pages.steps import allow, sign_in
from tests.providers.signing_in import federate_in, set_rules, set_up
from workgate.domain.oauth import ConsentPolicy
from workgate.domain.signing_in import SsoMode
from workgate.service.acting import OPERATOR

pytestmark = pytest.mark.browser


def host_of(site: Site, domain: str) -> str:
    """An organisation's host in lane my."""
    return f"{domain}.my.localhost:{site.stand_in.port}"


def at_the_application(page: Page, site: Site) -> dict[str, str]:
    """The answer with which the browser came to the application, which did not ask for it."""
    page.wait_for_url(f"{site.app_url}/callback?**")
    return query_of(page.url)


@pytest.mark.spec(
    "Workgate", "central host", "in a browser: from the central host to the application, and on with its code"
)
@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_central_host_to_the_callback(open_page: OpenPage, site: Site, scripts: bool) -> None:
    app = site.offers.boards
    page, watch = open_page(java_script_enabled=scripts)
    page.goto(central_url(site, app, state="my-state"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Which organisation is yours?")
    page.get_by_label("Your organisation").press_sequentially("https://acme.my.localhost/setup")
    page.get_by_label("Your organisation").press("Enter")
    page.wait_for_url(f"http://{host_of(site, 'acme')}/login?**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to continue to Boards")
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    with watch.expecting(f"{site.app_url}/callback"):
        page.get_by_role("button", name="Allow access").click()
        answer = at_the_application(page, site)
    assert (answer["domain"], answer["lane"], answer["state"]) == ("acme", "my", "my-state")
    assert answer["iss"] == f"http://{host_of(site, 'acme')}"
    grant = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": app.application.redirect_uris[0],
    }
    with site.stand_in.client(headers={"Host": host_of(site, answer["domain"])}) as http:
        tokens = http.post(TOKEN, data=grant, auth=(app.application.client_id, str(app.client_secret)))
        assert tokens.status_code == 200, tokens.text
        session = {"sessionID": tokens.json()["access_token"]}
        assert http.get("/attask/api/v14.0/proj/search", headers=session).json()["data"]


def test_the_next_time_it_is_one_step(page: Page, site: Site) -> None:
    page.goto(central_url(site, site.offers.boards))
    name_organisation(page, "ACME")
    page.wait_for_url(f"http://{host_of(site, 'acme')}/login?**")
    page.goto(central_url(site, site.offers.boards))
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this your organisation?")
    expect(page.get_by_role("region", name="Your organisation")).to_contain_text("acme")
    page.get_by_role("link", name="Another organisation").click()
    name_organisation(page, "nobody")
    field = page.get_by_label("Your organisation")
    expect(field).to_be_focused()
    expect(field).to_have_value("nobody")
    expect(field).to_have_accessible_description(re.compile("No organisation of this name uses the application"))
    field.fill("widetools")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"http://{host_of(site, 'widetools')}/login?**")


def test_the_language_of_the_central_host(page: Page, site: Site) -> None:
    page.goto(central_url(site, site.offers.boards))
    name_organisation(page, "nobody")
    page.get_by_role("link", name="Italiano").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Qual è la tua organizzazione?")
    page.get_by_label("La tua organizzazione").fill("acme")
    page.get_by_role("button", name="Continua").click()
    page.wait_for_url(f"http://{host_of(site, 'acme')}/login?**")


def test_every_hop_from_the_form_on_is_allowed(page: Page, site: Site) -> None:
    """Browsers hold the form's policy against each: here the organisation's host, and at once the application."""
    offers, central = site.offers, site.stand_in.workgate.services.central
    quick = site.stand_in.create_app(
        offers.owner, "Quick", redirect_uris=[f"{site.app_url}/callback"], consent=ConsentPolicy.NEVER
    )
    client_id = quick.application.client_id
    site.stand_in.run(central.set_central(offers.owner, client_id, central=True, by=OPERATOR))
    page.goto(f"http://{host_of(site, 'widetools')}/login")
    sign_in(page)
    page.get_by_role("button", name="Sign out").wait_for()
    page.goto(central_url(site, quick))
    name_organisation(page, "widetools")
    assert at_the_application(page, site)["domain"] == "widetools"
    site.stand_in.run(site.stand_in.workgate.services.registry.delete(offers.owner, client_id, by=OPERATOR))


@pytest.mark.spec("Workgate", "central host", "in a browser: on to an organisation whose users sign in elsewhere only")
def test_an_organisation_with_single_sign_on_only(page: Page, site: Site) -> None:
    (hooli,) = site.stand_in.create_org("hooli", name="Hooli")
    user = site.stand_in.create_user(hooli, "holly", "correct horse battery")
    row = set_up(site, site.corporate, hooli)
    federate_in(site, hooli, row, "holly@corp", user)
    set_rules(site, hooli, SsoMode.ONLY)
    site.corporate.person = {"sub": "holly@corp"}
    central, client_id = site.stand_in.workgate.services.central, site.offers.boards.application.client_id
    site.stand_in.run(central.install(hooli, client_id, by=OPERATOR))
    page.goto(central_url(site, site.offers.boards))
    name_organisation(page, "hooli")  # and from there in one go to the provider, and back
    expect(page.get_by_role("region", name="Your account")).to_contain_text("holly")
    allow(page)
    assert at_the_application(page, site)["domain"] == "hooli"
    site.stand_in.run(central.uninstall(hooli, client_id, by=OPERATOR))


@pytest.mark.spec(
    "Workgate", "installed applications", "in a browser: installed, connected, uninstalled, each time asked first"
)
def test_install_connect_uninstall(page: Page, site: Site) -> None:
    page.goto(f"http://{host_of(site, 'acme')}/setup/oauth2")
    sign_in(page)
    page.get_by_role("link", name="Applications of other organisations").click()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Planwell"))
    expect(row).to_contain_text("Of Widetools (widetools) · Made by Planwell's makers")
    assert row.locator("img").evaluate("image => image.naturalWidth") > 0
    row.get_by_role("link", name=re.compile(r": Install$")).click()
    page.get_by_role("link", name="Not now").click()
    row.get_by_role("link", name=re.compile(r": Install$")).click()
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_role("status")).to_have_text("The application is installed: your users can connect it.")
    tab = page.context.new_page()
    tab.goto(central_url(site, site.offers.planwell))
    name_organisation(tab, "acme")
    allow(tab)
    assert at_the_application(tab, site)["domain"] == "acme"
    row.get_by_role("link", name=re.compile(r": Uninstall$")).click()
    expect(page.get_by_role("main")).to_contain_text("no user is disconnected")  # the code was not redeemed
    page.get_by_role("button", name="Uninstall").click()
    expect(page.get_by_role("status")).to_have_text("The application is not installed any more.")
    tab.goto(central_url(site, site.offers.planwell))
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_label("Your organisation")).to_have_accessible_description(re.compile("No organisation"))
