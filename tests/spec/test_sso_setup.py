"""The setup pages of identity providers: set up, tested, switched on and deleted, and what nobody can do to himself."""

import html
import re
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from tests.administering import error_of, multipart, problem_of
from tests.browser import Browser, World, a_world, at_once, form_fields
from tests.providers.scripted import CLIENT_ID, SECRET, ScriptedProvider, a_provider
from tests.providers.signing_in import federate, go, set_rules, set_up, who_is
from tests.saml import signing_in as saml
from tests.saml.identity_provider import AttackingProvider
from tests.spec.test_people import a_person
from tests.spec.test_sign_in_rules import save as save_rules

from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, Provisioning
from workgate.service.acting import OPERATOR
from workgate.signin.saml import NAME_ID_FORMATS
from workgate.web import saml_setup

SSO = "/setup/sso"
NEW_OIDC, NEW_SAML = f"{SSO}/new/oidc", f"{SSO}/new/saml"
DAY = 86_400
IDP = AttackingProvider()


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    """Acme's administrator let providers be on this machine."""
    with a_world(sso_private_addresses=True) as made:
        yield made


@pytest.fixture(scope="module")
def provider(there: World) -> Iterator[ScriptedProvider]:
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    """The limits count by the minute."""
    there.clock.advance(61)


@pytest.fixture
def admin(there: World) -> Browser:
    browser = there.browser()
    assert browser.sign_in().status_code == 303
    return browser


def entries(page: httpx.Response, path: str) -> dict[str, str]:
    """What a browser sends of a provider's form if nothing is touched."""
    form = re.search(rf'<form class="stack"[^>]*action="{path}"[^>]*>(.*?)</form>', page.text, re.S)
    assert form is not None, page.text
    texts = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="(?:text|url|password)" value="([^"]*)"', form[1])
    boxes = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="checkbox" value="on" checked', form[1])
    chosen = {}
    for name, options in re.findall(r'<select id="(\w+)"[^>]*>(.*?)</select>', form[1], re.S):
        selected = re.findall(r'value="([^"]*)" selected', options) or re.findall(r'value="([^"]*)"', options)
        chosen[name] = html.unescape(selected[0])
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1]))
    return hidden | {name: html.unescape(value) for name, value in texts} | chosen | dict.fromkeys(boxes, "on")


def send(browser: Browser, path: str, *unticked: str, **typed: str | bytes) -> httpx.Response:
    """Open a form, fill it in and send it, a file among what is typed."""
    opened = browser.http.get(path)
    fields = {name: value for name, value in {**entries(opened, path), **typed}.items() if name not in unticked}
    if 'enctype="multipart/form-data"' in opened.text:
        return multipart(browser, path, fields)
    return browser.http.post(path, data=fields)


def created(answer: httpx.Response) -> str:
    """The path of the provider that was just created."""
    assert answer.status_code == 303, answer.text
    path, _, query = answer.headers["location"].partition("?")
    assert query == "done=created"
    return str(path)


def stored(world: World, path: str) -> IdentityProvider:
    providers = world.stand_in.workgate.services.identity_providers
    return world.stand_in.run(providers.provider(world.acme, path.rpartition("/")[2], by=OPERATOR))


def all_stored(world: World) -> object:
    return world.stand_in.run(world.stand_in.workgate.services.identity_providers.providers(world.acme, by=OPERATOR))


def press(browser: Browser, path: str, button: str) -> httpx.Response:
    page = f"{path}/delete" if button == "delete" else path
    return browser.http.post(f"{path}/{button}", data=form_fields(browser.http.get(page).text, f"{path}/{button}"))


# --- OpenID Connect


