"""Reading through the object API: searches, fields, pages, objects by ID, every error (contract §3.1, 3.4, 3.8)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from tests.browser import PASSWORD, World, a_world

from workgate.domain.ids import Milliseconds, ObjectId
from workgate.domain.objects import StoredObject

API = "/attask/api/v17.0"
UNSUPPORTED = "java.lang.UnsupportedOperationException"
INVALID = "java.lang.IllegalArgumentException"
NOT_SIGNED_IN = "com.attask.common.AuthenticationException"
FORBIDDEN = "com.attask.common.SecurityViolationException"
NOT_FOUND = "com.attask.common.RecordNotFoundException"
NEW_YEAR = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000
P1, P2, P3 = (ObjectId(f"{digit}" * 32) for digit in "abc")
NOBODY = "f" * 32
Params = Mapping[str, str | list[str]]


def projects(world: World) -> list[StoredObject]:
    """P1 of Ann, running; P2 of Bob, planned, a day later; P3 of Ann, done, with every kind of value."""
    rows: tuple[tuple[ObjectId, str, int, dict[str, Any]], ...] = (
        (P1, "Alpha, the first", 0, {"status": "CUR", "priority": 1, "ownerID": world.ann.user_id, "personal": True}),
        (P2, "Beta", DAY, {"status": "PLN", "priority": 2, "ownerID": world.bob.user_id, "percentComplete": 12.5}),
        (P3, "Gamma & Söhne", 2 * DAY, {"status": "CPL", "priority": 3, "ownerID": world.ann.user_id, "budget": 0.5}),
    )
    return [
        StoredObject(
            environment_id=world.acme.environment_id,
            obj_code="PROJ",
            object_id=object_id,
            name=name,
            entered_at=Milliseconds(NEW_YEAR + after + 3_723_004),
            fields={"plannedStartDate": NEW_YEAR + after, "customerID": world.acme.customer_id, **fields},
        )
        for object_id, name, after, fields in rows
    ]


class Api:
    """Ann's calls."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = world.http()
        answer = self.http.post(f"{API}/login", data={"username": "ann", "password": PASSWORD})
        self.http.cookies.clear()
        self.http.headers["sessionID"] = answer.json()["data"]["sessionID"]

    def get(self, path: str, params: Params | None = None) -> httpx.Response:
        """Make a call."""
        return self.http.get(f"{API}/{path}", params=params)

    def data(self, path: str, params: Params | None = None) -> Any:
        """Make a call that succeeds, and give its data."""
        answer = self.get(path, params)
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"data"}
        return answer.json()["data"]

    def ids(self, **params: str | list[str]) -> list[str]:
        """Search projects."""
        return [row["ID"] for row in self.data("proj/search", params)]

    def refused(self, path: str, params: Params | None = None) -> tuple[int, str, str]:
        """Make a call that fails: status, class and message."""
        return refused(self.get(path, params))


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Check the error's form, which clients rely on, and give status, class and message."""
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"error"}
    error = answer.json()["error"]
    assert isinstance(error["class"], str)
    assert isinstance(error["message"], str)
    assert error["message"]
    if "msgKey" in error:
        assert error.keys() == {"class", "message", "title", "msgKey", "attributes", "code"}
    else:
        assert error.keys() == {"class", "message"}
    return answer.status_code, error["class"], error["message"]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with a_world() as world:
        world.stand_in.insert(projects(world))
        yield Api(world)


@pytest.mark.spec("Workfront", "3.4.1", "filters are equality; several values of a field are alternatives")
def test_filters(api: Api) -> None:
    ann, bob = api.world.ann.user_id, api.world.bob.user_id
    assert api.ids() == [P1, P2, P3]
    assert api.ids(status="CUR") == [P1]
    assert api.ids(status=["CUR", "CPL"]) == [P1, P3]
    assert api.ids(status="CUR", priority="2") == []
    assert api.ids(status="cur") == []
    assert api.ids(ownerID=ann) == [P1, P3]
    assert api.ids(ownerID=f"{ann},{bob}") == [P1, P2, P3]
    assert api.ids(ID=[P3, P1]) == [P1, P3]
    assert api.ids(ID=f"{P2},{P3}") == [P2, P3]
    assert api.ids(name="Beta") == [P2]
    assert api.ids(name="Gamma & Söhne") == [P3]


