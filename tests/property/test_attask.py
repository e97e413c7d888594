"""The API's calls: whatever address, parameters and values come, they are read or refused with an API error."""

import asyncio
import math
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from workgate.attask.call import Call, Carrier, read_call
from workgate.attask.envelope import ApiError, ApiFault
from workgate.attask.metadata import OBJECT_TYPES, PROJ, FieldType
from workgate.attask.query import read_fields, read_query
from workgate.attask.rows import date_time
from workgate.domain.objects import ObjectQuery

field_names = st.sampled_from(FieldType).flatmap(
    lambda kind: st.sampled_from(sorted(name for name in PROJ.fields if PROJ.fields[name] is kind))
)
instants = st.integers(-62_135_596_800_000, 253_402_300_799_999)
parameter_names = field_names | st.sampled_from(
    [
        "$$LIMIT",
        "$$FIRST",
        "fields",
        "name",
        "ID",
        "entryDate_Mod",
        "entryDate_Range",
        "no\nsuch",
        "method",
        "sessionID",
    ]
)
odd_values = st.sampled_from(
    [
        "",
        "*",
        "owner:*",
        "owner:",
        ":",
        "-1",
        "1_000",
        "\uff11\uff12",
        "9" * 5000,
        str(2**63),
        "1e999",
        "nan",
        "-inf",
        "\0",
        "\ud800",
        "0000-00-00",
        "9999-12-31",
        "0001-01-01",
        "9999-12-31T23:59:59.999-2359",
        "0001-01-01T00:00:00+2359",
        "2024-W01-1",
        "2024-02-30",
        "2024-01-01T25:00:00",
        "2024-01-01T00:00:00:000+9999",
        "T",
        "20240101T000000",
        "$$TODAY",
        "true",
        "2",
    ]
)
values = st.lists(st.text(max_size=20) | odd_values | instants.map(date_time), min_size=1, max_size=3)


@given(
    st.dictionaries(field_names, st.lists(odd_values, min_size=1, max_size=1), min_size=1, max_size=1)
    | st.dictionaries(parameter_names | st.text(max_size=9), values, max_size=4),
    st.integers(0, 99),
)
def test_any_search(params: dict[str, list[str]], version: int) -> None:
    for kind in OBJECT_TYPES:
        try:
            query = read_query(kind, version, params)
            shown = read_fields(kind, version, params)
        except ApiError as error:
            assert error.fault is ApiFault.INVALID
            assert error.message.isprintable()
        else:
            assert can_be_asked_of_a_database(query)
            assert {"ID", "name", "objCode"} <= set(shown)


def can_be_asked_of_a_database(query: ObjectQuery) -> bool:
    numbers = [value for condition in query.conditions for value in condition.values if not isinstance(value, str)]
    numbers += [end for condition in query.conditions for span in condition.spans for end in span]
    sound = all(
        isinstance(number, int | float)
        and math.isfinite(number)
        and (isinstance(number, float) or -(2**63) <= number < 2**63)
        for number in numbers
    )
    return sound and query.first >= 0 and 0 <= query.limit <= 2000


@given(instants)
def test_a_date_that_was_shown_finds_itself(instant: int) -> None:
    (condition,) = read_query(PROJ, 14, {"entryDate": [date_time(instant)]}).conditions
    assert condition.spans == ((instant, instant),)


@given(st.dates())
def test_a_day_has_24_hours(day: object) -> None:
    text = str(day)
    try:
        (condition,) = read_query(PROJ, 14, {"entryDate": [text]}).conditions
    except ApiError:
        assert text == "9999-12-31"
        return
    ((begin, end),) = condition.spans
    assert end - begin == 86_400_000 - 1
    assert date_time(begin) == f"{text}T00:00:00:000+0000"


@given(st.integers(-(2**66), 2**66) | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1]))
def test_whole_numbers(number: int) -> None:
    try:
        (condition,) = read_query(PROJ, 14, {"priority": [str(number)]}).conditions
        found: object = condition.values
    except ApiError:
        found = "refused"
    assert found == ((number,) if -(2**63) <= number < 2**63 else "refused")


@pytest.mark.parametrize(("name", "value"), [("status", "CUR"), ("entryDate", "2024-01-01")])
def test_more_values_than_a_database_can_compare_with(name: str, value: str) -> None:
    assert read_query(PROJ, 14, {name: [value] * 500}).conditions
    with pytest.raises(ApiError):
        read_query(PROJ, 14, {name: [value] * 501})
    with pytest.raises(ApiError):
        read_query(PROJ, 14, {name: [value] * 300, "name": ["x"] * 300})


