"""The code grant's decisions as a table, in the order of its checks."""

from typing import Any

import pytest
from tests.builders import REDIRECT_URI, an_application, an_authorization, later

from workgate.domain.oauth import AuthorizationStatus
from workgate.oauth.code_grant import CodeReplay, Redeem, decide
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.pkce import s256

VERIFIER = "the-verifier-of-the-tests-is-long-enough-for-rfc-7636"
PENDING = {"status": AuthorizationStatus.PENDING, "generation": 0, "session_sequence": 0, "rotated_at": None}
CHALLENGED = PENDING | {"code_challenge": s256(VERIFIER)}


def decision(row: dict[str, Any], seconds: float = 0, **params: str) -> Redeem | CodeReplay | Refusal:
    return decide(
        authorization=an_authorization(**row),
        application=an_application(),
        params={"redirect_uri": REDIRECT_URI, **params},
        now=later(seconds),
    )


@pytest.mark.parametrize(
    ("row", "seconds", "params"),
    [
        (PENDING, 0, {}),
        (PENDING, 119.999, {}),
        (PENDING | {"code_expires_at": later(60)}, 59.999, {}),
        (CHALLENGED, 0, {"code_verifier": VERIFIER}),
        (PENDING, -5, {}),  # another node's clock is a little behind
    ],
)
def test_a_good_code_is_redeemed(row: dict[str, Any], seconds: float, params: dict[str, str]) -> None:
    assert decision(row, seconds, **params) == Redeem()


@pytest.mark.parametrize(
    ("row", "seconds", "params", "reason"),
    [
        (PENDING | {"client_id": "e" * 32}, 0, {}, "belongs to client"),
        (PENDING, 0, {"redirect_uri": REDIRECT_URI + "/"}, "redirect_uri of the request: came"),
        (PENDING, 0, {"redirect_uri": REDIRECT_URI.upper()}, "redirect_uri of the request: came"),
        (PENDING, 120, {}, "expired"),
        (PENDING, 120.001, {}, "expired"),
        (PENDING | {"code_expires_at": later(60)}, 60, {}, "expired"),
        (PENDING | {"user_active": False}, 0, {}, "disabled"),
        (PENDING, 0, {"code_verifier": VERIFIER}, "no code_challenge"),
        (CHALLENGED, 0, {}, "no code_verifier"),
        (CHALLENGED, 0, {"code_verifier": VERIFIER + "x"}, "does not match"),
        (CHALLENGED, 0, {"code_verifier": VERIFIER.upper()}, "does not match"),
        (CHALLENGED, 0, {"code_verifier": s256(VERIFIER)}, "does not match"),
        (CHALLENGED, 120, {"code_verifier": VERIFIER}, "expired"),
    ],
)
def test_a_code_that_cannot_be_used(row: dict[str, Any], seconds: float, params: dict[str, str], reason: str) -> None:
    outcome = decision(row, seconds, **params)
    assert isinstance(outcome, Refusal)
    assert outcome.fault is Fault.CODE_INVALID
    assert reason in outcome.reason


@pytest.mark.parametrize("verifier", ["x" * 42, "x" * 129, "x" * 42 + "é", "x" * 43 + "\n", "x" * 42 + "+"])
def test_a_malformed_verifier_is_named(verifier: str) -> None:
    outcome = decision(CHALLENGED, code_verifier=verifier)
    assert isinstance(outcome, Refusal)
    assert outcome.fault is Fault.VERIFIER_MALFORMED


def test_the_redirect_uri_must_be_repeated() -> None:
    outcome = decide(authorization=an_authorization(**PENDING), application=an_application(), params={}, now=later(0))
    assert isinstance(outcome, Refusal)


@pytest.mark.parametrize("status", [AuthorizationStatus.ACTIVE, AuthorizationStatus.REVOKED])
@pytest.mark.parametrize("seconds", [0, 119.999, 120, 10**6])
def test_a_second_use_by_the_right_client_is_a_replay(status: AuthorizationStatus, seconds: float) -> None:
    outcome = decision({"status": status}, seconds)
    assert isinstance(outcome, CodeReplay)
    assert outcome.refusal.fault is Fault.CODE_INVALID


@pytest.mark.parametrize(
    ("row", "params"),
    [
        ({"client_id": "e" * 32}, {}),
        ({}, {"redirect_uri": "https://other.example/"}),
        ({"code_challenge": s256(VERIFIER)}, {}),
        ({"code_challenge": s256(VERIFIER)}, {"code_verifier": "y" * 43}),
        ({}, {"code_verifier": VERIFIER}),
    ],
)
def test_who_cannot_prove_the_code_is_theirs_revokes_nothing(row: dict[str, Any], params: dict[str, str]) -> None:
    assert isinstance(decision({"status": AuthorizationStatus.ACTIVE, **row}, 0, **params), Refusal)