@pytest.mark.spec("Workfront", "3.4.1", "a comma in a text is part of it")
def test_comma_in_a_text(api: Api) -> None:
    assert api.ids(name="Alpha, the first") == [P1]
    assert api.ids(name="Alpha,Beta") == []


@pytest.mark.spec("Workfront", "3.4.1", "numbers and truth values are compared as such")
def test_wildcards(api: Api) -> None:
    assert api.ids(ownerID="$$USER") == api.ids(ownerID="$$USER.ID") == [P1, P3]
    assert api.ids(customerID="$$CUSTOMER") == [P1, P2, P3]
    for params in ({"entryDate": "$$TODAY"}, {"ownerID": "$$USERS"}, {"id": P1}, {"ids": P1}):
        answer = api.get("proj/search", params)
        assert answer.status_code == 422
        assert answer.json()["error"]["class"] == INVALID


def test_typed_filters(api: Api) -> None:
    for text in ("3", "03", "+3"):
        assert api.ids(priority=text) == [P3]
    assert api.ids(percentComplete="12.50") == [P2]
    for text in ("true", "True", "1"):
        assert api.ids(personal=text) == [P1]
    assert api.ids(personal="false") == []


@pytest.mark.spec("Workfront", "3.7", "a date means its whole day, and every written form of an instant is understood")
def test_date_filters(api: Api) -> None:
    assert api.ids(entryDate="2026-01-02") == [P2]
    assert api.ids(plannedStartDate=["2026-01-01", "2026-01-03"]) == [P1, P3]
    for text in (
        "2026-01-02T01:02:03:004+0000",
        "2026-01-02T01:02:03.004+0000",
        "2026-01-02T01:02:03.004Z",
        "2026-01-02T01:02:03Z",
        "2026-01-02T01:02:03",
        "2026-01-02T02:02:03+01:00",
        "2026-01-02T02:02:03:004+0100",
    ):
        assert api.ids(entryDate=text) == [P2], text
    assert api.ids(entryDate="2026-01-02T01:02:03.005Z") == []
    for text in ("2026-02-30", "yesterday", "2026-01-02T25:00:00", "2026-1-2", ""):
        assert api.refused("proj/search", {"entryDate": text})[0] == 422, text


@pytest.mark.spec("Workfront", "3.7", "dates are written with a colon before the milliseconds")
def test_dates_in_answers(api: Api) -> None:
    row = api.data(f"proj/{P1}", {"fields": "entryDate,plannedStartDate,plannedCompletionDate"})
    assert row["entryDate"] == "2026-01-01T01:02:03:004+0000"
    assert row["plannedStartDate"] == "2026-01-01T00:00:00:000+0000"
    assert row["plannedCompletionDate"] is None
    assert api.ids(entryDate=row["entryDate"]) == [P1]


@pytest.mark.spec("Workfront", "3.4.6", "without fields: the core and the type's defaults")
def test_default_fields(api: Api) -> None:
    assert api.data(f"proj/{P2}") == {
        "ID": P2,
        "name": "Beta",
        "objCode": "PROJ",
        "percentComplete": 12.5,
        "plannedCompletionDate": None,
        "plannedStartDate": "2026-01-02T00:00:00:000+0000",
        "priority": 2,
        "projectedCompletionDate": None,
        "status": "PLN",
    }


