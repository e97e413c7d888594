"""Which passwords a policy takes: each rule on both sides of its edge."""

import pytest
from tests.builders import a_user

from workgate.domain.accounts import Environment
from workgate.domain.ids import EnvironmentId, ObjectId
from workgate.domain.passwords import LONGEST_PASSWORD, broken, history_rule, is_common, kinds_in, remembered, rules
from workgate.domain.signing_in import PasswordPolicy
from workgate.signin.common_passwords import CommonPasswords

COMMON = CommonPasswords()
ACME = Environment(
    environment_id=EnvironmentId(7),
    customer_id=ObjectId("c" * 32),
    domain="acmeworks",
    lane="my",
    name="Acme & Söhne Bauwerke",
    session_idle_seconds=3600,
    session_absolute_seconds=86_400,
)
ANN = a_user(username="ann.archer@acme.example", first_name="Ann", last_name="Archer", email="archeress@acme.example")
GOOD = "wibble drone tackle"


def texts(password: str, **policy: object) -> list[str]:
    """The rules that are broken, by their first four words."""
    made = PasswordPolicy(**policy)  # type: ignore[arg-type]  # the test names the policy's fields
    return [" ".join(str(text).split()[:4]) for text in broken(rules(made, ANN, ACME, COMMON), password)]


@pytest.mark.parametrize(
    "password", [GOOD, "😀😃😄😁🎉🎈🎂🎁", "wörter, groß und klein", "x" * 5 + "7Kq!", "7f9c" * 2 + "2b"]
)
def test_a_good_password_breaks_no_rule(password: str) -> None:
    assert texts(password) == []


@pytest.mark.parametrize(("length", "fault"), [(11, ["Use at least 12"]), (12, [])])
def test_length(length: int, fault: list[str]) -> None:
    assert texts("wqkzvbxjfmpt"[:length], minimum_length=12) == fault


def test_the_longest_password() -> None:
    longest = ("wqkzvbx jfmpt" * 100)[:LONGEST_PASSWORD]
    assert texts(longest) == []
    assert texts(longest + "x") == ["Use at most 1024"]
    assert texts("a" * 1_000_000) == ["Use at most 1024"]  # nothing else is even looked at


@pytest.mark.parametrize(
    ("password", "kinds"),
    [
        ("", 0),
        ("abc", 1),
        ("ABC", 1),
        ("123", 1),
        (" ", 1),
        ("aB", 2),
        ("aB1", 3),
        ("aB1 ", 4),
        ("ñÑ٣é", 3),
        ("漢字", 1),
    ],
)
def test_kinds(password: str, kinds: int) -> None:
    assert kinds_in(password) == kinds


@pytest.mark.parametrize(
    ("asked", "fault"), [(0, []), (2, []), (3, ["Use at least 3"]), (4, ["Use lower-case letters, capital"])]
)
def test_kinds_that_are_asked_for(asked: int, fault: list[str]) -> None:
    assert texts("wqkz vbxjfm", kinds=asked) == fault


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD",
        "Pa$$w0rd",
        "p4ssw0rd2026!",
        "!!password!!",
        "drowssap",
        "passwordpassword",
        "Summer2026",
        "basketball",
        "qwertyuiop",
        "12345678",
        "87654321",
        "abcdefgh",
        "hgfedcba",
        "aaaaaaaa",
        "abababab",
        "xyzxyzxyz",
        "jessica1",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
        "L1verpool",
        "",
    ],
)
def test_common(password: str) -> None:
    assert is_common(password, COMMON)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "38471956203847abc", "zq9!zq9!vv", "not password at all", "9162-0383-11"]
)
def test_not_common(password: str) -> None:
    assert not is_common(password, COMMON)


def test_common_words_may_be_allowed() -> None:
    assert texts("password1", refuse_common=False) == []
    assert texts("password1") == ["Do not use a"]


@pytest.mark.parametrize(
    "password",
    [
        "ann.archer@acme.example",
        "Ann.Archer1",
        "annarcher!!",
        "ArcherAnn77",
        "archeress",
        "4rch3r3ss",
        "acmeworks",
        "ACMEworks-2026",
        "Acme & Söhne Bauwerke",
        "xxarcherxx",
    ],
)
def test_names(password: str) -> None:
    assert texts(password, refuse_common=False) == ["Do not use your"]


@pytest.mark.parametrize("password", ["the archer of the north", "ann likes seven plums", "acme of my long day!"])
def test_a_name_in_a_long_password(password: str) -> None:
    assert texts(password) == []


def test_every_broken_rule_is_named() -> None:
    assert texts("archer", kinds=4, minimum_length=10) == [
        "Use at least 10",
        "Use lower-case letters, capital",
        "Do not use a",
        "Do not use your",
    ]


def test_names_that_are_missing_forbid_nothing() -> None:
    nobody = a_user(username="xy", first_name="", last_name="", email="")
    assert broken(rules(PasswordPolicy(), nobody, ACME, COMMON), GOOD) == []


@pytest.mark.parametrize(
    ("policy", "number", "text"),
    [
        (PasswordPolicy(), 0, None),
        (PasswordPolicy(history=1), 1, "Do not use the password that you have now."),
        (PasswordPolicy(history=5), 5, "Do not use any of your last 5 passwords."),
        (PasswordPolicy(expires_days=90), 1, "Do not use the password that you have now."),
        (PasswordPolicy(expires_days=90, history=2), 2, "Do not use any of your last 2 passwords."),
    ],
)
def test_history(policy: PasswordPolicy, number: int, text: str | None) -> None:
    assert remembered(policy) == number
    asked = history_rule(policy)
    assert (None if asked is None else str(asked)) == text