@pytest.mark.spec("Workgate", "sso setup", "from nothing to a sign-in: set up, connected, tested, switched on, allowed")
def test_from_nothing_to_a_sign_in(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    assert "Nothing here yet" in admin.http.get(SSO).text or all_stored(there)
    answer = send(admin, NEW_OIDC, name="Corporate", issuer=provider.issuer, client_id=CLIENT_ID, secret=SECRET)
    path = created(answer)
    page = admin.http.get(f"{path}?done=created").text
    row = stored(there, path)
    assert not row.enabled
    assert f"/sso/oidc/{row.provider_id}/callback" in page
    assert SECRET not in page
    # A test that would sign in nobody shows it, and does not count.
    trip = go(admin, row, path, how="test")
    tested = trip.back(provider.code(trip.query, sub="s-1"))
    assert "s-1" in tested.text
    assert "Not tested" in admin.http.get(SSO).text
    federate(there, row, "s-1", there.bob)
    trip = go(admin, row, path, how="test")
    assert "Sign in <bdi>Bob Baker</bdi>" in trip.back(provider.code(trip.query, sub="s-1")).text
    assert "Not tested" not in admin.http.get(SSO).text
    assert press(admin, path, "on").headers["location"] == f"{path}?done=on"
    assert "single sign-on is off" in admin.http.get(path).text
    assert save_rules(admin, sso="optional").status_code == 303
    bob = there.browser()
    assert "Corporate" in bob.http.get("/login").text
    trip = go(bob, row)
    assert trip.back(provider.code(trip.query, sub="s-1")).status_code == 303
    assert who_is(bob) == there.bob.user_id
    set_rules(there, there.acme, SsoMode.NONE)
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "a secret is never shown, kept if nothing is typed, and replaced by another")
def test_the_secret(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    path = created(send(admin, NEW_OIDC, name="Secret", issuer=provider.issuer, client_id=CLIENT_ID, secret=SECRET))
    sealed = stored(there, path).sealed_secret
    assert sealed is not None
    assert SECRET.encode() not in sealed
    assert send(admin, path, name="Renamed").headers["location"] == f"{path}?done=saved"
    assert (stored(there, path).name, stored(there, path).sealed_secret) == ("Renamed", sealed)
    assert send(admin, path, secret="another secret").status_code == 303
    assert stored(there, path).sealed_secret not in {None, sealed}
    # What was wrong is said, and the secret is not written into the page again.
    page = send(admin, path, issuer="http://a b", secret="typed secret")
    assert page.status_code == 422
    assert error_of(page, "issuer")
    assert "typed secret" not in page.text
    assert send(admin, path, client_authentication="none").status_code == 303
    assert stored(there, path).sealed_secret is None
    page = send(admin, path, client_authentication="client_secret_basic")
    assert error_of(page, "secret")
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "what a test showed holds for what was tested")
def test_a_change_must_be_tested_again(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    row = set_up(there, provider, there.acme, name="Changing", enabled=False)
    path = f"{SSO}/{row.provider_id}"
    federate(there, row, "c-1", there.ann)
    trip = go(admin, row, path, how="test")
    assert trip.back(provider.code(trip.query, sub="c-1")).status_code == 200
    for harmless in ({"name": "Other name"}, {}):
        assert send(admin, path, **harmless).status_code == 303
        assert "none, as it is set up now" not in admin.http.get(path).text
    assert press(admin, path, "on").status_code == 303
    assert "none, as it is set up now" not in admin.http.get(path).text
    assert send(admin, path, scopes="openid").status_code == 303
    assert "none, as it is set up now" in admin.http.get(path).text
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 65),
        ("issuer", ""),
        ("issuer", "login.example"),
        ("issuer", "javascript:alert(1)"),
        ("issuer", "https://login.example/?a=b"),
        ("client_id", ""),
        ("client_id", "x" * 256),
        ("client_authentication", "private_key_jwt"),
        ("scopes", "profile"),
        ("scopes", 'openid "x'),
        ("username", "x" * 256),
    ],
)
def test_what_cannot_be_entered(there: World, admin: Browser, field: str, value: str) -> None:
    before = all_stored(there)
    typed = {"name": "Wrong", "issuer": "https://login.example", "client_id": "c", "secret": "s", field: value}
    page = send(admin, NEW_OIDC, **typed)
    assert page.status_code == 422
    assert error_of(page, field)
    assert all_stored(there) == before