@pytest.mark.spec("Workfront", "3.4.6", "with fields: the core and exactly what was asked")
def test_asked_fields(api: Api) -> None:
    core = {"ID": P1, "name": "Alpha, the first", "objCode": "PROJ"}
    assert api.data(f"proj/{P1}", {"fields": "status"}) == core | {"status": "CUR"}
    assert api.data(f"proj/{P1}", {"fields": "ID,name"}) == core
    both = core | {"status": "CUR", "priority": 1}
    assert api.data(f"proj/{P1}", {"fields": "status,priority"}) == both
    assert api.data(f"proj/{P1}", {"fields": ["status", "priority"]}) == both
    assert api.data("proj/search", {"fields": "status", "ID": P1}) == [core | {"status": "CUR"}]
    everything = api.data(f"proj/{P1}", {"fields": "*"})
    assert everything.items() >= (both | {"ownerID": api.world.ann.user_id, "budget": None}).items()
    assert len(everything) > 150


@pytest.mark.spec("Workfront", "3.4.6", "a reference is a small object, with what was asked of it")
def test_references(api: Api) -> None:
    small = {"ID": api.world.ann.user_id, "name": "Ann Archer", "objCode": "USER"}
    for fields, expected in (
        ("owner", small),
        ("owner:username", small | {"username": "ann"}),
        ("owner:firstName,owner:lastName", small | {"firstName": "Ann", "lastName": "Archer"}),
        ("owner:*", small | {"username": "ann", "firstName": "Ann", "lastName": "Archer", "emailAddr": ""}),
        ("sponsor", None),
    ):
        row = api.data(f"proj/{P1}", {"fields": fields})
        assert row[fields.partition(":")[0]] == expected
        assert row.keys() == {"ID", "name", "objCode", fields.partition(":")[0]}


@pytest.mark.spec("Workfront", "3.4.5", "pages: $$FIRST and $$LIMIT, raw or encoded")
def test_pages(api: Api) -> None:
    for first, limit, expected in ((0, 2, [P1, P2]), (1, 1, [P2]), (2, 5, [P3]), (3, 5, []), (0, 2000, [P1, P2, P3])):
        raw = f"{API}/proj/search?$$FIRST={first}&$$LIMIT={limit}"
        encoded = f"{API}/proj/search?%24%24FIRST={first}&%24%24LIMIT={limit}"
        for address in (raw, encoded):
            assert [row["ID"] for row in api.http.get(address).json()["data"]] == expected
    assert api.ids(**{"$$LIMIT": "0"}) == []


@pytest.mark.spec("Workfront", "3.4.5", "a page has 100 rows unless asked otherwise, and 2000 at most")
def test_limits(api: Api) -> None:
    assert api.refused("proj/search", {"$$LIMIT": "2001"}) == (
        422,
        INVALID,
        "The requested limit 2001 is greater than the maximum allowed limit of 2000",
    )
    for name in ("$$LIMIT", "$$FIRST"):
        for text in ("-1", "x", "", "1.5", "1" * 20):
            assert api.refused("proj/search", {name: text})[:2] == (422, INVALID), (name, text)
    stand_in = api.world.stand_in
    (crowded,) = stand_in.create_org("crowded")
    user = stand_in.create_user(crowded, "ann", PASSWORD)
    stand_in.insert(
        [
            StoredObject(crowded.environment_id, "PROJ", ObjectId(f"{i:032x}"), f"P{i}", Milliseconds(i), {})
            for i in range(150)
        ]
    )
    http = api.world.http(crowded)
    login = http.post(f"{API}/login", data={"username": "ann", "password": PASSWORD}).json()["data"]
    assert login["userID"] == user.user_id
    session = {"sessionID": login["sessionID"]}
    rows = [
        http.get(f"{API}/proj/search", params=params, headers=session).json()["data"]
        for params in ({}, {"$$FIRST": "100"}, {"$$LIMIT": "150"})
    ]
    assert [len(page) for page in rows] == [100, 50, 150]
    assert rows[0] + rows[1] == rows[2]


