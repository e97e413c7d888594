"""Hosts and user names, as strangers send them."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from workgate.domain.accounts import username_key
from workgate.domain.hosts import BadHost, DefaultEnvironment, NamedEnvironment, parse_host, valid_label

BASES = ("localhost", "workgate.example")
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
host_parts = st.sampled_from(
    ["acme", "my", ".", "..", "localhost", "workgate.example", ":", "8400", "[", "::1", "]", "-"]
)


@given(st.text(max_size=40) | st.lists(host_parts, max_size=9).map("".join))
def test_any_host(host: str) -> None:
    match parse_host(host, BASES):
        case NamedEnvironment(domain, lane):
            assert valid_label(domain) and valid_label(lane)
        case DefaultEnvironment():
            assert host.isprintable() and not set(host) & set(" /\\@?#%,;\"'<>")
        case BadHost():
            pass


@given(labels, labels, st.sampled_from(BASES), st.integers(0, 65535), st.booleans())
def test_domain_and_lane_are_found_in_the_host(domain: str, lane: str, base: str, port: int, dot: bool) -> None:
    host = f"{domain}.{lane}.{base}{'.' if dot else ''}"
    expected = NamedEnvironment(domain.removeprefix("origin-"), lane)
    for sent in (host, host.upper(), f"{host}:{port}", f"origin-{domain}.{lane}.{base}"):
        if valid_label(expected.domain) and not domain.startswith("origin-"):
            assert parse_host(sent, BASES) == expected


@given(labels, labels, labels)
def test_no_other_depth_names_an_environment(one: str, two: str, three: str) -> None:
    hosts = ["localhost", f"{one}.localhost", f"{one}.{two}.{three}.localhost", f"{one}.{two}.other", f"{one}localhost"]
    for host in hosts:
        assert parse_host(host, ("localhost",)) == DefaultEnvironment()


@given(st.text(max_size=30))
def test_a_name_and_its_key_are_the_same_person(username: str) -> None:
    key = username_key(username)
    assert username_key(key) == key


@given(st.text(max_size=30))
def test_spellings_that_look_alike_are_one_name(username: str) -> None:
    key = username_key(username)
    assert username_key(f"  {username}\t") == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert username_key(unicodedata.normalize(form, username)) == key


@given(st.text(st.sampled_from("aAzZäÄéÉßẞΐΰᾳςΣŉﬃǰΩK.@-_ 09"), max_size=30))
def test_upper_and_lower_case_are_one_name(username: str) -> None:
    assert username_key(username.upper()) == username_key(username.lower()) == username_key(username)
