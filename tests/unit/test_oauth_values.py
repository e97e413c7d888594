"""Small rules over values: what a secret's use says, and how two addresses differ."""

import pytest
from tests.builders import NOW, later

from workgate.domain.ids import Milliseconds, RowId, RowIds, first_row_id
from workgate.domain.oauth import ApplicationType, ClientSecret, rotates, safe_to_delete
from workgate.oauth.redirects import describe_mismatch

DAY = 86_400


def a_secret(number: int, created: float, used: float | None) -> ClientSecret:
    last_used = None if used is None else later(-used * DAY)
    return ClientSecret(RowId(number), b"", "abcd", "", later(-created * DAY), last_used)


@pytest.mark.parametrize(
    ("secret", "other", "safe"),
    [
        (a_secret(1, 90, 30), a_secret(2, 1, 0), True),
        (a_secret(1, 90, 29.9), a_secret(2, 1, 0), False),
        (a_secret(1, 30, None), a_secret(2, 1, 0), True),
        (a_secret(1, 29, None), a_secret(2, 1, 0), False),
        (a_secret(1, 90, 40), a_secret(2, 1, None), False),
        (a_secret(1, 90, 40), a_secret(2, 90, 31), False),
        (a_secret(1, 90, 40), a_secret(1, 90, 40), False),
    ],
)
def test_safe_to_delete(secret: ClientSecret, other: ClientSecret, safe: bool) -> None:
    assert safe_to_delete(secret, (secret, other), NOW) is safe


@pytest.mark.parametrize("registered", [True, False])
def test_rotation(registered: bool) -> None:
    assert [rotates(kind, registered) for kind in ApplicationType] == [registered, True, False]


@pytest.mark.parametrize(
    ("came", "registered", "said"),
    [
        ("https://a.b/c", ["https://a.b/C"], "came 'https://a.b/>>>c', registered is 'https://a.b/>>>C'"),
        ("https://a.b/c/", ["https://a.b/c"], "came 'https://a.b/c>>>/', registered is 'https://a.b/c>>>'"),
        (
            "https://a.b/",
            ["x:/", "https://a.c/"],
            "came 'https://a.>>>b/', registered is 'https://a.>>>c/', and 1",
        ),
        ("https://a.b/", [], "came 'https://a.b/', none is registered"),
    ],
)
def test_mismatch(came: str, registered: list[str], said: str) -> None:
    assert describe_mismatch(came, registered).startswith(said)


def test_a_long_mismatch_is_shown_around_its_place() -> None:
    said = describe_mismatch("https://a.b/" + "x" * 1000 + "y" + "z" * 1000, ["https://a.b/" + "x" * 2000])
    assert len(said) < 400
    assert ">>>y" in said
    assert "…" in said


def test_ids_of_a_moment() -> None:
    ids = RowIds(lambda size: b"\xff" * size)
    for moment in (NOW, Milliseconds(NOW + 1)):
        assert first_row_id(moment) <= ids.next(moment) < first_row_id(Milliseconds(moment + 1))
    assert first_row_id(Milliseconds(0)) == 0
    assert first_row_id(Milliseconds(10**20)) == 2**63 - 1
