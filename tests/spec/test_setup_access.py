"""Who reaches the setup pages: administrators of the same environment, with forms of their own sign-in."""

import re

import httpx
import pytest
from tests.administering import FORM, SETUP, create, multipart, new_app, png, problem_of
from tests.browser import Browser, World, at_once, authorize_params, form_fields

from workgate.domain.audit import AuditEvent

PATHS = [
    ("GET", ""),
    ("GET", "/new"),
    ("GET", "/new/web"),
    ("POST", "/new/web"),
    ("GET", "/{app}"),
    ("POST", "/{app}"),
    ("GET", "/{app}/delete"),
    ("POST", "/{app}/delete"),
    ("GET", "/{app}/copy"),
    ("POST", "/{app}/copy"),
    ("GET", "/{app}/secrets"),
    ("POST", "/{app}/secrets"),
    ("POST", "/{app}/secrets/{secret}/note"),
    ("GET", "/{app}/secrets/{secret}/delete"),
    ("POST", "/{app}/secrets/{secret}/delete"),
    ("GET", "/{machine}/keys"),
    ("POST", "/{machine}/keys"),
    ("POST", "/{machine}/keys/generate"),
    ("GET", "/{machine}/keys/1/delete"),
    ("POST", "/{machine}/keys/1/delete"),
]


def address(world: World, path: str) -> str:
    return SETUP + path.format(
        app=world.web.application.client_id,
        machine=world.machine.application.client_id,
        secret=world.web.application.secrets[0].secret_id,
    )


def everything(world: World) -> object:
    """What there is to be changed."""
    database, environment = world.stand_in.workgate.database, world.acme.environment_id
    return (
        world.stand_in.run(database.applications.applications(environment)),
        world.stand_in.run(database.keys.keys(environment, world.machine.application.client_id)),
    )


def ask(browser: Browser, method: str, path: str, csrf: str = "") -> httpx.Response:
    fields = {"csrf": csrf, "seen": "", "note": "forged", "lane": "preview", **FORM}
    if method == "POST" and ("/new/" in path or len(path) == len(SETUP) + 33 or path.endswith("keys")):
        return multipart(browser, path, fields)
    return browser.http.post(path, data=fields) if method == "POST" else browser.http.get(path)


@pytest.mark.spec("OWASP ASVS", "V8.3", "only administrators reach setup")
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_administrators(shared: World, method: str, path: str) -> None:
    before = everything(shared)
    stranger = ask(shared.browser(), method, address(shared, path))
    assert stranger.status_code == (302 if method == "GET" else 303)
    assert stranger.headers["location"].startswith("/login?next=%2Fsetup%2Foauth2")
    bob = shared.browser()
    bob.sign_in("bob")
    own = form_fields(bob.http.get("/").text, "/logout")["csrf"]
    answer = ask(bob, method, address(shared, path), own)
    assert answer.status_code == 403
    assert "Only administrators can open this page" in answer.text
    assert everything(shared) == before
    reference = re.search(r'class="reference">([^<]+)<', answer.text)
    assert reference is not None
    database = shared.stand_in.workgate.database
    shared.stand_in.run(database.engine.flush())
    (tried,) = shared.stand_in.run(database.audit.by_reference(reference.group(1)))
    assert (tried.event, tried.actor) == (AuditEvent.ADMINISTRATION_REFUSED, shared.bob.user_id)


@pytest.mark.spec("OWASP ASVS", "V3.5", "every form of setup has an anti-CSRF value, bound to the session")
@pytest.mark.parametrize("path", [path for method, path in PATHS if method == "POST" and "keys/1" not in path])
def test_forged_forms_change_nothing(shared: World, ann: Browser, path: str) -> None:
    other = shared.browser()
    other.sign_in()
    foreign = form_fields(other.http.get("/").text, "/logout")["csrf"]
    before = everything(shared)
    for csrf in ("", "x", foreign, foreign[:-1]):
        answer = ask(ann, "POST", address(shared, path), csrf)
        assert answer.status_code == 403
        assert "send it once more" in problem_of(answer)
    # What a page of another site can send without asking first.
    for content_type in ("text/plain", "application/json", ""):
        answer = ann.http.post(address(shared, path), content=b"csrf=x", headers={"Content-Type": content_type})
        assert answer.status_code == 403
    assert everything(shared) == before


@pytest.mark.spec("contract", "1.4", "nothing of another environment is seen or changed")
def test_another_environment(shared: World, ann: Browser) -> None:
    theirs = shared.stand_in.create_app(shared.globex, "Theirs").application
    preview = shared.stand_in.create_app(shared.preview, "Preview's").application
    csrf = form_fields(ann.http.get("/").text, "/logout")["csrf"]
    for application in (theirs, preview):
        secret = application.secrets[0].secret_id
        one = f"{SETUP}/{application.client_id}"
        for path in (one, f"{one}/delete", f"{one}/copy", f"{one}/secrets", f"{one}/secrets/{secret}/delete"):
            assert ann.http.get(path).status_code == 404
            assert ask(ann, "POST", path, csrf).status_code == 404
        # A secret of another application neither.
        mixed = f"{SETUP}/{shared.web.application.client_id}/secrets/{secret}"
        for path in (f"{mixed}/note", f"{mixed}/delete"):
            assert ask(ann, "POST", path, csrf).status_code == 404
    for client_id in ("0" * 32, "..", "%2e%2e", "x" * 3000, "%00", "%E2%80%AE", "ÿ"):
        assert ann.http.get(f"{SETUP}/{client_id}/delete").status_code in {200, 404}
    assert theirs.client_id not in ann.http.get(SETUP).text


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_other_methods(shared: World, ann: Browser, method: str, path: str) -> None:
    for other in ("PUT", "DELETE", "PATCH"):
        assert ann.http.request(other, address(shared, path)).status_code == 405
    if method == "GET" and "keys/1" not in path:
        answer = ann.http.head(address(shared, path))
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_far_too_large(ann: Browser) -> None:
    page = create(ann, logo=bytes(800_000))
    assert page.status_code == 413
    assert "A logo can have up to 256 KB" in page.text


def test_two_deletions_at_once(shared: World, ann: Browser) -> None:
    client_id = new_app(ann)
    path = f"{SETUP}/{client_id}/delete"
    fields = form_fields(ann.http.get(path).text, path)
    answers = at_once([lambda: ann.http.post(path, data=fields)] * 4)
    assert sorted(answer.status_code for answer in answers) == [303, 404, 404, 404]


def test_the_start_page_leads_there(shared: World, ann: Browser) -> None:
    assert f'href="{SETUP}"' in ann.http.get("/").text
    bob = shared.browser()
    bob.sign_in("bob")
    assert f'href="{SETUP}"' not in bob.http.get("/").text


def test_consent_shows_what_was_entered(shared: World, ann: Browser) -> None:
    client_id = new_app(ann, description="Makes reports.", logo=png())
    page = ann.authorize(
        **{**authorize_params(shared.web), "client_id": client_id, "redirect_uri": FORM["redirect_uris"]}
    )
    assert page.status_code == 200
    assert "Makes reports." in page.text
    assert f'src="/integrations/oauth2/logo/{client_id}"' in page.text
