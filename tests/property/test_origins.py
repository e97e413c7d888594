"""Origins: a page may read across origins if and only if a code could be sent to an address of its origin."""

from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workgate.oauth.origins import allows_origin, web_origin
from workgate.oauth.redirects import match_redirect, registration_problem

schemes = st.sampled_from(["https", "http", "HTTPS", "com.example.app"])
hosts = st.sampled_from(
    ["client.example", "Client.Example", "client.example.", "localhost", "127.0.0.1", "127.0.0.2", "[::1]", "[0::1]"]
)
ports = st.sampled_from(["", ":80", ":443", ":0443", ":8443", ":5173", ":65535"])
ends = st.sampled_from(["", "/", "/callback", "/callback?tenant=a", "?x=https://other.example"])
uris = st.builds("{}://{}{}{}".format, schemes, hosts, ports, ends) | st.sampled_from(["com.example.app:/callback"])
registrable = uris.filter(lambda uri: registration_problem(uri) is None)
registered = st.lists(registrable, max_size=4).map(tuple)
origins = (
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(["https", "http", "ws", "com.example.app"]),
        st.sampled_from(["client.example", "evil.example", "localhost", "127.0.0.1", "127.0.0.2", "[::1]"]),
        st.sampled_from(["", ":8443", ":5173", ":1", ":65535", ":65536", ":0"]),
    )
    | st.text()
    | st.sampled_from(["null", "", "*", "https://", "com.example.app:", "file://"])
)


def after_the_origin(uri: str) -> str:
    """Path and query, as they stand in the address."""
    return uri.partition("://")[2][len(urlsplit(uri).netloc) :]


@given(origin=origins, redirect_uris=registered)
def test_allowed_is_who_could_be_sent_a_code(origin: str, redirect_uris: tuple[str, ...]) -> None:
    # What is compared byte for byte in a redirect URI is compared in a browser's spelling here: bring it to that.
    spelled = [(web_origin(uri) or uri.partition(":")[0]) + after_the_origin(uri) for uri in redirect_uris]
    without_port = [uri for uri in redirect_uris if urlsplit(uri).port is None]
    could = any(
        match_redirect(origin + after_the_origin(uri), [uri], public_client=True)
        for uri in [*spelled, *without_port]
        if uri.startswith(("http://", "https://"))
    )
    assert allows_origin(origin, redirect_uris) == could


@given(redirect_uris=registered, more=registrable)
def test_registering_more_never_takes_away_and_what_is_registered_is_allowed(
    redirect_uris: tuple[str, ...], more: str
) -> None:
    for uri in redirect_uris:
        origin = web_origin(uri)
        if origin is not None:
            assert allows_origin(origin, redirect_uris)
            assert allows_origin(origin, (more, *redirect_uris))


@given(uri=registrable, other=st.text(min_size=1, max_size=8))
def test_nothing_may_be_put_before_or_behind(uri: str, other: str) -> None:
    origin = web_origin(uri)
    assume(origin is not None)
    assert origin is not None
    assert not allows_origin(other + origin, (uri,))
    # At a loopback address without a port, a port may follow, and nothing else.
    assume(not (other[0] == ":" and other[1:].isdecimal()))
    assert not allows_origin(origin + other, (uri,))


@given(text=st.text(), origin=origins)
def test_any_text_at_all_is_survived(text: str, origin: str) -> None:
    allows_origin(origin, (text,))


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://client.example/callback", "https://client.example"),
        ("https://client.example", "https://client.example"),
        ("https://client.example?x", "https://client.example"),
        ("https://Client.Example:443/callback", "https://client.example"),
        ("https://client.example:80/callback", "https://client.example:80"),
        ("http://localhost:80/callback", "http://localhost"),
        ("http://localhost:3000/callback", "http://localhost:3000"),
        ("http://[0:0::1]:3000/callback", "http://[::1]:3000"),
        ("com.example.app:/callback", None),
        ("com.example.app://client.example/callback", None),
        ("https:/callback", None),
        ("https://client.example:99999/", None),
        ("https://[::1/", None),
    ],
)
def test_origin_of_a_redirect_uri(uri: str, origin: str | None) -> None:
    assert web_origin(uri) == origin


@pytest.mark.parametrize(
    ("uri", "origin", "allowed"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:5173", True),
        ("http://127.0.0.1/callback", "http://127.0.0.1", True),
        ("http://[::1]/callback", "http://[::1]:5173", True),
        ("http://127.0.0.1?x", "http://127.0.0.1:5173", True),
        # Each is another address, or registered for one port only, or not a port.
        ("http://127.0.0.1/callback", "http://[::1]:5173", False),
        ("http://127.0.0.1/callback", "http://localhost:5173", False),
        ("http://127.0.0.1/callback", "https://127.0.0.1:5173", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:5173.evil.example", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:*", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:0", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:65536", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:\u0665", False),
        ("http://127.0.0.1:5173/callback", "http://127.0.0.1:5173", True),
        ("http://127.0.0.1:5173/callback", "http://127.0.0.1:5174", False),
        ("http://127.0.0.1:80/callback", "http://127.0.0.1:5173", False),
        ("http://localhost/callback", "http://localhost:5173", False),
        ("http://127.0.0.1.evil.test/callback", "http://127.0.0.1:5173", False),
    ],
)
def test_loopback_without_a_port(uri: str, origin: str, allowed: bool) -> None:
    assert allows_origin(origin, (uri,)) is allowed
