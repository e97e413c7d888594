"""Redirect URIs: one that is not registered byte for byte is never matched, and answers are appended losslessly."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workgate.oauth.redirects import SafeRedirect, match_redirect, registration_problem

REGISTERED = (
    "https://client.example/callback",
    "https://client.example/callback?tenant=a%20b&x=",
    "https://client.example:8443/a/b/",
    "http://localhost:3000/cb",
    "com.example.app:/callback",
)
LOOPBACK = ("http://127.0.0.1/cb", "http://[::1]/cb")

# Text that looks like addresses, and text that only a parser could take for one.
printable = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
address_parts = st.sampled_from(
    [
        "https://",
        "http://",
        "com.example.app:/",
        "client.example",
        "a_b",
        "localhost",
        "127.0.0.1",
        "8.8.8.8",
        "134744072",
        "0x8.8",
        "[::1]",
        "[::ffff:8.8.8.8]",
        "[fe80::1%25eth0]",
        "[",
        "]",
        ":",
        ":443",
        ":99999",
        ":0",
        "/",
        "//",
        "\\",
        "?",
        "&",
        "=",
        "#",
        "*",
        "@",
        ";",
        ",",
        "'",
        '"',
        "%",
        "%2e",
        "..",
        ".",
        " ",
        "\t",
        "\n",
        "é",
        "-",
        "x" * 70,
        "1",
    ]
)
addresses = st.lists(address_parts, max_size=9).map("".join)
any_text = st.text(max_size=60) | st.text(printable, max_size=60) | addresses

# CSP 3 §2.3.1: scheme-source and host-source (without a path), the two forms that are used.
CSP_SOURCE = re.compile(
    r"[a-z][a-z0-9+.-]*:|[a-z][a-z0-9+.-]*://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.?(?::[0-9]+)?", re.ASCII
)


def safe(uri: str) -> SafeRedirect:
    found = match_redirect(uri, [uri], public_client=False)
    assert found is not None
    return found


@given(any_text, st.booleans())
def test_only_what_is_registered_matches(requested: str, public: bool) -> None:
    found = match_redirect(requested, REGISTERED, public_client=public)
    assert (found is not None) == (requested in REGISTERED)
    assert found is None or found.uri == requested


@given(st.sampled_from([*REGISTERED, *LOOPBACK]), st.data(), st.booleans())
def test_one_character_more_less_or_other_does_not_match(uri: str, data: st.DataObject, public: bool) -> None:
    at = data.draw(st.integers(0, len(uri)))
    character = data.draw(st.characters(max_codepoint=0x2FF))
    changed = [uri[:at] + character + uri[at:], uri[:at] + uri[at + 1 :], uri[:at] + character + uri[at + 1 :]]
    changed += [uri.upper(), uri.swapcase(), uri + "/", uri + "?", uri + "#", uri.replace("example", "EXAMPLE")]
    for other in changed:
        assert other == uri or match_redirect(other, [uri], public_client=public) is None


@given(st.sampled_from(LOOPBACK), st.integers(-5, 70_000), st.booleans())
def test_only_a_public_client_may_vary_the_port_of_a_loopback_address(uri: str, port: int, public: bool) -> None:
    requested = uri.replace("/cb", f":{port}/cb")
    found = match_redirect(requested, [uri], public_client=public)
    assert (found is not None) == (public and 0 < port <= 65535)


@given(st.sampled_from(LOOPBACK), any_text)
def test_nothing_but_the_port_may_vary(uri: str, inserted: str) -> None:
    for requested in (uri.replace("/cb", f"{inserted}/cb"), uri + inserted, inserted + uri):
        found = match_redirect(requested, [uri], public_client=True)
        if found is not None and requested != uri:
            was, now = urlsplit(uri), urlsplit(requested)
            assert (was.scheme, was.hostname, was.path, was.query) == (now.scheme, now.hostname, now.path, now.query)


encodable = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.sampled_from([*REGISTERED, "https://a.example/?", "https://a.example/?x&"]), st.data())
def test_an_answer_is_appended_and_read_back(uri: str, data: st.DataObject) -> None:
    names = st.sampled_from(["code", "state", "iss", "domain", "lane", "error"])
    answer = data.draw(st.dictionaries(names, st.none() | encodable, min_size=1))
    location = safe(uri).with_query({"error_description": "x", **answer})
    assert location.startswith(uri)
    assert location.isascii() and location.isprintable() and " " not in location and "#" not in location
    before = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
    sent = [("error_description", "x"), *((name, value) for name, value in answer.items() if value is not None)]
    assert parse_qsl(urlsplit(location).query, keep_blank_values=True) == before + sent


@given(any_text)
def test_registration_answers_with_a_sentence_or_nothing(uri: str) -> None:
    problem = registration_problem(uri)
    assert problem is None or str(problem)


@given(any_text)
def test_what_may_be_registered_is_an_address_without_doubt(uri: str) -> None:
    if registration_problem(uri) is None:
        assert uri.isascii() and uri.isprintable() and not set(uri) & set(" \\\"'<>#*")
        parts = urlsplit(uri)
        assert parts.scheme and parts.username is None
        assert parts.scheme not in {"http", "https"} or parts.hostname


@given(any_text | addresses.map("https://a.example".__add__) | addresses.map("http://localhost".__add__))
def test_what_may_be_registered_is_a_good_csp_source(uri: str) -> None:
    if registration_problem(uri) is None:
        assert CSP_SOURCE.fullmatch(safe(uri).form_action_source)


@pytest.mark.parametrize("uri", [*REGISTERED, *LOOPBACK, "http://[::1]:8401/cb", "https://10.0.0.8/cb"])
def test_ordinary_addresses_may_be_registered(uri: str) -> None:
    assert registration_problem(uri) is None
    assert CSP_SOURCE.fullmatch(safe(uri).form_action_source)


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example;sandbox/cb",
        "https://a.example,b.example/cb",
        "https://a.example:/cb",
        "https://a%2eexample/cb",
        "https://a..example/cb",
        "https://-a.example/cb",
        "https://a.example:443:80/cb",
        "https://[::1%25eth0]/cb",
        "https://8.8.8.8/cb",
        "https://8.8.8.8./cb",
        "http://134744072/cb",
        "http://0x08080808/cb",
        "http://8.8.2056/cb",
        "https://a.0x8/cb",
        "https://[2001:4860:4860::8888]/cb",
        "http://[::ffff:8.8.8.8]/cb",
        "http://a.example/cb",
        "https://user@a.example/cb",
        "https:///cb",
        "https:a.example",
        "//a.example/cb",
        "/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://a.example/../cb",
        "https://a.example/%2E%2e/cb",
    ],
)
def test_addresses_that_may_not_be_registered(uri: str) -> None:
    assert registration_problem(uri) is not None


def test_nobody_else_makes_a_safe_redirect() -> None:
    with pytest.raises(TypeError):
        SafeRedirect("https://evil.example", proof=object())