def test_sent_twice(there: World, admin: Browser) -> None:
    opened = admin.http.get(NEW_OIDC)
    fields = {**entries(opened, NEW_OIDC), "name": "Twice", "issuer": "https://login.example", "client_id": "c"}
    fields["secret"] = "s"
    path = created(admin.http.post(NEW_OIDC, data=fields))
    page = admin.http.post(NEW_OIDC, data=fields)
    assert page.status_code == 409
    assert "sending it twice" in problem_of(page)
    assert press(admin, path, "delete").status_code == 303
    assert admin.http.post(f"{path}/delete", data=fields).status_code == 404


# --- SAML


@pytest.mark.spec(
    "Workgate", "sso setup", "a SAML provider is set up with a metadata file, and says what to enter there"
)
def test_saml(there: World, admin: Browser) -> None:
    metadata = IDP.metadata().encode()
    mapped = {"provisioning": "on", "username": "uid", "subject_attribute": "eduPersonUniqueId"}
    path = created(send(admin, NEW_SAML, name="Campus", metadata=metadata, **mapped))
    row = stored(there, path)
    assert row.provisioning == Provisioning(enabled=True, username="uid")
    assert row.protocol["subject_attribute"] == "eduPersonUniqueId"
    page = admin.http.get(path).text
    for shown in (
        f"/sso/saml/{row.provider_id}/metadata",
        f"/sso/saml/{row.provider_id}/acs",
        "Valid until",
        "Our certificate",
    ):
        assert shown in page
    assert "BEGIN" not in page
    ours = admin.http.get(f"/sso/saml/{row.provider_id}/metadata")
    assert ours.headers["content-disposition"].startswith("attachment")
    # Saved as it is, nothing changes; with another file, that is it.
    before = stored(there, path)
    assert send(admin, path).status_code == 303
    assert stored(there, path) == before
    page_again = send(admin, path, metadata=b"<xml/>")
    assert page_again.status_code == 422
    assert error_of(page_again, "metadata")
    assert stored(there, path) == before
    assert send(admin, path, metadata=AttackingProvider("other").metadata().encode()).status_code == 303
    assert stored(there, path).protocol["certificate"] == before.protocol["certificate"]
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "a SAML test shows what arrived")
def test_saml_test(there: World, admin: Browser) -> None:
    row = saml.set_up(there, IDP, name="Campus test", enabled=False)
    path = f"{SSO}/{row.provider_id}"
    federate(there, row, "saml-1", there.bob)
    trip = saml.go(there, row, IDP, path, browser=admin, how="test")
    page = trip.back(IDP.signed(trip.claims(name_id="saml-1", attributes={"mail": ("b@example.com",)}))).text
    for shown in ("saml-1", "b@example.com", "Sign in <bdi>Bob Baker</bdi>"):
        assert shown in page
    assert "none, as it is set up now" not in admin.http.get(path).text
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "certificates that end within 30 days, or have ended, are said")
def test_expiry(there: World) -> None:
    with a_world() as world:
        row = saml.set_up(world, IDP)
        path = f"{SSO}/{row.provider_id}"
        described = world.stand_in.workgate.services.saml
        assert described is not None
        metadata, _ = described.described(row)
        ends = metadata.certificates[0].not_after // 1000
        admin = world.browser()
        for before, said in ((31 * DAY, "Valid until"), (29 * DAY, "within 30 days"), (-DAY, "Expired on")):
            world.clock.advance(ends - before - world.clock.now() // 1000)
            admin.sign_in()
            assert said in admin.http.get(path).text, said
        # Switched off whatever has expired.
        assert press(admin, path, "off").status_code == 303


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({}, "metadata"),
        ({"metadata": b""}, "metadata"),
        ({"metadata": b"\xff\xfe"}, "metadata"),
        ({"metadata": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}, "metadata"),
        ({"metadata_url": "ftp://login.example/metadata"}, "metadata_url"),
        ({"metadata_url": "http://127.0.0.1:1/metadata"}, "metadata_url"),
        ({"metadata": IDP.metadata().encode(), "name_id_format": "x"}, "name_id_format"),
        ({"metadata": IDP.metadata().encode(), "subject_attribute": "x" * 256}, "subject_attribute"),
        ({"metadata": IDP.metadata().encode(), "name": ""}, "name"),
    ],
)
def test_saml_that_cannot_be(there: World, admin: Browser, entered: dict[str, str | bytes], field: str) -> None:
    before = all_stored(there)
    page = send(admin, NEW_SAML, **{"name": "Wrong", **entered})
    assert page.status_code == 422, page.text
    assert error_of(page, field)
    assert all_stored(there) == before


