"""Cookies: strange ones of other programs on the same host neither break anything nor hide ours."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from workgate import asgi

OURS = asgi.SESSION_COOKIE
VALUE = "wgs_" + "A" * 56
# What browsers send unchanged of what any page on the host has set.
foreign_names = st.text(st.sampled_from("abcXYZ09_-.$:/[](){}<>@,?&!#%'*+^`|~é"), min_size=1, max_size=12)
foreign_values = st.text(st.sampled_from("abc019{}[]\":,\\ =/+-_%é()'<>@?&!#"), max_size=30)
foreign = st.builds("{}={}".format, foreign_names, foreign_values) | foreign_names
fragments = st.lists(st.sampled_from(["=", ";", "; ", ",", '"', "\\", "a", "$Version", "expires", "path", OURS, " "]))


def scope_of(*headers: bytes) -> Scope:
    return {"type": "http", "scheme": "http", "headers": [(b"cookie", header) for header in headers]}


@given(st.lists(st.binary(max_size=80) | fragments.map("".join).map(str.encode), max_size=3))
def test_any_bytes(headers: list[bytes]) -> None:
    jar = asgi.cookies(scope_of(*headers))
    assert all(isinstance(text, str) for pair in jar.items() for text in pair)


@given(st.lists(foreign, max_size=4), st.lists(foreign, max_size=4))
def test_no_other_cookie_hides_ours(before: list[str], after: list[str]) -> None:
    line = "; ".join([*before, f"{OURS}={VALUE}", *after])
    assert asgi.cookies(scope_of(line.encode("latin-1")))[OURS] == VALUE


@given(st.lists(foreign, min_size=1, max_size=4))
def test_several_headers_are_read_as_one(others: list[str]) -> None:
    # HTTP/2 sends each cookie in a header of its own (RFC 9113 §8.2.3).
    headers = [text.encode("latin-1") for text in (*others, f"{OURS}={VALUE}")]
    assert asgi.cookies(scope_of(*headers))[OURS] == VALUE


@given(st.lists(foreign, max_size=4))
def test_nobody_elses_value_becomes_ours(others: list[str]) -> None:
    assert OURS not in asgi.cookies(scope_of("; ".join(others).encode("latin-1")))


def test_values_are_taken_as_they_are() -> None:
    jar = asgi.cookies(scope_of(b'plain=a; quoted="b c"; empty=; signed=s%23sig; twice=1; twice=2; with=eq=uals'))
    assert jar == {"plain": "a", "quoted": "b c", "empty": "", "signed": "s%23sig", "twice": "2", "with": "eq=uals"}


def test_no_cookies() -> None:
    assert asgi.cookies(scope_of()) == {}
    assert asgi.cookies(scope_of(b"")) == {}
