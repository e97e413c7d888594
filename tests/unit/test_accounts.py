"""When a session is dead: each limit one millisecond before it and at it."""

from typing import Any

import pytest
from tests.builders import NOW, a_session, a_user, later

from workgate.domain.accounts import Environment, SessionLimits, SessionOrigin, why_dead
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId

OVERLAP = 60
A_PERSONS = {"client_id": None, "origin": SessionOrigin.BROWSER}
DAY = 86_400


@pytest.mark.parametrize(
    ("changes", "limit", "why"),
    [
        ({}, 1800, "idle"),
        ({"idle_seconds": 1}, 1, "idle"),
        ({"last_seen_at": later(100)}, 1900, "idle"),
        ({"idle_seconds": 2 * DAY}, DAY, "absolute"),
        ({"last_seen_at": later(DAY - 60)}, DAY, "absolute"),
        ({"latest_sequence": 6, "replaced_at": NOW}, OVERLAP, "replaced"),
        ({"latest_sequence": 9, "replaced_at": later(50)}, 50 + OVERLAP, "replaced"),
        (A_PERSONS, 1800, "idle"),
        ({**A_PERSONS, "idle_seconds": DAY, "absolute_expires_at": later(9)}, 9, "absolute"),
        # Without rotation an older session lives as long as any.
        ({"latest_sequence": 9, "rotates": False}, 1800, "idle"),
    ],
)
def test_a_session_lives_until_its_limit(changes: dict[str, Any], limit: int, why: str) -> None:
    session = a_session(**changes)
    assert why_dead(session, Milliseconds(later(limit) - 1), OVERLAP) is None
    assert why in (why_dead(session, later(limit), OVERLAP) or "")
    for now in (Milliseconds(later(limit) + 1), later(10 * DAY)):
        assert why_dead(session, now, OVERLAP) is not None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"user": a_user(is_active=False)}, "disabled"),
        ({"user": a_user(session_epoch=4)}, "ended"),
        ({"user_epoch": 4}, "ended"),
        ({"application_exists": False}, "deleted"),
        ({"authorization_live": False}, "revoked"),
        ({"latest_sequence": 7}, "replaced"),
        ({"latest_sequence": 6, "replaced_at": None}, "replaced"),
        # A sequence that the authorization has not reached belongs to a database that was put back.
        ({"sequence": 6}, "replaced"),
    ],
)
def test_a_session_that_is_dead_at_once(changes: dict[str, Any], why: str) -> None:
    assert why in (why_dead(a_session(**changes), NOW, OVERLAP) or "")


def test_a_persons_own_session_knows_no_application() -> None:
    without = {"application_exists": False, "authorization_live": False, "latest_sequence": 9}
    assert why_dead(a_session(**A_PERSONS, **without), NOW, OVERLAP) is None
    assert why_dead(a_session(**A_PERSONS, user=a_user(is_active=False)), NOW, OVERLAP) is not None


def test_without_overlap_a_rotation_ends_the_session_before_at_once() -> None:
    assert why_dead(a_session(latest_sequence=6), NOW, 0) is not None
    assert why_dead(a_session(), NOW, 0) is None


@pytest.mark.parametrize(
    ("changes", "now", "left"),
    [
        ({}, NOW, 1800),
        ({}, Milliseconds(NOW + 1), 1799),
        ({}, later(1799), 1),
        ({}, later(1799.999), 1),
        ({}, later(5000), 1),
        ({"absolute_expires_at": later(10)}, NOW, 10),
    ],
)
def test_seconds_left_are_whole_and_never_0(changes: dict[str, Any], now: Milliseconds, left: int) -> None:
    assert a_session(**changes).seconds_left(now) == left


def test_an_environment_sets_both_limits() -> None:
    acme = Environment(EnvironmentId(1), ObjectId("a" * 32), "acme", "my", "Acme", 1800, 36_000)
    assert acme.session_limits(NOW) == SessionLimits(1800, later(36_000))


def test_what_a_person_is_called() -> None:
    assert a_user().name == "Ann Archer"
    assert a_user(first_name="").name == "Archer"
    assert a_user(first_name="", last_name="").name == "ann"
