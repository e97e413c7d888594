"""The refresh grant's decisions as a table, and its two expiries to the millisecond."""

from typing import Any

import pytest
from tests.builders import NOW, an_application, an_authorization, later

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationType, AuthorizationStatus
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.refresh_grant import (
    RefreshDecision,
    RefreshPolicy,
    RefreshReplay,
    Renew,
    Repeat,
    Rotate,
    decide,
    expires_at,
    still_valid_after,
    why_expired,
)

WINDOW = RefreshPolicy(retry_seconds=30)
OFF = {"rotate_refresh_tokens": False}
SPA = {"type": ApplicationType.SPA}


def decision(
    generation: int,
    seconds: float = 0,
    row: dict[str, Any] | None = None,
    application: dict[str, Any] | None = None,
    policy: RefreshPolicy = WINDOW,
) -> RefreshDecision:
    return decide(
        authorization=an_authorization(**(row or {})),
        application=an_application(**(application or {})),
        generation=generation,
        now=later(seconds),
        policy=policy,
    )


@pytest.mark.parametrize(
    ("generation", "seconds", "application", "expected"),
    [
        (5, 0, {}, Rotate),
        (5, 10**8, {}, Rotate),
        (5, 0, OFF, Renew),
        (5, 0, OFF | SPA, Rotate),  # rotation cannot be switched off for a public client
        (4, 0, {}, Repeat),
        (4, 29.999, {}, Repeat),
        (4, 30, {}, RefreshReplay),
        (4, 30.001, {}, RefreshReplay),
        (4, 0, OFF, Refusal),  # the answer may have been lost, or the new one presented: neither repeat nor revoke
        (4, 30, OFF, RefreshReplay),
        (3, 0, {}, RefreshReplay),  # the token that followed it was used already
        (0, 0, {}, RefreshReplay),
        (6, 0, {}, RefreshReplay),  # not issued yet: the database was put back
        (4, -1, {}, Repeat),  # another node's clock is a little behind
    ],
)
def test_by_generation(generation: int, seconds: float, application: dict[str, Any], expected: type) -> None:
    assert type(decision(generation, seconds, application=application)) is expected


@pytest.mark.parametrize("row", [{"rotated_at": None}, {"generation": 1, "rotated_at": None}])
def test_without_a_rotation_there_is_nothing_to_repeat(row: dict[str, Any]) -> None:
    current = row.get("generation", 5)
    assert isinstance(decision(current - 1, row=row), RefreshReplay)
    assert decision(current, row=row) == Rotate()


def test_a_window_of_0_repeats_nothing() -> None:
    assert isinstance(decision(4, policy=RefreshPolicy(retry_seconds=0)), RefreshReplay)


@pytest.mark.parametrize("generation", [3, 4, 5])
@pytest.mark.parametrize(
    ("row", "application", "reason"),
    [
        ({"client_id": "e" * 32}, {}, "belongs to client"),
        ({"status": AuthorizationStatus.REVOKED}, {}, "revoked"),
        ({"status": AuthorizationStatus.PENDING}, {}, "pending"),
        ({"user_active": False}, {}, "disabled"),
        ({"consented_at": later(-60)}, {"refresh_absolute_seconds": 60}, "absolute"),
        ({"active_at": later(-60)}, {"refresh_inactivity_seconds": 60}, "no activity"),
    ],
)
def test_a_refusal_comes_before_everything_and_revokes_nothing(
    generation: int, row: dict[str, Any], application: dict[str, Any], reason: str
) -> None:
    outcome = decision(generation, row=row, application=application)
    assert isinstance(outcome, Refusal)
    assert outcome.fault is Fault.REFRESH_TOKEN_INVALID
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("absolute", "inactivity", "active_at", "ends"),
    [
        (90, None, 0, 90),
        (None, 30, 0, 30),
        (None, 30, 50, 80),
        (90, 30, 80, 90),
        (90, 30, 0, 30),
        (1, 1, 0, 1),
    ],
)
def test_the_expiries(absolute: int | None, inactivity: int | None, active_at: int, ends: int) -> None:
    application = an_application(refresh_absolute_seconds=absolute, refresh_inactivity_seconds=inactivity)
    row = an_authorization(active_at=later(active_at))
    assert expires_at(row, application) == later(ends)
    for now, expired in ((later(ends) - 1, False), (later(ends), True), (later(ends) + 1, True)):
        assert (why_expired(row, application, Milliseconds(now)) is not None) == expired
        consented_after, active_after = still_valid_after(application, Milliseconds(now))
        assert (row.consented_at > consented_after and row.active_at > active_after) != expired


def test_without_expiries_a_refresh_token_lives_for_ever() -> None:
    row, application = an_authorization(consented_at=0, active_at=0), an_application()
    assert expires_at(row, application) is None
    assert why_expired(row, application, later(10**9)) is None
    assert still_valid_after(application, NOW) == (-1, -1)


def test_a_rotation_does_not_move_the_absolute_expiry() -> None:
    application = an_application(refresh_absolute_seconds=90)
    for moment in (0, 40, 89):
        row = an_authorization(generation=5 + moment, rotated_at=later(moment), active_at=later(moment))
        assert expires_at(row, application) == later(90)
