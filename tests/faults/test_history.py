"""The checker: it accepts what a correct server may do, and notices each thing that none may."""

import time
from math import inf

import pytest
from tests.faults.history import RULES, History, Kind, Operation, Outcome, Pair, chains_of, tokens_differ, unexplained

YES, NO, LOST = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN


def pair(generation: int, chain: str = "c") -> Pair:
    return f"{chain}-access-{generation}", f"{chain}-refresh-{generation}"


def op(kind: Kind, token: str, start: float, outcome: Outcome = YES, gives: Pair | None = None) -> Operation:
    """An operation that took half a second, or was never answered."""
    end = inf if outcome is LOST else start + 0.5
    return Operation(kind, token.partition("-")[0], token, start, end, outcome, gives)


def authorize(at: float = 0) -> Operation:
    return op(Kind.AUTHORIZE, "c", at)


def redeem(at: float, outcome: Outcome = YES, gives: Pair | None = None) -> Operation:
    return op(Kind.REDEEM, "c", at, outcome, (gives or pair(1)) if outcome is YES else None)


def refresh(generation: int, at: float, outcome: Outcome = YES, gives: Pair | None = None) -> Operation:
    return op(
        Kind.REFRESH, pair(generation)[1], at, outcome, (gives or pair(generation + 1)) if outcome is YES else None
    )


def check(generation: int, at: float, outcome: Outcome = YES) -> Operation:
    return op(Kind.CHECK, pair(generation)[0], at, outcome)


def revoke(generation: int, at: float, outcome: Outcome = YES) -> Operation:
    return op(Kind.REVOKE, pair(generation)[1], at, outcome)


def end(at: float, outcome: Outcome = YES) -> Operation:
    return Operation(Kind.END, "", "", at, at + 0.5, outcome)


def sign_in(at: float) -> Operation:
    return op(Kind.SIGN_IN, "s", at, YES, ("s-access-1", ""))


def sign_out(at: float, outcome: Outcome = YES) -> Operation:
    return op(Kind.SIGN_OUT, "s-access-1", at, outcome)


def check_session(at: float, outcome: Outcome = YES) -> Operation:
    return op(Kind.CHECK, "s-access-1", at, outcome)


EXPLICABLE = {
    "a quiet life": [authorize(), redeem(1), check(1, 2), refresh(1, 3), check(1, 4), check(2, 4), refresh(2, 5)],
    "a lost answer, fetched again": [authorize(), redeem(1), refresh(1, 2, LOST), refresh(1, 3), refresh(1, 20)],
    "a lost answer of a code, tried again": [authorize(), redeem(1, LOST), redeem(2, NO)],
    "a lost answer that never happened": [authorize(), redeem(1, LOST), redeem(2), check(1, 3)],
    "two redeem: one wins, and all ends": [authorize(), redeem(1), redeem(1.1, NO), check(1, 2, NO)],
    "two refresh at once": [authorize(), redeem(1), refresh(1, 2), refresh(1, 2.1), check(2, 3)],
    "revoked": [authorize(), redeem(1), revoke(1, 2), check(1, 3, NO), refresh(1, 4, NO)],
    "a revocation without an answer, which happened": [authorize(), redeem(1), revoke(1, 2, LOST), check(1, 3, NO)],
    "a revocation without an answer, which did not": [authorize(), redeem(1), revoke(1, 2, LOST), check(1, 3)],
    "a revocation at the same time": [authorize(), redeem(1), revoke(1, 2), check(1, 2.4), refresh(1, 2.4)],
    "a replay": [authorize(), redeem(1), refresh(1, 2), refresh(2, 3), refresh(1, 4, NO), check(3, 5, NO)],
    "a retry that came too late": [authorize(), redeem(1), refresh(1, 2, LOST), refresh(1, 40, NO), check(1, 41, NO)],
    "a held-back request that came after its successor's use": [
        *(authorize(), redeem(1), refresh(1, 2, LOST), refresh(1, 3), refresh(2, 4), check(3, 5, NO))
    ],
    "the overlap is over": [authorize(), redeem(1), refresh(1, 2), check(1, 70, NO), check(2, 70)],
    "a code that nobody redeemed in time": [authorize(), redeem(130, NO)],
    "an administrator ends all": [authorize(), redeem(1), end(2), check(1, 3, NO), refresh(1, 4, NO)],
    "begun after an end": [end(0), authorize(2), redeem(3), check(1, 4)],
    "signed out": [sign_in(0), check_session(1), sign_out(2), check_session(3, NO)],
    "a sign-out without an answer": [sign_in(0), sign_out(2, LOST), check_session(3, NO)],
    "what was never sent proves nothing": [authorize(), redeem(1), revoke(1, 2, Outcome.NOT_SENT), check(1, 3)],
}

