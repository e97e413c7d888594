"""The audit log's pages: who may read, what is shown of what, and that an export gives what the list shows."""

import html
import json
import re
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.browser import Browser, World, authorize_params, form_fields

from workgate.domain.audit import AuditEvent
from workgate.service.acting import OPERATOR
from workgate.web.audit_words import EVENT_WORDS
from workgate.web.languages import LANGUAGES

AUDIT, EXPORT = "/setup/audit", "/setup/audit/export"
_ROW = re.compile(r'<p class="event"><a href="/setup/audit/(\d+)">')
_OLDER = re.compile(r'<a href="([^"]*)">Older</a>')


def written(world: World) -> None:
    """Records are written with the next group of changes: wait for it."""
    world.stand_in.run(world.stand_in.workgate.database.engine.flush())


def listed(browser: Browser, **filters: str) -> list[str]:
    """The IDs that the list shows on all its pages."""
    page, found = browser.http.get(AUDIT, params=filters), []
    while True:
        assert page.status_code == 200, page.text
        rows = _ROW.findall(page.text)
        assert len(rows) <= 50
        found += rows
        older = _OLDER.search(page.text)
        if older is None:
            return found
        page = browser.http.get(html.unescape(older.group(1)))


def exported(browser: Browser, **filters: str) -> list[dict[str, Any]]:
    answer = browser.http.get(EXPORT, params=filters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert re.fullmatch(r'attachment; filename="audit-[\w.-]+\.jsonl"', answer.headers["content-disposition"])
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def refused(world: World, browser: Browser, redirect_uri: str, app: Any = None) -> str:
    """Have an authorization request refused for its redirect_uri; the reference."""
    asked = {**authorize_params(app or world.web), "redirect_uri": redirect_uri}
    found = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", browser.authorize(**asked).text)
    assert found is not None
    written(world)
    return found[0]


def bobs(world: World) -> Browser:
    browser = world.browser()
    assert browser.sign_in("bob").status_code == 303
    return browser


@pytest.mark.spec("Workgate", "audit pages", "only administrators of the environment read its log")
@pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}?event=signed_in", EXPORT, f"{AUDIT}/AAAA-0000", f"{AUDIT}/1"])
def test_who_may_not(shared: World, ann: Browser, path: str) -> None:
    answer = shared.browser().http.get(path)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/login?next=%2Fsetup%2Faudit")
    page = bobs(shared).http.get(path)
    assert page.status_code == 403
    assert "Only administrators can open this page" in page.text
    # Who tried is on record.
    reference = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page.text)
    assert reference is not None
    written(shared)
    (tried,) = exported(ann, reference=reference[0])
    assert (tried["event"], tried["actor"]) == ("administration_refused", shared.bob.user_id)
    assert tried["reason"].startswith(f"GET {urlsplit(path).path}")
    assert not _ROW.search(page.text)
    # An administrator's access token is no sign-in: an application must not read the log in her name.
    http = shared.http()
    http.cookies.set("workgate_session", shared.connect(shared.web)["access_token"])
    assert http.get(path).status_code == 302
    for method in ("POST", "PUT", "DELETE"):
        assert shared.http().request(method, path).status_code == 405


