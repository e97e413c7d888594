"""The benchmark's own arithmetic: answers put together, requests filled in, rows named alike in SQL and in Python."""

from pathlib import Path

import pytest
from bench.contenders.installation import Ids, SqliteSql
from bench.load import Result, whole_body
from bench.operations import Wire, form_fields, with_token
from bench.plots import Bar, chart


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4", b"abcd", b"abcd"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4", b"abc", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n", b"abcd"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n", None),
        (b"HTTP/1.1 303 See Other\r\nLocation: /", b"", b""),
    ],
)
def test_a_body_is_whole_or_waited_for(head: bytes, body: bytes, expected: bytes | None) -> None:
    buffer = head + b"\r\n\r\n" + body
    assert whole_body(head.lower(), buffer, len(head) + 4) == expected


def test_a_request_is_filled_with_a_token_and_its_length_is_right() -> None:
    wire = Wire(host="127.0.0.1:1", basic="YTpi", token="/token")
    fields = {"grant_type": "refresh_token", "redirect_uri": "https://a.example/%", "refresh_token": "@"}
    template = wire.post(wire.token, fields, basic=wire.basic)
    for token in ("t", "t+/=" * 9):
        expected = wire.post(wire.token, {**fields, "refresh_token": token}, basic=wire.basic)
        assert with_token(template)(token) == expected


@pytest.mark.parametrize(("spacing", "count"), [(0, 1000), (259, 1000)])
def test_rows_have_the_same_ids_in_sql_and_in_python(tmp_path: Path, spacing: int, count: int) -> None:
    ids = Ids(7, 200_000_000_000, spacing, count)
    sql = SqliteSql(tmp_path / "ids.db")
    before, table = sql.series(0, count - 1)
    rows = [int(str(row[0])) for row in sql.rows(f"{before}SELECT {ids.sql()} FROM {table}")]
    sql.close()
    assert rows == [ids.at(number) for number in range(count)]
    assert rows == sorted(set(rows))


def test_the_fields_of_the_right_form_are_found() -> None:
    page = (
        '<form action="/out"><input type="hidden" name="csrf" value="1"></form>'
        '<form action="/in"><input type="hidden" name="request" value="a&amp;b"><input name="shown"></form>'
    )
    assert form_fields(page, "/in") == {"request": "a&b"}


def test_a_percentile_is_one_of_the_latencies() -> None:
    result = Result(latencies=[float(number) for number in range(1, 101)])
    assert (result.percentile(0.5), result.percentile(0.99), result.percentile(1.0)) == (51.0, 100.0, 100.0)


def test_a_plot_escapes_its_labels_and_puts_the_shortest_first() -> None:
    drawn = chart("a < b", [Bar("long & slow", (9.0, 1.0)), Bar("short", (1.0, 0.0), own=True)], unit="µs")
    assert "long &amp; slow" in drawn
    assert "a &lt; b" in drawn
    assert drawn.index("short") < drawn.index("long")