BROKEN = {
    "code_is_good_once": {
        "twice the same": [authorize(), redeem(1), redeem(2)],
        "at the same time": [authorize(), redeem(1), redeem(1.1, gives=("x", "y"))],
    },
    "refresh_token_gives_one_pair": {
        "two pairs": [authorize(), redeem(1), refresh(1, 2), refresh(1, 3, gives=("x", "y"))],
        "another access token": [authorize(), redeem(1), refresh(1, 2), refresh(1, 3, gives=("x", pair(2)[1]))],
        "no rotation": [authorize(), redeem(1), refresh(1, 2, gives=("x", pair(1)[1]))],
    },
    "what_ended_stays_ended": {
        "a session after the revocation": [authorize(), redeem(1), revoke(1, 2), check(1, 3)],
        "a refresh after the revocation": [authorize(), redeem(1), revoke(1, 2), refresh(1, 3)],
        "a code after its replay": [authorize(), redeem(1, LOST), redeem(1.1, NO), redeem(2)],
        "a session after a replayed code": [authorize(), redeem(1), redeem(2, NO), check(1, 3)],
        "a session after a replayed refresh token": [
            *(authorize(), redeem(1), refresh(1, 2), refresh(2, 3), refresh(1, 4, NO), check(3, 5))
        ],
        "a refresh after an administrator's end": [authorize(), redeem(1), end(2), refresh(1, 3)],
        "a code after an administrator's end": [authorize(), end(2), redeem(3)],
    },
    "dead_token_stays_dead": {
        "refused, then accepted": [authorize(), redeem(1), revoke(1, 2, LOST), check(1, 3, NO), check(1, 4)],
        "signed out, then accepted": [sign_in(0), sign_out(1), check_session(2)],
    },
    "rotated_token_is_over": {
        "after its window": [authorize(), redeem(1), refresh(1, 2), refresh(1, 40)],
        "after its successor": [authorize(), redeem(1), refresh(1, 2), refresh(2, 3), refresh(1, 4)],
    },
    "rotated_session_is_over": {"after the overlap": [authorize(), redeem(1), refresh(1, 2), check(1, 70)]},
    "acknowledged_holds": {
        "a code": [authorize(), redeem(1, NO)],
        "a session": [authorize(), redeem(1), check(1, 2, NO)],
        "a rotated session within the overlap": [authorize(), redeem(1), refresh(1, 2), check(1, 3, NO)],
        "a refresh token": [authorize(), redeem(1), refresh(1, 2, NO)],
        "a new refresh token": [authorize(), redeem(1), refresh(1, 2), refresh(2, 3, NO)],
        "a retry within the window": [authorize(), redeem(1), refresh(1, 2, LOST), refresh(1, 3, NO)],
        "before the revocation began": [authorize(), redeem(1), check(1, 2, NO), revoke(1, 3)],
        "a signed-in session": [sign_in(0), check_session(1, NO)],
        "what began after an end": [end(0), authorize(2), redeem(3), check(1, 4, NO)],
    },
}


@pytest.mark.parametrize("name", EXPLICABLE)
def test_what_a_correct_server_may_do(name: str) -> None:
    assert unexplained(EXPLICABLE[name]) == []


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, named in BROKEN.items() for name in named])
def test_each_rule_notices_what_breaks_it(rule: str, name: str) -> None:
    found = unexplained(BROKEN[rule][name])
    assert any(fault.startswith(f"{rule}: ") for fault in found), found


def test_every_rule_is_tried() -> None:
    assert {rule.__name__ for rule in RULES} == BROKEN.keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_rule_is_there_in_vain(rule: object) -> None:
    """Each has a history that no other one notices."""
    others = [other for other in RULES if other is not rule]
    histories = BROKEN[getattr(rule, "__name__", "")].values()
    assert any(
        not any(fault for chain in chains_of(history) for other in others for fault in other(chain))
        for history in histories
    )


def test_a_token_is_given_for_one_thing_only() -> None:
    first, other = redeem(1), op(Kind.REDEEM, "d", 1, YES, pair(1))
    assert list(tokens_differ([first, refresh(1, 2), refresh(1, 3)])) == []
    assert list(tokens_differ([first, other])) != []
    assert list(tokens_differ([first, refresh(1, 2, gives=(pair(1)[0], "y"))])) != []


def test_a_wrong_answer_is_a_fault_by_itself() -> None:
    wrong = Operation(Kind.CHECK, "c", "t", 1, 2, Outcome.WRONG, None, "500")
    assert unexplained([wrong]) != []


def test_a_history_as_it_is_written() -> None:
    history = History()
    history.finish(history.begin(Kind.AUTHORIZE, "c", "c"), YES)
    first = history.begin(Kind.REDEEM, "c", "c")
    assert history.count(LOST, kind=Kind.REDEEM) == 1
    history.finish(first, YES, pair=pair(1))
    since = time.monotonic()
    history.finish(history.begin(Kind.REDEEM, "c", "c"), LOST)
    assert history.operations[-1].end == inf
    assert (history.count(YES), history.count(YES, LOST, since=since)) == (2, 1)
    history.explain()
    history.finish(history.begin(Kind.REDEEM, "c", "c"), YES, pair=pair(1))
    with pytest.raises(AssertionError, match="code_is_good_once"):
        history.explain()
    with pytest.raises(AssertionError, match="1 of 1 operations"):
        history.wait_for(1, within=0.01)
