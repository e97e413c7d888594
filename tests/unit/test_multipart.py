"""The reader of forms with files: what it takes, and what it makes of bytes that are no such form."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from workgate.web.multipart import LARGEST_FORM, NOTHING, Posted, posted_form

BOUNDARY = "the-boundary"


def part(name: str, value: bytes, filename: str | None = None, headers: bytes = b"") -> bytes:
    extra = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n'
    return head.encode() + headers + b"\r\n" + value + b"\r\n"


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(
    body: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}", pieces: int = 1
) -> Posted | None:
    """Read a body that comes in so many pieces."""
    size = max(1, -(-len(body) // pieces))

    def messages() -> Iterator[dict[str, Any]]:
        for begin in range(0, max(1, len(body)), size):
            more = begin + size < len(body)
            yield {"type": "http.request", "body": body[begin : begin + size], "more_body": more}

    waiting = messages()

    async def receive() -> dict[str, Any]:
        return next(waiting)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode("latin-1"))]}
    wanted = posted_form(Request(scope, receive), texts=frozenset({"name", "text"}), files=frozenset({"logo"}))
    return asyncio.run(wanted)


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_texts_and_a_file(pieces: int) -> None:
    body = body_of(
        part("name", "Città ☂".encode()),
        part("text", b"one\r\ntwo\rthree\n"),
        part("other", b"ignored"),
        part("logo", b"\x00\r\n--the\xff", "x.png", b"Content-Type: image/png\r\n"),
    )
    assert read(body, pieces=pieces) == Posted(
        {"name": "Città ☂", "text": "one\ntwo\nthree\n"}, {"logo": b"\x00\r\n--the\xff"}
    )


def test_a_file_that_was_not_chosen_is_none() -> None:
    assert read(body_of(part("name", b"x"), part("logo", b"", ""))) == Posted({"name": "x"}, {})
    assert read(body_of()) == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"name=x",
        part("name", b"x"),  # not closed
        body_of(part("name", b"x"))[:-8],
        body_of(part("name", b"x"), part("name", b"y")),
        body_of(part("logo", b"x", "a"), part("logo", b"y", "b")),
        body_of(part("name", b"x", "a.txt")),
        body_of(part("logo", b"x")),
        body_of(part("name", b"\xff\xfe")),
        body_of(part("name", b"x", headers=b'Content-Disposition: form-data; name="text"\r\n')),
        body_of(part("name", b"x", headers=b"X: " + b"y" * 20_000 + b"\r\n")),
        body_of(part("name", b"x", headers=b"X: y\r\n" * 200)),
        body_of(*(part(f"n{number}", b"") for number in range(65))),
        body_of(part("name", b"x")).replace(b"form-data", b"attachment"),
        body_of(part("name", b"x")).replace(b"Content-Disposition", b"Content-Type"),
    ],
)
def test_what_is_no_form_of_ours(body: bytes) -> None:
    assert read(body) == NOTHING


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=another",
        f"multipart/mixed; boundary={BOUNDARY}",
    ],
)
def test_other_media_types(content_type: str) -> None:
    assert read(body_of(part("name", b"x")), content_type) == NOTHING


def test_what_is_too_large() -> None:
    fits = LARGEST_FORM - len(body_of(part("logo", b"", "a")))
    assert read(body_of(part("logo", bytes(fits), "a"))) == Posted({}, {"logo": bytes(fits)})
    assert read(body_of(part("logo", bytes(fits + 1), "a")), pieces=4) is None


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_refused(noise: bytes, framed: bool) -> None:
    body = body_of(part("logo", noise, "a")) if framed else noise
    found = read(body)
    assert found is not None
    if framed and b"--the-boundary" not in noise:
        assert found.files.get("logo") == noise


@given(
    st.lists(
        st.sampled_from(
            [
                b"--the-boundary",
                b"--",
                b"\r\n",
                b"\n",
                b"Content-Disposition: form-data;",
                b'name="',
                b'name"',
                b"logo",
                b":",
                b" ",
                b"x",
            ]
        ),
        max_size=40,
    )
)
def test_pieces_of_forms(pieces: list[bytes]) -> None:
    assert read(b"".join(pieces)) is not None