def read(scope: Scope, body: bytes = b"") -> Call:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return asyncio.run(read_call(scope, receive, 4096))


def scope_of(
    path: str, query: bytes = b"", method: str = "GET", headers: list[tuple[bytes, bytes]] | None = None
) -> Scope:
    return {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": headers or [],
    }


path_parts = st.sampled_from(
    ["/attask", "/api", "/v14.0", "/v99", "/v", "/proj", "/search", "//", "-internal", "٣", "\n", ".."]
)
header_names = st.sampled_from(
    [b"sessionid", b"cookie", b"authorization", b"content-type", b"content-length", b"sec-fetch-site"]
)
header_values = st.binary(max_size=30) | st.sampled_from(
    [
        b"application/x-www-form-urlencoded",
        b"Bearer x",
        b"9" * 5000,
        b"\xb2",
        b"attask=a%23b",
        b"attask=",
        b"cross-site",
    ]
)


@given(
    st.text(max_size=20) | st.lists(path_parts, max_size=6).map("".join).map("/attask/api".__add__),
    st.binary(max_size=60) | st.just(b"method=put") | st.just(b"&" * 3000) | st.just(b"a=%ff"),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    st.lists(st.tuples(header_names, header_values), max_size=4),
    st.binary(max_size=60) | st.just(b"x" * 5000) | st.just(b"method=delete&a=%C3%A9"),
)
def test_any_call(path: str, query: bytes, method: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    try:
        call = read(scope_of(path, query, method, headers), body)
    except ApiError as error:
        assert error.message.isprintable()
    else:
        assert call.method in {"GET", "POST", "PUT", "DELETE"}
        assert call.version >= 0
        assert "" not in call.segments


TEXTS = st.characters(exclude_characters="\0")


@given(
    st.dictionaries(
        st.text(TEXTS, min_size=1, max_size=9).filter("method".__ne__), st.text(TEXTS, max_size=20), max_size=4
    )
)
def test_parameters_of_query_and_form_arrive(params: dict[str, str]) -> None:
    text = urlencode(params, quote_via=quote, errors="replace").encode()
    clean = {k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in params.items()}
    form = [(b"content-type", b"application/x-www-form-urlencoded; charset=UTF-8")]
    for call in (
        read(scope_of("/attask/api/v14.0/proj/search", text)),
        read(scope_of("/attask/api/v14.0/proj/search", b"", "POST", form), text),
    ):
        assert {name: call.one(name) for name in call.params} == clean


@pytest.mark.parametrize("text", [b"name=%ff", b"%ed%a0%80=x", b"name=a%00", b"%00=x", b"&".join([b"a=b"] * 2001)])
def test_parameters_that_cannot_be_read_are_refused(text: bytes) -> None:
    with pytest.raises(ApiError):
        read(scope_of("/attask/api/v14.0/proj/search", text))


@pytest.mark.parametrize(
    ("path", "version", "segments"),
    [
        ("/attask/api/v14.0/proj/search", 14, ("proj", "search")),
        ("/attask/api/v9/user", 9, ("user",)),
        ("/attask/api/proj/1/", 22, ("proj", "1")),
        ("/attask/api/unsupported/proj", 22, ("proj",)),
        ("/attask/api-internal/proj", 22, ("proj",)),
        ("/attask/api/v14.0//login", 14, ("login",)),
        ("/attask/api", 22, ()),
    ],
)
def test_addresses(path: str, version: int, segments: tuple[str, ...]) -> None:
    call = read(scope_of(path))
    assert (call.version, call.segments) == (version, segments)


@given(st.text(st.sampled_from("wgs_AZaz09"), min_size=1, max_size=30))
def test_the_session_is_found_wherever_it_is_sent(session_id: str) -> None:
    path, sent = "/attask/api/v14.0/proj", session_id.encode()
    explicit = [
        scope_of(path, headers=[(b"sessionid", sent), (b"cookie", b"attask=other")]),
        scope_of(path, b"sessionID=" + sent),
        scope_of(path, headers=[(b"authorization", b"Bearer " + sent)]),
    ]
    for scope in explicit:
        call = read(scope)
        assert (call.session_id, call.carrier) == (session_id, Carrier.EXPLICIT)
    for cookie in (b"attask=" + sent, b"wf-auth=" + sent + b"%23signature", b"x=y; workgate_session=" + sent):
        call = read(scope_of(path, headers=[(b"cookie", cookie)]))
        assert (call.session_id, call.carrier) == (session_id, Carrier.COOKIE)
