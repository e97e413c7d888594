"""When refresh tokens expire: inactivity and absolute, a second before and after (SECURITY 18; contract §2.5)."""

import pytest
from tests.browser import Browser, World, authorize_params

from workgate.service.applications import Registered

DAY = 86400
LIMITS = [60, 3600, DAY, 30 * DAY]


def an_app(world: World, kind: str, **limits: int | None) -> Registered:
    settings: dict[str, object] = {"kind": "spa"} if kind == "spa" else {"rotate_refresh_tokens": kind == "rotating"}
    return world.stand_in.create_app(world.acme, "Expiring", **settings, **limits)  # type: ignore[arg-type]


KINDS = pytest.mark.parametrize("kind", ["rotating", "not rotating", "spa"])


@pytest.mark.spec("Workfront contract", "2.5", "inactivity expiry: one second before it works, one after it does not")
@pytest.mark.parametrize("seconds", LIMITS)
@KINDS
def test_inactivity(shared: World, ann: Browser, kind: str, seconds: int) -> None:
    app = an_app(shared, kind, refresh_inactivity_seconds=seconds)
    token = shared.connect(app, ann)["refresh_token"]
    for _ in range(3):
        # Each use begins the inactivity anew.
        shared.clock.advance(seconds - 1)
        answer = shared.refresh(app, token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
    shared.clock.advance(seconds + 1)
    refused = shared.refresh(app, token)
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"
    # And it stays so.
    shared.stand_in.sweep()
    assert shared.refresh(app, token).status_code == 400


@pytest.mark.spec("Workfront contract", "2.5", "inactivity counts from the user's last activity, calls of the API too")
def test_calls_are_activity(shared: World, ann: Browser) -> None:
    app = an_app(shared, "rotating", refresh_inactivity_seconds=3600)
    active, idle = shared.connect(app, ann), shared.connect(app, ann)
    for _ in range(3):
        shared.clock.advance(1800)
        assert shared.works(active["access_token"])
    assert shared.refresh(app, idle["refresh_token"]).status_code == 400
    shared.clock.advance(3599)
    assert shared.refresh(app, active["refresh_token"]).status_code == 200


@pytest.mark.spec("Workfront contract", "2.5", "a refused refresh, or asking about a token, is no activity")
def test_refusals_are_no_activity(shared: World, ann: Browser) -> None:
    app = an_app(shared, "rotating", refresh_inactivity_seconds=3600)
    token = shared.connect(app, ann)["refresh_token"]
    for _ in range(4):
        shared.clock.advance(899)
        assert shared.refresh(shared.web, token).status_code == 400
        introspected = shared.http().post(
            "/integrations/oauth2/api/v1/introspect",
            data={"token": token},
            auth=(app.application.client_id, app.client_secret or ""),
        )
        assert introspected.json()["active"] is True
    shared.clock.advance(5)
    assert shared.refresh(app, token).status_code == 400


@pytest.mark.spec("Workfront contract", "2.5", "absolute expiry: one second before it works, one after it does not")
@pytest.mark.parametrize("seconds", LIMITS)
@KINDS
def test_absolute(shared: World, ann: Browser, kind: str, seconds: int) -> None:
    app = an_app(shared, kind, refresh_absolute_seconds=seconds)
    early, late = (shared.connect(app, ann)["refresh_token"] for _ in range(2))
    shared.clock.advance(seconds - 1)
    assert shared.refresh(app, early).status_code == 200
    shared.clock.advance(2)
    refused = shared.refresh(app, late)
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"


@pytest.mark.spec("Workfront contract", "2.5", "the absolute clock starts at consent, not at redemption or rotation")
@KINDS
def test_absolute_counts_from_consent(shared: World, ann: Browser, kind: str) -> None:
    app = an_app(shared, kind, refresh_absolute_seconds=1000, refresh_inactivity_seconds=900)
    code = ann.code(app, **authorize_params(app))
    shared.clock.advance(100)
    verifier = {"code_verifier": "the-verifier-of-the-tests-is-long-enough-for-rfc-7636"} if kind == "spa" else {}
    token = shared.redeem(app, code, **verifier).json()["refresh_token"]
    for _ in range(9):
        shared.clock.advance(99)
        answer = shared.refresh(app, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    # 991 s after consent now.
    shared.clock.advance(8)
    answer = shared.refresh(app, token)
    assert answer.status_code == 200
    shared.clock.advance(2)
    assert shared.refresh(app, answer.json()["refresh_token"]).status_code == 400
    # Nor does the retry window lead around it: the lost answer is not given any more.
    assert shared.refresh(app, token).status_code == 400


@pytest.mark.spec("Workfront contract", "2.5", "whichever expiry comes first applies")
def test_whichever_comes_first(shared: World, ann: Browser) -> None:
    sleepy = an_app(shared, "rotating", refresh_inactivity_seconds=100, refresh_absolute_seconds=DAY)
    busy = an_app(shared, "rotating", refresh_inactivity_seconds=DAY, refresh_absolute_seconds=100)
    tokens = {app.application.client_id: shared.connect(app, ann)["refresh_token"] for app in (sleepy, busy)}
    shared.clock.advance(101)
    for app in (sleepy, busy):
        assert shared.refresh(app, tokens[app.application.client_id]).status_code == 400


@pytest.mark.spec("Workfront contract", "2.1", "No expiration: a refresh token without limits lives on")
@KINDS
def test_no_expiration(shared: World, ann: Browser, kind: str) -> None:
    app = an_app(shared, kind)
    token = shared.connect(app, ann)["refresh_token"]
    for _ in range(2):
        shared.clock.advance(5 * 365 * DAY)
        shared.stand_in.sweep()
        answer = shared.refresh(app, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