def test_the_formats_are_those_that_there_are() -> None:
    assert set(saml_setup.NAME_ID_FORMATS) == set(NAME_ID_FORMATS)


# --- what nobody can do


@pytest.mark.spec("Workgate", "sso setup", "with SSO for everybody the last provider that works stays")
def test_nobody_is_locked_out(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    row = set_up(there, provider, there.acme, name="Only one")
    path = f"{SSO}/{row.provider_id}"
    federate(there, row, "o-1", there.ann)
    trip = go(admin, row, path, how="test")
    assert trip.back(provider.code(trip.query, sub="o-1")).status_code == 200
    assert save_rules(admin, "administrators_exempt", sso="only").status_code == 303
    for button in ("off", "delete"):
        page = press(admin, path, button)
        assert page.status_code == 409
        assert "no other provider" in problem_of(page)
    page = send(admin, path, client_id="typo")
    assert page.status_code == 422
    assert "no other provider" in problem_of(page)
    assert send(admin, path, name="The only one").status_code == 303  # the form sends all settings, as they were
    assert stored(there, path).enabled
    assert save_rules(admin, administrators_exempt="on", sso="only").status_code == 303
    assert press(admin, path, "off").status_code == 303
    set_rules(there, there.acme, SsoMode.NONE)
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "a provider by whose IDs people are known keeps its issuer")
def test_the_issuer_stays(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    row = set_up(there, provider, there.acme, name="Theirs")
    path = f"{SSO}/{row.provider_id}"
    federate(there, row, "t-1", there.ann)
    page = send(admin, path, issuer="https://other.example", secret="its own")
    assert page.status_code == 422
    assert "a provider of its own" in problem_of(page)
    assert stored(there, path).protocol["issuer"] == provider.issuer
    assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "of two that are switched off at the same moment one stays")
def test_two_switched_off_at_once(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    paths = []
    for number in range(2):
        row = set_up(there, provider, there.acme, name=f"One of two, {number}")
        federate(there, row, "two", there.ann)
        trip = go(admin, row, how="test")
        assert trip.back(provider.code(trip.query, sub="two")).status_code == 200
        paths.append(f"{SSO}/{row.provider_id}")
    set_rules(there, there.acme, SsoMode.ONLY, administrators_exempt=False)
    forms = [form_fields(admin.http.get(path).text, f"{path}/off") for path in paths]
    answers = at_once(
        [partial(admin.http.post, f"{path}/off", data=form) for path, form in zip(paths, forms, strict=True)]
    )
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert sorted(stored(there, path).enabled for path in paths) == [False, True]
    set_rules(there, there.acme, SsoMode.NONE)
    for path in paths:
        assert press(admin, path, "delete").status_code == 303


@pytest.mark.spec("Workgate", "sso setup", "deleting asks first, and says who will be cut off")
def test_who_is_cut_off(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    row = set_up(there, provider, there.acme, name="Going")
    path = f"{SSO}/{row.provider_id}"
    assert "nobody is cut off" in admin.http.get(f"{path}/delete").text
    federate(there, row, "g-1", there.ann)
    federate(there, row, "g-2", there.ann)
    federate(there, row, "g-3", a_person(there, "only by sso", sso_only=True))
    page = admin.http.get(f"{path}/delete").text
    assert "2 users can no longer sign in" in page
    assert "1 of them may sign in with SSO only" in page
    assert "Not tested" in admin.http.get(SSO).text
    assert press(admin, path, "delete").headers["location"] == f"{SSO}?done=deleted"
    assert admin.http.get(path).status_code == 404
