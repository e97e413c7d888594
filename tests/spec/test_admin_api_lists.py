"""The admin API's lists, the audit log with its filters, and what requests may not look like (SECURITY 14, 28)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.admin_calls import APPLICATIONS, AUDIT, JSON, MINE, NEW, caller, error
from tests.browser import PASSWORD, World, a_world

from workgate.web.api import ADMIN_PATH
from workgate.web.api.operations import LARGEST_JSON
from workgate.web.api.reading import LONGEST_PARAMETER
from workgate.web.api.routes import OPERATIONS


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world(client_failures=100_000, applications_per_environment=1000) as made:
        yield made


@pytest.fixture(scope="module")
def ann(world: World) -> httpx.Client:
    return caller(world)


def pages(http: httpx.Client, address: str, name: str, place: str = "after", **params: Any) -> list[list[Any]]:
    """All pages of a list, until nothing follows."""
    found, following = [], None
    while True:
        more: dict[str, str] = {} if following is None else {place: following}
        page = http.get(address, params={**params, **more}).json()
        found.append(page[name])
        following = page["following"]
        if following is None:
            return found


@pytest.mark.spec("Workgate", "admin API", "lists come in pages, each row once, also while rows come and go")
def test_pages(world: World, ann: httpx.Client) -> None:
    names = [ann.post(APPLICATIONS, json={**NEW, "name": f"Number {n}"}).json()["client_id"] for n in range(5)]
    whole = ann.get(APPLICATIONS, params={"limit": 200}).json()
    assert whole["following"] is None
    listed = [app["client_id"] for app in whole["applications"]]
    assert set(names) <= set(listed)
    for limit in (1, 4, len(listed)):
        found = pages(ann, APPLICATIONS, "applications", limit=limit)
        assert [app["client_id"] for page in found for app in page] == listed
        assert all(len(page) == limit for page in found[:-1])
    cut = 1 + min(map(listed.index, names))  # made at one instant, they stand in any order
    first = ann.get(APPLICATIONS, params={"limit": cut}).json()
    assert ann.delete(f"{APPLICATIONS}/{first['applications'][-1]['client_id']}").status_code == 204
    then = ann.get(APPLICATIONS, params={"limit": 200, "after": first["following"]}).json()["applications"]
    assert [app["client_id"] for app in then] == listed[cut:]
    robot = world.machine.application.client_id
    ann.post(f"{APPLICATIONS}/{robot}/secrets", json={})
    assert [len(page) for page in pages(ann, f"{APPLICATIONS}/{robot}/secrets", "secrets", limit=1)] == [1, 1]
    assert ann.get(MINE, params={"after": "zzz"}).json() == {"connections": [], "following": None}


@pytest.mark.spec("Workfront", "2.1", "at most ten applications: the eleventh is refused, a deletion makes room")
def test_the_eleventh() -> None:
    with a_world() as world:
        http = caller(world)
        made = [http.post(APPLICATIONS, json=NEW) for _ in range(7)]
        assert [answer.status_code for answer in made] == [201] * 6 + [409]
        assert "10 applications" in error(made[-1], 409, "conflict")["message"]
        assert http.delete(f"{APPLICATIONS}/{made[0].json()['client_id']}").status_code == 204
        assert http.post(APPLICATIONS, json=NEW).status_code == 201


@pytest.mark.spec("Workgate", "admin API", "so many key pairs in a minute, then a wait")
def test_key_pairs_in_a_minute() -> None:
    with a_world() as world:
        http = caller(world)
        generate = f"{APPLICATIONS}/{world.machine.application.client_id}/keys/generate"
        assert {http.post(generate, json={}).status_code for _ in range(10)} == {201}
        refused = http.post(generate, json={})
        error(refused, 429, "too_many")
        world.clock.advance(int(refused.headers["retry-after"]))
        assert http.post(generate, json={}).status_code == 201


@pytest.mark.spec("Workgate", "audit", "filters, pages and the export agree")
def test_audit(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={**NEW, "name": "Audited"}).json()
    ann.patch(f"{APPLICATIONS}/{made['client_id']}", json={"name": "Audited too"})
    world.http().post("/attask/api/login", data={"username": "bob", "password": "wrong"})
    world.stand_in.sweep()
    of_app = ann.get(AUDIT, params={"client_id": made["client_id"]}).json()["events"]
    assert [event["event"] for event in of_app] == ["application_changed", "application_created"]
    assert (
        ann.get(AUDIT, params={"client_id": made["client_id"], "event": "application_created"}).json()["events"]
        == (of_app[1:])
    )
    by_id = ann.get(AUDIT, params={"actor": world.ann.user_id, "limit": 500}).json()
    assert by_id == ann.get(AUDIT, params={"username": "ANN", "limit": 500}).json()
    assert error(ann.get(AUDIT, params={"username": "nobody"}), 400, "invalid")["field"] == "username"
    assert error(ann.get(AUDIT, params={"username": "ann", "actor": "x"}), 400, "invalid")["field"] == "username"
    everything = [event for page in pages(ann, AUDIT, "events", "before", limit=3) for event in page]
    exported = ann.get(f"{AUDIT}/export")
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in exported.text.splitlines()] == everything
    assert of_app[0] in everything
    assert ann.head(f"{AUDIT}/export").text == ""
    now = datetime.fromtimestamp(world.clock.now() / 1000, UTC).isoformat()
    assert ann.get(f"{AUDIT}/export", params={"until": now, "since": now}).text == ""
    for moment in ("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"):
        assert ann.get(AUDIT, params={"since": moment, "until": moment}).json() == {"events": [], "following": None}
    for moment in ("yesterday", "2026-01-01T00:00:00", "2026-01-01", "0.5", "", "2026-13-01T00:00:00Z"):
        assert error(ann.get(AUDIT, params={"since": moment}), 400, "invalid")["field"] == "since"


WRONG_BODIES: list[tuple[bytes, str | None, str]] = [
    (b"", None, "JSON object"),
    (b"{", None, "JSON object"),
    (b"[]", None, "expected an object"),
    (b"null", None, "expected an object"),
    (b'"x"', None, "expected an object"),
    (b'{"name":"x","type":"web"} x', None, "JSON object"),
    (b"\xef\xbb\xbf{}", None, "JSON object"),
    (b"\xff", None, "JSON object"),
    (b'{"name":"\xff"}', None, "JSON object"),
    (b'{"name":"\\ud800","type":"web"}', None, "JSON object"),
    (b"[" * 100_000, None, "object"),
    (b'{"name":"x","type":"web","redirect_uris":' + b"[" * 100_000, "redirect_uris", "a list"),
    (b'{"type":"web"}', "name", "required"),
    (b'{"name":1,"type":"web"}', "name", "expected a text, got a whole number"),
    (b'{"name":"x","type":"zebra"}', "type", "one of: web, spa, machine"),
    (b'{"name":"x","type":"web","name":"y"}', "name", "more than once"),
    (b'{"name":"x","type":"web","zebra":1}', None, "member 3 is not known"),
    (b'{"name":"x","type":"web","redirect_uris":["a",7]}', "redirect_uris", "redirect_uris[1]: expected a text"),
    (b'{"name":"x","type":"web","code_seconds":1e3000}', "code_seconds", "it cannot be read"),
    (b'{"name":"x","type":"web","redirect_uris":["https://a.example/"],"code_seconds":61}', "code_seconds", "120"),
    (b'{"name":"a\\u0000b","type":"web"}', "name", "control characters"),
    (b'{"name":"a\\u202eb","type":"web"}', "name", "control characters"),
    (b'{"name":" ","type":"web"}', "name", "1 to 100 characters"),
    (
        b'{"name":"x","type":"machine","refresh_absolute_seconds":' + b"9" * 400 + b"}",
        "refresh_absolute_seconds",
        "",
    ),
]


@pytest.mark.spec("RFC 8259", "4", "a body that is not exactly what is described is refused, and not repeated")
@pytest.mark.parametrize(("body", "field", "said"), WRONG_BODIES)
def test_wrong_bodies(ann: httpx.Client, body: bytes, field: str | None, said: str) -> None:
    refused = error(ann.post(APPLICATIONS, content=body, headers=JSON), 400, "invalid")
    assert refused.get("field") == field
    assert said in refused["message"]
    assert "zebra" not in refused["message"]


@pytest.mark.spec("Workgate", "admin API", "sizes, types, methods and addresses that are not taken have their status")
def test_wrong_requests(world: World, ann: httpx.Client) -> None:
    largest = b'{"name":"' + b"x" * LARGEST_JSON + b'"}'
    error(ann.post(APPLICATIONS, content=largest, headers=JSON), 413, "too_large")
    error(ann.post(APPLICATIONS, content=iter([largest, largest]), headers=JSON), 413, "too_large")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        error(ann.post(APPLICATIONS, content=b"{}", headers={"Content-Type": kind}), 415, "wrong_media_type")
    for method in ("DELETE", "PUT", "OPTIONS", "TRACE", "PROPFIND"):
        refused = ann.request(method, APPLICATIONS)
        error(refused, 405, "wrong_method")
        assert refused.headers["allow"] == "GET, HEAD, POST"
    assert ann.head(APPLICATIONS).status_code == 200
    client_id = world.web.application.client_id
    for path in (
        "/",
        "/nothing",
        "/applications/",
        "/applications//secrets",
        f"/applications/{client_id.upper()}",
        f"/applications/{client_id}%00",
        f"/applications/{client_id}%0A",
        f"/applications/{client_id}/secrets/-1",
        f"/applications/{client_id}/keys/{'9' * 20}",
        "/applications/%F0%9F%90%84",
        "/applications/..%2F..%2Ftoken",
        "/%0A",
        "/openapi.json/",
    ):
        error(ann.get(ADMIN_PATH + path), 404, "not_found")
    huge = "9" * 19  # more than 63 bits hold
    error(ann.delete(f"{APPLICATIONS}/{client_id}/secrets/{huge}"), 404, "not_found")
    assert ann.get(AUDIT, params={"before": huge}).status_code == 200
    with world.stand_in.client(headers={"Host": "nobody.my.localhost"}) as elsewhere:
        error(elsewhere.get(APPLICATIONS), 404, "not_found")


@pytest.mark.spec("Workgate", "admin API", "parameters that are not described are refused, not ignored")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=" + "9" * 2000, "limit"),
        ("after=a%00b", "after"),
        ("after=" + "x" * (LONGEST_PARAMETER + 1), "after"),
        ("after=%ff", None),
        ("zebra=1", None),
        ("limit", None),
        ("&".join(["a=1"] * 100), None),
    ],
)
def test_wrong_parameters(ann: httpx.Client, query: str, field: str | None) -> None:
    for operation in OPERATIONS:
        if operation.path in {"/applications", "/me/connections"} and operation.method == "GET":
            refused = error(ann.get(f"{ADMIN_PATH}{operation.path}?{query}"), 400, "invalid")
            assert refused.get("field") == field
            assert "zebra" not in refused["message"]


@pytest.mark.spec("Workgate", "admin API", "what is shown once is in no list and not on the audit log")
def test_what_is_shown_once(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={"name": "Secretive", "type": "machine"}).json()
    address = f"{APPLICATIONS}/{made['client_id']}"
    added = ann.post(f"{address}/secrets", json={}).json()
    pair = ann.post(f"{address}/keys/generate", json={}).json()
    world.stand_in.sweep()
    read = [address, f"{address}/secrets", f"{address}/keys", APPLICATIONS, f"{AUDIT}/export"]
    texts = "".join(ann.get(one).text for one in read)
    for secret in (made["client_secret"], added["client_secret"], pair["private_key"].splitlines()[3], PASSWORD):
        assert secret not in texts