@pytest.mark.spec("Workgate", "audit pages", "an export holds what the list shows, with the same filters")
def test_export_is_the_list(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Exported")
    for _ in range(60):
        refused(shared, ann, "https://elsewhere.example/", app)
    everything = listed(ann)
    assert len(everything) > 60
    assert len(set(everything)) == len(everything)
    assert all(int(newer) > int(older) for newer, older in pairwise(everything))
    client_id = app.application.client_id
    of_app = {"application": client_id, "event": "authorize_refused"}
    assert len(listed(ann, **of_app)) == 60
    for filters in ({}, of_app, {"event": "signed_in"}, {"user": "ann"}, {"address": "203.0.113.9"}):
        rows = exported(ann, **filters)
        assert [row["id"] for row in rows] == listed(ann, **filters), filters
    assert {row["client_id"] for row in exported(ann, **of_app)} == {client_id}
    assert {row["actor"] for row in exported(ann, user=" ANN ")} == {shared.ann.user_id}
    assert exported(ann, user=shared.ann.user_id) == exported(ann, user="ann")
    head = ann.http.head(EXPORT)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.spec("Workgate", "audit pages", "from is included, before is not; both are UTC unless they say otherwise")
def test_times(shared: World, ann: Browser) -> None:
    shared.clock.advance(3600)
    bobs(shared)
    written(shared)
    (row,) = [row for row in exported(ann, event="signed_in") if row["actor"] == shared.bob.user_id][:1]
    at = row["at"].removesuffix("+00:00").removesuffix("Z")
    assert row["id"] in listed(ann, **{"from": at})
    assert row["id"] not in listed(ann, to=at)
    assert row["id"] not in listed(ann, **{"from": f"{at}-01:00"})
    assert listed(ann, **{"from": "1970-01-01", "to": "2088-12-31T23:59"}) == listed(ann)


@pytest.mark.spec("Workgate", "audit pages", "a filter that cannot be used is named beside its field, and all is kept")
@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"event": "made_up"}, "event"),
        ({"user": "nobody-of-this-name"}, "user"),
        ({"user": "x" * 399}, "user"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-45T99:00"}, "to"),
        ({"from": "0001-01-01T00:00+23:00"}, "from"),
        ({"to": "9999-12-31T23:59"}, "to"),
        ({"from": "2026-11-25", "to": "2026-11-24"}, "to"),
    ],
)
def test_unusable_filters(ann: Browser, filters: dict[str, str], field: str) -> None:
    page = ann.http.get(AUDIT, params={**filters, "address": "<b>&"})
    assert page.status_code == 400
    assert f'id="problem-{field}"' in page.text
    assert f'aria-describedby="problem-{field}" autofocus' in page.text
    assert 'value="&lt;b&gt;&amp;"' in page.text
    assert not _ROW.search(page.text)
    assert ann.http.get(EXPORT, params=filters).status_code == 400


@pytest.mark.spec("OWASP ASVS", "V2.2", "odd input is refused or finds nothing; it never fails")
@pytest.mark.parametrize(
    "query",
    [
        "user=%00",
        "user=a&user=b",
        "user=%ff",
        "event=" + "x" * 500,
        "reference=%E2%80%AE%3Cscript%3E",
        "address=" + "1" * 400,
        "application=%27%20OR%201=1%20--",
        "before=99999999999999999999",
        "before=-1",
        "before=9223372036854775807",
        "before=0",
        "before=%D9%A1",
        "from=&to=&user=&unknown=%00",
    ],
)
def test_odd_input(ann: Browser, query: str) -> None:
    for path in (AUDIT, EXPORT):
        answer = ann.http.get(f"{path}?{query}")
        assert answer.status_code in {200, 400}, query
        assert "<script>" not in answer.text


