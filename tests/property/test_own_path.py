"""Where a page may lead on to: nothing that is accepted leads to another origin, in a program or in a browser."""

import re
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workgate.web.pages import own_path

BASES = ("https://acme.my.workgate.example/login?next=x", "http://localhost:8400/")
parts = st.sampled_from(
    [
        "/",
        "//",
        "\\",
        "/\\",
        ".",
        "..",
        "evil.example",
        "@",
        ":",
        "?",
        "#",
        "%2f",
        "%5c",
        "%09",
        "https:",
        "http://",
        "a",
        "\t",
        "\n",
        "\r",
        "\0",
        " ",
        "\x0b",
        "\x7f",
        "\u2028",
        "\uff0f",
        "\u3002",
        ";",
        "javascript:",
        "[",
        "]",
        "&next=",
    ]
)
joined = st.lists(parts, max_size=8).map("".join)
openings = st.sampled_from(["/", "//", "///", "/\\", "/\t/", "/./", "/..//", "/.//"])
targets = st.text(max_size=30) | joined | st.builds("{}{}".format, openings, joined | st.just("evil.example/x"))


def browser_origin(base: str, target: str) -> str | None:
    """The origin to which a browser resolves a relative reference: the URL Standard's parser, as far as the host.

    None: the reference is no address at all.
    """
    text = re.sub(r"[\t\n\r]", "", re.sub(r"^[\x00-\x20]+|[\x00-\x20]+$", "", target))
    home = urlsplit(base)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    if scheme:
        name, rest = scheme[0][:-1].lower(), text[scheme.end() :]
        if name not in {"http", "https", "ws", "wss", "ftp", "file"}:
            return f"{name}:"
        if name == home.scheme and not re.match(r"[/\\]{2}", rest):
            return f"{home.scheme}://{home.netloc}"
    elif re.match(r"[/\\]{2}", text):
        name, rest = home.scheme, text
    else:
        return f"{home.scheme}://{home.netloc}"
    # A special scheme skips every slash and backslash before the authority, which the next one ends.
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
    return f"{name}://{authority.rpartition('@')[2]}" if authority else None


def origin(address: str) -> str:
    found = urlsplit(address)
    return f"{found.scheme}://{found.netloc}"


@given(targets)
@example("//evil.example")
@example("///evil.example")
@example("/\t/evil.example")
@example("/.//evil.example")
@example("/..//evil.example")
@example("/\\evil.example")
def test_what_is_accepted_stays_here(target: str) -> None:
    path = own_path(target)
    assert path in {target, "/"}
    assert path.startswith("/")
    assert path.isascii() and path.isprintable()  # it can be a header's value, and cannot begin another header
    for base in BASES:
        assert origin(urljoin(base, path)) == origin(base)
        assert browser_origin(base, path) == origin(base)


@given(
    st.lists(st.text(st.sampled_from("abcXYZ019-._~%+"), min_size=1), max_size=5),
    st.text(st.sampled_from("ab=&%+-/:?")),
)
def test_ordinary_paths_are_kept(segments: list[str], query: str) -> None:
    path = "/" + "/".join(segments)
    assert own_path(path) == path
    assert own_path(f"{path}?{query}") == f"{path}?{query}"


def test_nothing_or_too_much_leads_to_the_start_page() -> None:
    assert own_path(None) == own_path("") == own_path("/" + "a" * 40_000) == "/"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("//evil.example/a", "https://evil.example"),
        ("/\\evil.example", "https://evil.example"),
        ("\\\\evil.example", "https://evil.example"),
        ("/\t/evil.example", "https://evil.example"),
        (" //evil.example", "https://evil.example"),
        ("https:evil.example", "https://acme.my.workgate.example"),
        ("http:evil.example", "http://evil.example"),
        ("https:///evil.example", "https://evil.example"),
        ("//user@evil.example", "https://evil.example"),
        ("javascript:alert(1)", "javascript:"),
        ("/.//evil.example", "https://acme.my.workgate.example"),
        ("a//evil.example", "https://acme.my.workgate.example"),
        ("//", None),
    ],
)
def test_the_browser_of_this_test_is_a_browser(target: str, expected: str | None) -> None:
    # Each of these is what the URL class of Node.js makes of it.
    assert browser_origin(BASES[0], target) == expected
