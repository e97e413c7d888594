"""The setup pages of applications, as an administrator uses them and as somebody attacks them."""

import html
import io
import re
from typing import Any

import pytest
from PIL import Image
from tests.administering import (
    FORM,
    SETUP,
    create,
    error_of,
    listed,
    multipart,
    new_app,
    png,
    problem_of,
    send,
    shown_client_id,
    shown_secret,
    stored,
)
from tests.browser import REDIRECT_URI, Browser, World, a_world, form_fields

from workgate.domain.oauth import ApplicationType, ConsentPolicy
from workgate.service.definitions import EXPIRY_CHOICES
from workgate.web.languages import LANGUAGES
from workgate.web.setup_forms import FIELDS

META = ("viewport", "robots")
EVIL = "<b>\u202eevil</b>'\"{0}%s"


# --- what an administrator does


@pytest.mark.spec("contract", "2.1", "an application is created with the fields of its type")
def test_a_web_application(shared: World, ann: Browser) -> None:
    entries: dict[str, Any] = {
        "description": "One\r\ntwo",
        "description_url": "https://reports.example/about",
        "redirect_uris": "https://reports.example/a\r\n\r\n  https://reports.example/b  \r\n",
        "rotate_refresh_tokens": "on",
        "refresh_absolute_seconds": str(EXPIRY_CHOICES["1 year"]),
        "refresh_inactivity_seconds": str(EXPIRY_CHOICES["1 week"]),
        "code_seconds": "60",
        "consent": "never",
        "logo": png((600, 300)),
        "developer_name": "no field of this type",
    }
    page = create(ann, **entries)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    application = stored(shared, shown_client_id(page))
    assert application.type is ApplicationType.WEB
    assert application.redirect_uris == ("https://reports.example/a", "https://reports.example/b")
    assert (application.description, application.description_url) == ("One\ntwo", "https://reports.example/about")
    assert (application.refresh_absolute_seconds, application.refresh_inactivity_seconds) == (365 * 86_400, 7 * 86_400)
    assert (application.code_seconds, application.consent) == (60, ConsentPolicy.NEVER)
    assert application.rotate_refresh_tokens
    assert application.has_logo
    assert application.developer_name == ""
    # What it says of itself is shown at consent, the logo too.
    consent = ann.http.get(f"/integrations/oauth2/logo/{application.client_id}")
    assert Image.open(io.BytesIO(consent.content)).size == (256, 128)


@pytest.mark.spec("contract", "2.1", "a single page application never has a secret, and its refresh tokens rotate")
def test_a_single_page_application(shared: World, ann: Browser) -> None:
    client_id = new_app(
        ann, "spa", developer_name="Dev", developer_email="dev@spa.example", privacy_url="https://spa.example/p"
    )
    application = stored(shared, client_id)
    assert application.secrets == ()
    assert application.rotates
    assert (application.developer_name, application.developer_email) == ("Dev", "dev@spa.example")
    page = ann.http.get(f"{SETUP}/{client_id}")
    assert re.search(r'id="rotate_refresh_tokens"[^>]*checked disabled', page.text)
    assert "secrets" not in page.text
    for path in ("secrets", "keys"):
        assert ann.http.get(f"{SETUP}/{client_id}/{path}").status_code == 404
    assert ann.http.post(f"{SETUP}/{client_id}/secrets", data={"note": ""}).status_code == 404
    # Whatever a form says.
    assert send(ann, f"{SETUP}/{client_id}", {**FORM, "rotate_refresh_tokens": ""}).status_code == 303
    assert stored(shared, client_id).rotates


def test_a_machine_has_no_fields_of_users(shared: World, ann: Browser) -> None:
    form = ann.http.get(f"{SETUP}/new/machine").text
    assert set(re.findall(r'name="(\w+)"', form)) == {"csrf", "seen", "name", "description", *META}
    client_id = new_app(ann, "machine")
    assert stored(shared, client_id).redirect_uris == ()
    page = ann.http.get(f"{SETUP}/{client_id}").text
    assert shared.acme.customer_id in page