@pytest.mark.spec("Workfront", "3.4", "objects by ID, in the order asked (WF-44)")
def test_multi_get(api: Api) -> None:
    ways: list[Params] = [{"id": f"{P3},{P1}"}, {"id": [P3, P1]}, {"ID": f"{P3},{P1}"}, {"ids": f"{P3},{P1}"}]
    for params in ways:
        assert [row["ID"] for row in api.data("proj", params)] == [P3, P1]
    assert api.data("proj", {"id": P1})["ID"] == P1
    assert [row["ID"] for row in api.data("proj", {"id": f"{P1},{P1}"})] == [P1, P1]
    for path in (f"project/{P1}", f"PROJ/{P1}", f"Project/{P1}", f"/proj/{P1}", f"proj/{P1}/"):
        assert api.data(path)["ID"] == P1


@pytest.mark.spec("Workfront", "3.4", "what is not there is a 404 with the ID (WF-44)")
def test_not_found(api: Api) -> None:
    expected = (404, NOT_FOUND, f'Project with primary key value(s) "{NOBODY}" not found')
    for path, params in ((f"proj/{NOBODY}", None), ("proj", {"id": NOBODY}), ("proj", {"id": f"{P1},{NOBODY}"})):
        assert api.refused(path, params) == expected
        assert api.get(path, params).json()["error"]["msgKey"] == "exception.norecordfound"
    assert api.refused(f"user/{NOBODY}")[2] == f'User with primary key value(s) "{NOBODY}" not found'
    # What cannot be an ID is not repeated.
    for odd in ("<script>", "%00", "a" * 65, "$$USER", "a b"):
        status, _, message = api.refused(f"proj/{odd}")
        assert status == 404
        assert odd not in message


@pytest.mark.spec("Workfront", "3.1", "$$USER is the caller (WF-44)")
def test_user(api: Api) -> None:
    ann = api.world.ann
    for address in (f"{API}/user?id=$$USER&fields=*", f"{API}/user?id=%24%24USER&fields=*"):
        row = api.http.get(address).json()["data"]
        assert row["ID"] == ann.user_id
        assert row["username"] == "ann"
        assert row["isAdmin"] is True
        assert row["customerID"] == api.world.acme.customer_id
    assert api.data("user/$$USER")["ID"] == ann.user_id
    assert api.data("user", {"id": f"$$USER,{api.world.bob.user_id}"})[1]["name"] == "Bob Baker"
    assert api.data("user/$$USER") == {"ID": ann.user_id, "name": "Ann Archer", "objCode": "USER"}


@pytest.mark.spec("Workfront", "3.4.6", "an unknown field is an error that names version, field and type")
def test_unknown_field(api: Api) -> None:
    message = "APIModel V17_0 does not support field nonsense (Project)"
    for path, params in (
        ("proj/search", {"nonsense": "1"}),
        ("proj/search", {"fields": "nonsense"}),
        (f"proj/{P1}", {"fields": "ID,nonsense"}),
    ):
        assert api.refused(path, params) == (422, INVALID, message)
    assert api.refused("user/$$USER", {"fields": "nonsense"})[2].endswith("field nonsense (User)")
    newest = refused(api.http.get("/attask/api/proj/search", params={"fields": "nonsense"}))
    assert newest[2] == "APIModel V22_0 does not support field nonsense (Project)"
    for odd in ("Status", "status:x", "nonsense:*", "x" * 100):
        assert api.refused(f"proj/{P1}", {"fields": odd})[0] == 422


@pytest.mark.spec("Workfront", "3.8", "a value that a field cannot have is an error, never a wrong answer")
def test_bad_values(api: Api) -> None:
    for name, text in (
        ("priority", "high"),
        ("priority", "1.5"),
        ("priority", "9" * 30),
        ("percentComplete", "nan"),
        ("budget", "1e999"),
        ("personal", "maybe"),
        ("status_Mod", "ne"),
        ("name_Sort", "asc"),
        ("entryDate_Range", "2026-01-01"),
    ):
        assert api.refused("proj/search", {name: text})[:2] == (422, INVALID), name