@pytest.mark.spec("OWASP ASVS", "V2.2", "odd input is refused or finds nothing; it never fails")
@pytest.mark.parametrize(
    "name",
    ["%00", "0", "9223372036854775807", "99999999999999999999", "AAAA-0000", "x" * 5000, "%E2%80%AE", "a%2Fb", "'--"],
)
def test_no_such_record(ann: Browser, name: str) -> None:
    page = ann.http.get(f"{AUDIT}/{name}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.spec("Workgate", "audit pages", "a reference opens the exact reason, with the difference marked")
@pytest.mark.parametrize(
    ("path", "came", "registered"),
    [
        ("Callback", "<mark>C</mark>allback", "<mark>c</mark>allback"),
        ("callback/", "callback<mark>/</mark>", 'callback<mark><span class="unseen">(nothing)</span></mark>'),
        (
            "<b>', registered is 'https://x>>>y'",
            "/<mark>&lt;b&gt;&#39;, registered is &#39;https://x&gt;&gt;&gt;y&#39;</mark>",
            "/<mark>callback</mark>",
        ),
    ],
)
def test_a_mismatch(shared: World, ann: Browser, path: str, came: str, registered: str) -> None:
    reference = refused(shared, ann, f"https://client.example/{path}")
    page = ann.http.get(f"{AUDIT}/{reference}")
    assert page.status_code == 200
    assert came in page.text
    assert registered in page.text
    assert page.text == ann.http.get(f"{AUDIT}/{reference.lower()}").text.replace(reference.lower(), reference)
    (event_id,) = listed(ann, reference=reference.lower())
    by_id = ann.http.get(f"{AUDIT}/{event_id}")
    assert re.findall(r"<mark>.*?</mark>", by_id.text) == re.findall(r"<mark>.*?</mark>", page.text)
    for fact in ("Ann Archer", "ClientApp", shared.web.application.client_id, "127.0.0.1", reference):
        assert fact in page.text


@pytest.mark.spec("Workgate", "audit pages", "an error page links to its reason, for an administrator here only")
def test_the_link_of_an_error_page(shared: World, ann: Browser) -> None:
    asked = {**authorize_params(shared.web), "redirect_uri": "https://elsewhere.example/"}
    link = re.compile(r'<a href="(/setup/audit/[0-9A-Z]{4}-[0-9A-Z]{4})">')
    page = ann.authorize(**asked)
    written(shared)
    found = link.search(page.text)
    assert found is not None
    assert ann.http.get(found.group(1)).status_code == 200
    for browser in (bobs(shared), shared.browser()):
        text = browser.authorize(**asked).text
        assert "give this to your administrator" in text
        assert not link.search(text)
    elsewhere = shared.browser(shared.preview)
    assert elsewhere.sign_in().status_code == 303
    assert not link.search(elsewhere.authorize(**asked).text)


@pytest.mark.spec("Workgate", "audit pages", "records of another environment are never seen")
def test_other_environments(shared: World, ann: Browser) -> None:
    boss = "the-boss"
    shared.stand_in.create_user(shared.globex, boss, "correct horse battery", is_admin=True)
    there = shared.browser(shared.globex)
    assert there.sign_in(boss).status_code == 303
    reference = refused(shared, ann, "https://elsewhere.example/")
    (event_id,) = listed(ann, reference=reference)
    assert event_id not in listed(there)
    assert listed(there, reference=reference) == []
    assert exported(there, reference=reference) == []
    assert there.http.get(f"{AUDIT}/{reference}").status_code == 404
    assert there.http.get(f"{AUDIT}/{event_id}").status_code == 404
    assert exported(there, application=shared.web.application.client_id) == []
    # Her ID is nobody's over there, and nobody's name is told.
    assert there.http.get(AUDIT, params={"user": shared.ann.user_id}).status_code == 400
    assert "ClientApp" not in there.http.get(AUDIT).text
    ids = {row["id"] for row in exported(ann)}
    assert ids.isdisjoint(row["id"] for row in exported(there))


def test_every_event_has_its_words_in_both_languages() -> None:
    assert set(EVENT_WORDS) == set(AuditEvent)
    for language in LANGUAGES.values():
        said = [language.say(words) for words in EVENT_WORDS.values()]
        assert len(set(said)) == len(said)


def test_what_was_deleted_is_named_by_its_id(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Short-lived <b>")
    client_id = app.application.client_id
    assert "Short-lived &lt;b&gt;" in ann.http.get(AUDIT, params={"application": client_id}).text
    registry = shared.stand_in.workgate.services.registry
    shared.stand_in.run(registry.delete(shared.acme, client_id, by=OPERATOR))
    page = ann.http.get(AUDIT, params={"application": client_id})
    assert f'<option value="{client_id}" selected>' in page.text
    assert f"<code>{client_id}</code>" in page.text


def test_the_start_page_leads_there(shared: World, ann: Browser) -> None:
    def links(page: httpx.Response) -> set[str]:
        return set(re.findall(r'<a href="(/(?:account|setup)/[^"]*)"', page.text))

    assert links(ann.http.get("/")) >= {"/account/connected-apps", AUDIT}
    assert all(path.startswith("/account/") for path in links(bobs(shared).http.get("/")))
    assert form_fields(ann.http.get("/").text, "/logout")
