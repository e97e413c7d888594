"""Hosts and user names, as strangers send them."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from workgate.domain.accounts import username_key
from workgate.domain.hosts import (
    BadHost,
    CentralHost,
    DefaultEnvironment,
    NamedEnvironment,
    organisation_named,
    parse_host,
    usable_domain,
    valid_label,
)

BASES = ("localhost", "workgate.example")
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
host_parts = st.sampled_from(
    ["acme", "my", "oauth", "origin-", ".", "..", "localhost", "workgate.example", ":", "8400", "[", "::1", "]", "-"]
)


@given(st.text(max_size=40) | st.lists(host_parts, max_size=9).map("".join))
def test_any_host(host: str) -> None:
    match parse_host(host, BASES):
        case NamedEnvironment(domain, lane):
            assert usable_domain(domain) and valid_label(lane)
        case CentralHost(lane, suffix):
            assert host.lower().removeprefix("origin-").startswith("oauth.")
            assert valid_label(lane)
            assert suffix.startswith(tuple(f"{lane}.{base}" for base in BASES))
        case DefaultEnvironment():
            assert host.isprintable() and not set(host) & set(" /\\@?#%,;\"'<>")
        case BadHost():
            pass


@given(labels, labels, st.sampled_from(BASES), st.integers(0, 65535), st.booleans())
def test_domain_and_lane_are_found_in_the_host(domain: str, lane: str, base: str, port: int, dot: bool) -> None:
    host = f"{domain}.{lane}.{base}{'.' if dot else ''}"
    expected = NamedEnvironment(domain.removeprefix("origin-"), lane)
    for sent in (host, host.upper(), f"{host}:{port}", f"origin-{domain}.{lane}.{base}"):
        if usable_domain(domain):
            assert parse_host(sent, BASES) == expected


@given(labels, st.sampled_from(BASES), st.integers(0, 65535))
def test_the_central_host_of_a_lane(lane: str, base: str, port: int) -> None:
    for host in (f"oauth.{lane}.{base}", f"OAUTH.{lane}.{base}.", f"origin-oauth.{lane}.{base}"):
        assert parse_host(host, BASES) == CentralHost(lane, f"{lane}.{base}")
        with_port = parse_host(f"{host}:{port}", BASES)
        assert with_port == CentralHost(lane, f"{lane}.{base}:{port}")
        assert isinstance(with_port, CentralHost)
        assert parse_host(with_port.host_of("acme"), BASES) == NamedEnvironment("acme", lane)


typed_parts = st.sampled_from(
    [
        *(
            "acme",
            "ACME",
            "my",
            "preview",
            "oauth",
            "origin-",
            ".",
            "/",
            "//",
            ":",
            "@",
            "\\",
            "%2e",
            "?",
            "#",
            " ",
            "\t",
        ),
        *("http:", "https://", "localhost", "workgate.example", "evil.example", "\0", "\u202e", "\u212a", "8400", "-"),
    ]
)


@given(st.text(max_size=40) | st.lists(typed_parts, max_size=9).map("".join))
def test_what_people_type_names_a_domain_or_nothing(text: str) -> None:
    domain = organisation_named(text, "my", BASES)
    if domain is not None:
        assert usable_domain(domain)
        assert domain in text.lower()
        # Wherever a browser would go with what was typed, it is that organisation's host or no host at all.
        assert parse_host(CentralHost("my", "my.localhost").host_of(domain), BASES) == NamedEnvironment(domain, "my")
        assert (
            "evil.example" not in text.lower().partition("//")[2].partition("/")[0].partition("?")[0].partition("#")[0]
        )


@given(labels, labels, st.sampled_from(BASES), st.sampled_from(["", "http://", "https://"]), st.booleans())
def test_every_way_to_write_an_organisation(domain: str, lane: str, base: str, scheme: str, loud: bool) -> None:
    if not usable_domain(domain):
        return
    host = f"{domain}.{lane}.{base}"
    for text in (domain, f"{domain}.{lane}", host, f"{host}:8400", f"{scheme}{host}/a?b=c#d", f"origin-{host}"):
        typed = f"  {text.upper() if loud else text} "
        assert organisation_named(typed, lane, BASES) == domain, typed
    assert organisation_named(host, f"{lane}x", BASES) is None
    assert organisation_named(f"{domain}.{lane}.other.example", lane, BASES) is None


@given(labels, labels, labels)
def test_no_other_depth_names_an_environment(one: str, two: str, three: str) -> None:
    hosts = [
        "localhost",
        f"{one}.localhost",
        "oauth.localhost",
        f"x.oauth.{two}.localhost",
        f"{one}.{two}.{three}.localhost",
        f"{one}.{two}.other",
        f"{one}localhost",
    ]
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
