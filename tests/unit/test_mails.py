"""Mails as values: to whom one can be sent, and that no name makes a line or a header; where their links lead."""

import pytest
from tests.builders import a_user

from workgate.domain.accounts import Environment
from workgate.domain.ids import EnvironmentId, ObjectId
from workgate.domain.link_origins import LinkOrigins
from workgate.domain.mails import changed_letter, invitation, is_usable, renewal, reset_letter, sso_letter, written
from workgate.web.languages import LANGUAGES

LINK = "https://acme.my.workgate.example/reset?link=wgl_x"


def an_environment(name: str = "Acme") -> Environment:
    return Environment(
        environment_id=EnvironmentId(7),
        customer_id=ObjectId("c" * 32),
        domain="acme",
        lane="my",
        name=name,
        session_idle_seconds=3600,
        session_absolute_seconds=86_400,
    )


@pytest.mark.parametrize("address", ["ann@acme.example", "a.b+c@x-y.example", "o'neill@acme.example", "ann@localhost"])
def test_usable_addresses(address: str) -> None:
    assert is_usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@acme.example",
        "ann@",
        "ann@acme.example\n",
        "ann@acme.example\r\nBcc: eve@evil.example",
        "ann@acme.example,eve@evil.example",
        "ann@acme.example, eve@evil.example",
        "ann@acme.example eve@evil.example",
        "<ann@acme.example>",
        "Ann <ann@acme.example>",
        '"ann archer"@acme.example',
        "ann@[192.0.2.1]",
        "ann@@acme.example",
        "ann@eve@acme.example",
        "ann..archer@acme.example",
        "ann@acme..example",
        "änn@acme.example",
        "ann@acme.exam\u202eple",
        "ann@acme.example\0",
        "x" * 65 + "@acme.example",
        "ann@" + "x" * 260,
    ],
)
def test_addresses_that_a_header_could_read_otherwise(address: str) -> None:
    assert not is_usable(address)


@pytest.mark.parametrize("tag", ["en", "it"])
@pytest.mark.parametrize("letter", [changed_letter, invitation, renewal, reset_letter, sso_letter])
def test_names_stay_on_one_line(tag: str, letter: object) -> None:
    evil = "Eve\r\nBcc: x@evil.example\n\n\u202e\u2028https://evil.example/" + "x" * 500
    user = a_user(username=evil, first_name=evil, last_name=evil)
    assert callable(letter)
    mail = written(letter(user, an_environment(evil), LINK), user, LANGUAGES[tag].say)
    assert mail.to == user.email
    assert mail.subject.isprintable()
    lines = mail.body.splitlines()
    plain = written(letter(a_user(), an_environment(), LINK), a_user(), LANGUAGES[tag].say)
    assert mail.body.count("\n\n") == plain.body.count("\n\n")
    assert all(line.isprintable() for line in lines)
    assert lines.count(LINK) == 1
    assert "x" * 130 not in mail.body


def test_a_mail_in_both_languages() -> None:
    user = a_user()
    english = written(reset_letter(user, an_environment(), LINK), user, LANGUAGES["en"].say)
    italian = written(reset_letter(user, an_environment(), LINK), user, LANGUAGES["it"].say)
    assert english.subject == "Choose a new password at Acme"
    assert italian.subject == "Scegli una nuova password per Acme"
    assert english.body.startswith("Hello Ann Archer,\n\n")
    assert italian.body.startswith("Ciao Ann Archer,\n\n")
    assert all(len(line) <= 76 or line == LINK for line in (english.body + italian.body).splitlines())


def test_a_mail_does_not_show_itself() -> None:
    user = a_user()
    mail = written(reset_letter(user, an_environment(), LINK), user, str)
    letter = reset_letter(user, an_environment(), LINK)
    for shown in (repr(mail), repr(letter)):
        assert "wgl_" not in shown
        assert user.email not in shown


@pytest.mark.parametrize(
    ("asked", "origin"),
    [
        ("http://acme.my.localhost:8400", "http://acme.my.localhost:8400"),
        ("https://acme.my.workgate.example", "https://acme.my.workgate.example"),
        ("http://localhost:8400", "http://localhost:8400"),
        ("http://127.0.0.1:8400", "http://127.0.0.1:8400"),
        ("http://[::1]:8400", "http://[::1]:8400"),
        ("https://evil.example", "https://acme.my.workgate.example"),
        ("https://evil.example:8443", "https://acme.my.workgate.example:8443"),
        ("http://198.51.100.7:8400", "http://acme.my.workgate.example:8400"),
        ("http://acme.my.workgate.example.evil.example", "http://acme.my.workgate.example"),
        ("http://workgate.example", "http://acme.my.workgate.example"),
        ("http://xlocalhost", "http://acme.my.workgate.example"),
    ],
)
def test_links_lead_to_nobody_elses_host(asked: str, origin: str) -> None:
    assert LinkOrigins(("workgate.example", "localhost"), None).of(an_environment(), asked) == origin


def test_the_operators_word_about_links_counts() -> None:
    origins = LinkOrigins(("localhost",), "https://{domain}.{lane}.acme.example/")
    assert origins.fault is None
    for asked in ("http://evil.example", "http://localhost:8400", "http://acme.my.localhost"):
        assert origins.of(an_environment(), asked) == "https://acme.my.acme.example"


@pytest.mark.parametrize(
    "template", ["", "acme.example", "ftp://{domain}", "https://{x}", "https://{domain}/x", "https://", "{"]
)
def test_what_cannot_be_the_operators_word(template: str) -> None:
    assert LinkOrigins(("localhost",), template).fault is not None