@pytest.mark.parametrize("kind", list(ApplicationType))
def test_a_form_has_the_fields_of_its_type(ann: Browser, kind: ApplicationType) -> None:
    names = set(re.findall(r'name="(\w+)"', ann.http.get(f"{SETUP}/new/{kind.value}").text))
    shown = set(FIELDS[kind]) | ({"rotate_refresh_tokens"} if kind is ApplicationType.SPA else set())
    assert names - {"csrf", "seen", *META} == shown


def test_saving_a_form_as_it_is_changes_nothing(shared: World, ann: Browser) -> None:
    """What other ways of registering allow and the list does not offer stays as it is."""
    odd = shared.stand_in.create_app(
        shared.acme,
        "Odd",
        description="one\ntwo",
        refresh_absolute_seconds=12 * 3600,
        refresh_inactivity_seconds=None,
        rotate_refresh_tokens=False,
        consent=ConsentPolicy.NEVER,
        code_seconds=60,
        redirect_uris=[REDIRECT_URI, "https://client.example/second"],
        logo=png(),
    ).application
    path = f"{SETUP}/{odd.client_id}"
    page = ann.http.get(path).text
    assert "12 hours" in page
    entries = dict(form_fields(page, path))
    for name, value in re.findall(r'<input id="\w+" name="(\w+)"[^>]*type="(?:text|url)" value="([^"]*)"', page):
        entries[name] = html.unescape(value)
    for name, value in re.findall(r'<input id="\w+" name="(\w+)"[^>]*type="checkbox" value="(\w+)" checked', page):
        entries[name] = value
    for name, value in re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.S):
        entries[name] = html.unescape(value).replace("\n", "\r\n")
    for name, options in re.findall(r'<select id="\w+" name="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        (entries[name],) = re.findall(r'value="(\w+)" selected', options)
    answer = multipart(ann, path, entries)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=saved")
    assert stored(shared, odd.client_id) == odd
    assert "Your changes are saved." in ann.http.get(answer.headers["location"]).text


def test_the_logo_is_kept_replaced_and_removed(shared: World, ann: Browser) -> None:
    client_id = new_app(ann, logo=png())
    path, logo = f"{SETUP}/{client_id}", f"/integrations/oauth2/logo/{client_id}"
    first = ann.http.get(logo).content
    assert send(ann, path, FORM).status_code == 303
    assert ann.http.get(logo).content == first
    assert send(ann, path, {**FORM, "logo": png((10, 20))}).status_code == 303
    assert ann.http.get(logo).content != first
    assert send(ann, path, {**FORM, "remove_logo": "on"}).status_code == 303
    assert ann.http.get(logo).status_code == 404


def test_the_list_and_its_pages(shared: World, ann: Browser) -> None:
    shared.connect(shared.web)
    page = ann.http.get(SETUP).text
    assert "1 user connected" in page
    assert shared.web.application.client_id in page
    for number in range(25):
        shared.stand_in.create_app(shared.acme, f"Bulk {number}")
    seen: list[str] = []
    path: str | None = SETUP
    while path:
        page = ann.http.get(path).text
        found = re.findall(r'<h2><a href="/setup/oauth2/([0-9a-f]{32})"', page)
        assert 1 <= len(found) <= 20
        seen += found
        onward = re.search(r'href="(/setup/oauth2\?after=[0-9a-f]{32})"', page)
        path = onward.group(1) if onward else None
    registered = shared.stand_in.workgate.database.applications.applications(shared.acme.environment_id)
    assert seen == [application.client_id for application in shared.stand_in.run(registered)]
    # An address that names no application of the list begins at its beginning.
    assert ann.http.get(f"{SETUP}?after=nothing%00").status_code == 200


def test_deleting_says_what_ends_and_ends_it(shared: World, ann: Browser) -> None:
    doomed = shared.stand_in.create_app(shared.acme, "Doomed")
    path = f"{SETUP}/{doomed.application.client_id}/delete"
    assert "no user is disconnected" in ann.http.get(path).text
    tokens = shared.connect(doomed)
    page = ann.http.get(path).text
    assert "1 user is disconnected" in page
    assert "1 client secret stops working" in page
    assert shared.works(tokens["access_token"])
    assert send(ann, path, {}).headers["location"] == f"{SETUP}?done=deleted"
    assert not shared.works(tokens["access_token"])
    assert doomed.application.client_id not in listed(ann)
    assert ann.http.get(path).status_code == 404


def test_a_copy_in_another_lane(ann: Browser, shared: World) -> None:
    path = f"{SETUP}/{shared.web.application.client_id}/copy"
    assert "You are not an administrator there." in ann.http.get(path).text
    forged = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', ann.http.get(SETUP + "/new/web").text)[0]}
    assert "Only an administrator of acme.preview" in problem_of(
        ann.http.post(path, data={**forged, "lane": "preview"})
    )
    with a_world() as world:
        stand_in = world.stand_in
        stand_in.create_user(world.preview, "carol", "correct horse battery", is_admin=True)
        stand_in.create_user(world.acme, "carol", "correct horse battery", is_admin=True)
        carol = world.browser()
        carol.sign_in("carol")
        path = f"{SETUP}/{world.web.application.client_id}/copy"
        opened = carol.http.get(path)
        fields = form_fields(opened.text, path)
        page = carol.http.post(path, data=fields)
        assert page.status_code == 200
        client_id, secret = shown_client_id(page), shown_secret(page)
        assert client_id != world.web.application.client_id
        # Reloading the page sends the form again, and must not copy again.
        assert carol.http.post(path, data=fields).status_code == 409
        for lane in ("my", "nowhere", "", "\u202e"):
            assert carol.http.post(path, data={**fields, "lane": lane}).status_code == 422
        there = carol.http.get(path, headers={"Host": f"acme.preview.localhost:{stand_in.port}"})
        assert there.status_code in {302, 404}
        answer = world.http(world.preview).post(
            "/integrations/oauth2/api/v1/introspect", data={"token": "x"}, auth=(client_id, secret)
        )
        assert answer.json() == {"active": False}
        answer = world.http().post(
            "/integrations/oauth2/api/v1/introspect", data={"token": "x"}, auth=(client_id, secret)
        )
        assert answer.status_code == 401


# --- what is refused, and how that is said


@pytest.mark.spec("contract", "2.1", "a redirect URL that cannot be registered is refused with the rule that failed")
@pytest.mark.parametrize(
    ("entries", "field", "said"),
    [
        ({"name": "  "}, "name", "The name must have 1 to 100 characters and no control characters."),
        ({"name": "n" * 101}, "name", "The name must have"),
        ({"name": "a\x00b"}, "name", "The name must have"),
        ({"name": "a\u202eb"}, "name", "The name must have"),
        ({"redirect_uris": ""}, "redirect_uris", "Name at least one redirect URL"),
        ({"redirect_uris": "/callback"}, "redirect_uris", "begin with a scheme"),
        ({"redirect_uris": "https://a.example/#x"}, "redirect_uris", "leave out the fragment"),
        ({"redirect_uris": "https://*.example/"}, "redirect_uris", "leave out the wildcard"),
        ({"redirect_uris": "https://8.8.8.8/"}, "redirect_uris", "public IP addresses are not allowed"),
        ({"redirect_uris": "http://a.example/"}, "redirect_uris", "use https"),
        ({"redirect_uris": "https://a.example/\nhttps://a.example/"}, "redirect_uris", "is named twice"),
        ({"redirect_uris": "https://a.example/\x00"}, "redirect_uris", "printable ASCII"),
        ({"redirect_uris": "\n".join(f"https://a.example/{n}" for n in range(51))}, "redirect_uris", "At most 50"),
        ({"description": "d" * 1001}, "description", "The description can have 1000 characters"),
        ({"description_url": "javascript:alert(1)"}, "description_url", "is not a web address"),
        ({"refresh_absolute_seconds": "0"}, "refresh_absolute_seconds", "at least one second"),
        ({"refresh_absolute_seconds": "soon"}, "refresh_absolute_seconds", "Choose one of the list."),
        ({"refresh_inactivity_seconds": "99999999999"}, "refresh_inactivity_seconds", "Choose one of the list."),
        ({"refresh_inactivity_seconds": "²"}, "refresh_inactivity_seconds", "Choose one of the list."),
        ({"logo": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "logo", "PNG, JPEG or WebP"),
        ({"logo": b"\x89PNG" + bytes(300_000)}, "logo", "262144 are the most"),
    ],
)
def test_what_cannot_be_saved_is_said_beside_its_field(
    ann: Browser, entries: dict[str, Any], field: str, said: str
) -> None:
    kept = {"name": "Kept & kept", "description": "<kept>"}
    before = listed(ann)
    page = create(ann, **{**kept, **entries})
    assert page.status_code == 422
    assert said in error_of(page, field)
    assert page.text.count("autofocus") == 1
    assert re.search("<title>Problem: ", page.text)
    for name in kept.keys() - entries.keys():
        assert html.escape(kept[name]) in page.text
    assert listed(ann) == before


def test_the_developer_of_a_single_page_application(ann: Browser) -> None:
    page = create(ann, "spa", developer_email="nobody")
    assert error_of(page, "developer_email") == "The developer's e-mail must be of the form name@example.com."
    assert "https://" in error_of(create(ann, "spa", privacy_url="ftp://x"), "privacy_url")


def test_problems_are_said_in_italian(shared: World) -> None:
    browser = shared.browser()
    browser.http.headers["Accept-Language"] = "it"
    browser.sign_in()
    said = error_of(create(browser, redirect_uris="https://a.example/#x"), "redirect_uris")
    assert said.startswith("URL di reindirizzamento 'https://a.example/#x': ")
    assert "leave out" not in said
    assert LANGUAGES["it"].catalog.gettext("choose one of the list") in error_of(
        create(browser, refresh_absolute_seconds="x"), "refresh_absolute_seconds"
    ).replace("Scegli", "scegli")


@pytest.mark.spec("contract", "2.1", "at most ten applications in an environment; deleting one frees its place")
def test_the_eleventh_application_is_refused() -> None:
    with a_world() as world:
        ann = world.browser()
        ann.sign_in()
        form = ann.http.get(f"{SETUP}/new/web")
        for number in range(len(listed(ann)), 10):
            assert create(ann, name=f"Number {number}").status_code == 200
        full = ann.http.get(SETUP).text
        assert "10 of 10 used" in full
        assert f'href="{SETUP}/new"' not in full
        assert "All 10 places are taken." in ann.http.get(f"{SETUP}/new").text
        page = create(ann, name="Eleven")
        assert page.status_code == 422
        assert problem_of(page) == "acme.my has 10 applications, which is the most: delete one first."
        assert 'value="Eleven"' in page.text
        assert form.status_code == 200
        assert send(ann, f"{SETUP}/{world.plain.application.client_id}/delete", {}).status_code == 303
        assert create(ann, name="Ten again").status_code == 200


@pytest.mark.spec("OWASP ASVS", "V2.3", "a form that is sent twice creates once")
def test_reloading_what_was_created_creates_nothing(ann: Browser) -> None:
    path = f"{SETUP}/new/web"
    fields = {**form_fields(ann.http.get(path).text, path), **FORM}
    assert multipart(ann, path, fields).status_code == 200
    before = listed(ann)
    again = multipart(ann, path, fields)
    assert again.status_code == 409
    assert "Nothing was created just now" in problem_of(again)
    assert listed(ann) == before


def test_markup_stays_text_everywhere(ann: Browser) -> None:
    name = EVIL.replace("\u202e", "")
    client_id = new_app(ann, name=name, description=EVIL.replace("\u202e", ""))
    for path in ("", f"/{client_id}", f"/{client_id}/secrets", f"/{client_id}/copy", f"/{client_id}/delete"):
        page = ann.http.get(SETUP + path).text
        assert name not in page
        assert "<b>" not in page
    send(ann, f"{SETUP}/{client_id}/delete", {})