@pytest.mark.spec("Workfront", "3.1", "every form of the API's address is understood")
@pytest.mark.parametrize(
    "prefix",
    [
        "/attask/api/v2.0",
        "/attask/api/v4.0",
        "/attask/api/v22.0",
        "/attask/api",
        "/attask/api-internal",
        "/attask/api/api-internal",
        "/attask/api-unsupported",
        "/attask/api/unsupported",
        "/attask/api-asp",
    ],
)
def test_addresses(api: Api, prefix: str) -> None:
    assert api.http.get(f"{prefix}/proj/{P1}").json()["data"]["ID"] == P1


@pytest.mark.spec("Workfront", "3.8", "every error is JSON with a class and a message, and has its status (WF-33)")
@pytest.mark.parametrize(
    ("path", "status", "class_name", "message"),
    [
        ("", 400, UNSUPPORTED, "you must specify an action"),
        ("/", 400, UNSUPPORTED, "you must specify an action"),
        ("/proj", 400, UNSUPPORTED, "you must specify an action"),
        ("/nonwkd/search", 422, INVALID, "Unknown object type: nonwkd in v17.0"),
        ("/nonsense/search", 422, INVALID, "Unknown object type: nonsense in v17.0"),
        (f"/proj/{P1}/a/b", 422, INVALID, "unrecognized URI format: too many parts"),
        ("/proj/search?method=PATCH", 422, INVALID, None),
        ("/proj/search?status=%ff", 422, INVALID, None),
        ("/proj?id=" + ",".join([P1] * 101), 422, INVALID, None),
        ("/proj/search?" + "&".join(["status=CUR"] * 2001), 422, INVALID, None),
    ],
)
def test_errors(api: Api, path: str, status: int, class_name: str, message: str | None) -> None:
    found = refused(api.http.get(API + path))
    assert found[:2] == (status, class_name)
    assert message is None or found[2] == message


@pytest.mark.spec("Workfront", "3.8", "errors outside the API's calls are JSON too")
def test_errors_before_any_call(api: Api) -> None:
    assert refused(api.http.get("/attask/nonsense"))[:2] == (400, UNSUPPORTED)
    assert refused(api.http.get("/attask/"))[:2] == (400, UNSUPPORTED)
    assert refused(api.http.get("/attask/api/v99x/proj"))[0] in {400, 422}
    assert refused(api.http.get(f"{API}/proj/search", headers={"sessionID": "x"}))[:2] == (401, NOT_SIGNED_IN)
    assert refused(api.http.get(API, headers={"Host": "nobody.my.localhost"}))[:2] == (404, NOT_FOUND)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    big = api.http.post(f"{API}/proj/search", content=b"a=" + b"x" * 70_000, headers=form)
    assert refused(big)[:2] == (413, INVALID)


@pytest.mark.spec("Workfront", "3.5", "the parameter method replaces the verb; what writes is not supported yet")
def test_methods(api: Api) -> None:
    search = f"{API}/proj/search"
    assert [row["ID"] for row in api.http.post(search, data={"method": "GET", "status": "CUR"}).json()["data"]] == [P1]
    assert [row["ID"] for row in api.http.post(search + "?method=get&status=CUR").json()["data"]] == [P1]
    assert refused(api.http.get(f"{API}/proj/{P1}", params={"method": "delete"}))[:2] == (400, UNSUPPORTED)
    for method in ("POST", "PUT", "DELETE"):
        answer = api.http.request(method, f"{API}/proj/{P1}", params={"updates": json.dumps({"name": "x"})})
        assert refused(answer)[:2] == (400, UNSUPPORTED)
    assert refused(api.http.patch(f"{API}/proj/{P1}"))[0] == 422
    assert api.http.head(f"{API}/proj/{P1}").status_code == 200
    assert api.ids() == [P1, P2, P3]


@pytest.mark.spec("Workfront", "3.3", "a cookie alone may not write (WF-33)")
def test_forbidden(api: Api) -> None:
    session_id = api.http.headers["sessionID"]
    with api.world.stand_in.client(cookies={"attask": session_id}) as http:
        assert refused(http.delete(f"{API}/proj/{P1}"))[:2] == (403, FORBIDDEN)
