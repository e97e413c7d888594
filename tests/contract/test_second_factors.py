"""What the store promises of second steps and recovery codes, losing races included, on every engine."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.contract.kit import START, Stores, at

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import RowId
from workgate.domain.ports import AlreadyExists
from workgate.domain.second_factors import FactorKind, Once, Passkey, SecondFactor

MANY = 20


def a_factor(stores: Stores, user: User | None = None, **changes: Any) -> SecondFactor:
    """An authenticator app of Ann's that was used at step 100."""
    whose = user or stores.ann
    values: dict[str, Any] = {
        "environment_id": whose.environment_id,
        "user_id": whose.user_id,
        "factor_id": stores.ids.next(START),
        "kind": FactorKind.TOTP,
        "name": "",
        "sealed_secret": os.urandom(48),
        "last_step": 100,
        "created_at": START,
    }
    return SecondFactor(**{**values, **changes})


def a_passkey(stores: Stores, user: User | None = None, **changes: Any) -> SecondFactor:
    """A passkey of Ann's that does not count."""
    passkey = Passkey(
        credential_id=os.urandom(20), public_key=os.urandom(77), rp_id="acme.my.localhost", transports=("hybrid", "usb")
    )
    values = {"kind": FactorKind.PASSKEY, "name": "Phone", "sealed_secret": None, "passkey": passkey, "last_step": 0}
    return a_factor(stores, user, **{**values, **changes})


def once() -> Once:
    return Once(os.urandom(32), at(600))


async def adding(
    stores: Stores,
    factor: SecondFactor,
    *,
    at_most: int = 10,
    asked: Once | None = None,
    digests: Sequence[bytes] = (),
) -> bool:
    return await stores.database.second_factors.add_factor(
        factor,
        at_most=at_most,
        once=asked or once(),
        recovery_digests=digests,
        record=stores.record(AuditEvent.SECOND_FACTOR_ADDED, factor.environment_id),
    )


def added(stores: Stores, factor: SecondFactor, **more: Any) -> SecondFactor:
    assert stores.run(adding(stores, factor, **more))
    return factor


async def removing(stores: Stores, factor: SecondFactor, *, keep_one: bool) -> bool:
    return await stores.database.second_factors.remove_factor(
        factor.environment_id,
        factor.user_id,
        factor.factor_id,
        keep_one=keep_one,
        record=stores.record(AuditEvent.SECOND_FACTOR_REMOVED, factor.environment_id),
    )


async def using_code(stores: Stores, digest: bytes, user: User | None = None) -> bool:
    whose = user or stores.ann
    return await stores.database.second_factors.use_recovery_code(
        whose.environment_id,
        whose.user_id,
        digest,
        record=stores.record(AuditEvent.RECOVERY_CODE_USED, whose.environment_id),
    )


def listed(stores: Stores, user: User | None = None) -> list[SecondFactor]:
    whose = user or stores.ann
    return list(stores.run(stores.database.second_factors.factors(whose.environment_id, whose.user_id)))


def codes(stores: Stores, user: User | None = None) -> set[bytes]:
    whose = user or stores.ann
    return set(stores.run(stores.database.second_factors.recovery_digests(whose.environment_id, whose.user_id)))


def has_second_factor(stores: Stores, user: User | None = None) -> bool:
    whose = user or stores.ann
    account = stores.run(stores.database.users.account(whose.environment_id, whose.user_id))
    assert account is not None
    return account.has_second_factor


def recorded(stores: Stores, event: AuditEvent) -> int:
    stores.flush()
    latest = stores.run(stores.database.audit.latest(stores.acme.environment_id, 1000))
    return sum(1 for record in latest if record.event is event)


def test_what_is_added_is_read_back(stores: Stores) -> None:
    assert not has_second_factor(stores)
    app, passkey = added(stores, a_factor(stores)), added(stores, a_passkey(stores))
    assert listed(stores) == [app, passkey]
    assert has_second_factor(stores)
    assert recorded(stores, AuditEvent.SECOND_FACTOR_ADDED) == 2


def test_another_user_and_environment_have_their_own(stores: Stores) -> None:
    bob, eve = stores.user("bob"), stores.user("eve", stores.globex)
    mine = added(stores, a_factor(stores))
    # The same ID in another environment is another factor.
    theirs = added(stores, a_factor(stores, eve, factor_id=mine.factor_id))
    assert listed(stores, bob) == []
    assert listed(stores, eve) == [theirs]
    stray = replace(mine, user_id=bob.user_id)
    assert not stores.run(removing(stores, stray, keep_one=False))
    assert not stores.run(stores.database.second_factors.use_factor(stray, step=101, now=START))
    assert stores.run(removing(stores, theirs, keep_one=False))
    assert listed(stores) == [mine]


def test_an_authenticator_app_takes_the_place_of_the_one_before(stores: Stores) -> None:
    added(stores, a_factor(stores))
    passkey = added(stores, a_passkey(stores))
    second = added(stores, a_factor(stores), at_most=2)
    assert listed(stores) == [passkey, second]


def test_nobody_has_more_than_so_many(stores: Stores) -> None:
    for _ in range(2):
        added(stores, a_passkey(stores))
    assert not stores.run(adding(stores, a_passkey(stores), at_most=2))
    assert not stores.run(adding(stores, a_factor(stores), at_most=2))
    assert len(listed(stores)) == 2
    many = stores.gather(adding(stores, a_passkey(stores), at_most=5) for _ in range(MANY))
    assert many.count(True) == 3


def test_a_user_who_is_disabled_or_gone_adds_nothing(stores: Stores) -> None:
    nobody = a_factor(stores, user_id="f" * 32)
    assert not stores.run(adding(stores, nobody))
    assert stores.run(stores.database.users.set_active(stores.acme.environment_id, "ann", active=False))
    assert not stores.run(adding(stores, a_factor(stores)))


def test_a_credential_is_one_users_only(stores: Stores) -> None:
    mine = added(stores, a_passkey(stores))
    for whose in (stores.ann, stores.user("bob")):
        with pytest.raises(AlreadyExists):
            stores.run(adding(stores, a_passkey(stores, whose, passkey=mine.passkey)))
    assert listed(stores) == [mine]
    # Another environment is another relying party.
    added(stores, a_passkey(stores, stores.user("eve", stores.globex), passkey=mine.passkey))


def test_what_was_asked_once_adds_once(stores: Stores) -> None:
    asked = once()
    added(stores, a_passkey(stores), asked=asked)
    with pytest.raises(AlreadyExists):
        stores.run(adding(stores, a_passkey(stores), asked=asked, digests=[b"d" * 32]))
    assert len(listed(stores)) == 1
    assert codes(stores) == set()
    # In another environment the same digest is another question.
    added(stores, a_passkey(stores, stores.user("eve", stores.globex)), asked=asked)


def test_a_step_counts_once_and_only_forward(stores: Stores) -> None:
    store, app = stores.database.second_factors, added(stores, a_factor(stores))
    assert not stores.run(store.use_factor(app, step=100, now=at(1)))
    assert stores.run(store.use_factor(app, step=102, now=at(2)))
    for step in (102, 101, 0):
        assert not stores.run(store.use_factor(app, step=step, now=at(3)))
    (used,) = listed(stores)
    assert (used.last_step, used.last_used_at) == (102, at(2))


def test_of_many_with_the_same_code_one_counts(stores: Stores) -> None:
    store, app = stores.database.second_factors, added(stores, a_factor(stores))
    uses = stores.gather(store.use_factor(app, step=103, now=START) for _ in range(MANY))
    assert uses.count(True) == 1


def test_a_counter_grows_unless_it_does_not_count(stores: Stores) -> None:
    store = stores.database.second_factors
    shared, counting = added(stores, a_passkey(stores)), added(stores, a_passkey(stores, last_step=7))
    assert all(stores.run(store.use_factor(shared, step=0, now=START, once=once())) for _ in range(3))
    for step in (7, 6, 0):
        assert not stores.run(store.use_factor(counting, step=step, now=START, once=once()))
    assert stores.run(store.use_factor(counting, step=8, now=START, once=once()))
    # Once it counted, it cannot stop.
    assert stores.run(store.use_factor(shared, step=1, now=START, once=once()))
    assert not stores.run(store.use_factor(shared, step=0, now=START, once=once()))


def test_an_app_at_step_0_is_no_passkey(stores: Stores) -> None:
    app = added(stores, a_factor(stores, last_step=0))
    assert not stores.run(stores.database.second_factors.use_factor(app, step=0, now=START))


def test_a_challenge_is_answered_once(stores: Stores) -> None:
    store, asked = stores.database.second_factors, once()
    passkey, other = added(stores, a_passkey(stores)), added(stores, a_passkey(stores))
    uses = stores.gather(store.use_factor(passkey, step=0, now=START, once=asked) for _ in range(MANY))
    assert uses.count(True) == 1
    assert not stores.run(store.use_factor(other, step=5, now=START, once=asked))
    assert [factor.last_step for factor in listed(stores)] == [0, 0]


def test_what_was_used_is_forgotten_an_hour_after_it_expired(stores: Stores) -> None:
    added(stores, a_passkey(stores))
    stores.run(stores.database.sweeper.sweep(at(600 + 3599)))
    assert stores.count("used_assertions") == 1
    stores.run(stores.database.sweeper.sweep(at(600 + 3600)))
    assert stores.count("used_assertions") == 0


def test_with_the_last_one_the_recovery_codes_go(stores: Stores) -> None:
    kept = {os.urandom(32) for _ in range(3)}
    app = added(stores, a_factor(stores), digests=sorted(kept))
    passkey = added(stores, a_passkey(stores))
    assert codes(stores) == kept
    assert stores.run(removing(stores, app, keep_one=True))
    assert codes(stores) == kept
    assert not stores.run(removing(stores, passkey, keep_one=True))
    assert has_second_factor(stores)
    assert stores.run(removing(stores, passkey, keep_one=False))
    assert not stores.run(removing(stores, passkey, keep_one=False))
    assert codes(stores) == set()
    assert not has_second_factor(stores)
    assert recorded(stores, AuditEvent.SECOND_FACTOR_REMOVED) == 2


def test_the_last_two_cannot_be_removed_at_once(stores: Stores) -> None:
    for _ in range(10):
        pair = [added(stores, a_passkey(stores)), added(stores, a_passkey(stores))]
        assert sorted(stores.gather(removing(stores, factor, keep_one=True) for factor in pair)) == [False, True]
        (left,) = listed(stores)
        assert stores.run(removing(stores, left, keep_one=False))


def test_removing_them_all(stores: Stores) -> None:
    store, whose = stores.database.second_factors, (stores.acme.environment_id, stores.ann.user_id)
    bob = stores.user("bob")
    added(stores, a_factor(stores), digests=[b"1" * 32])
    added(stores, a_passkey(stores))
    his = added(stores, a_factor(stores, bob), digests=[b"2" * 32])

    def reset() -> bool:
        record = stores.record(AuditEvent.SECOND_FACTORS_RESET)
        return stores.run(store.remove_factors(*whose, record=record))

    assert reset()
    assert not reset()
    assert (listed(stores), codes(stores)) == ([], set())
    assert (listed(stores, bob), codes(stores, bob)) == ([his], {b"2" * 32})
    assert recorded(stores, AuditEvent.SECOND_FACTORS_RESET) == 1


def test_a_recovery_code_works_once_and_for_its_user(stores: Stores) -> None:
    digest, other = os.urandom(32), os.urandom(32)
    added(stores, a_factor(stores), digests=[digest, other])
    assert not stores.run(using_code(stores, digest, stores.user("bob")))
    assert not stores.run(using_code(stores, os.urandom(32)))
    assert stores.gather(using_code(stores, digest) for _ in range(MANY)).count(True) == 1
    assert codes(stores) == {other}
    assert recorded(stores, AuditEvent.RECOVERY_CODE_USED) == 1


def test_new_recovery_codes_replace_all(stores: Stores) -> None:
    store = stores.database.second_factors
    first, second = [os.urandom(32) for _ in range(10)], [os.urandom(32) for _ in range(10)]

    async def replacing(digests: Sequence[bytes]) -> bool:
        record = stores.record(AuditEvent.RECOVERY_CODES_MADE)
        return await store.replace_recovery_codes(
            stores.acme.environment_id, stores.ann.user_id, digests, record=record
        )

    # They stand in for a second step: without one there are none.
    assert not stores.run(replacing(first))
    assert codes(stores) == set()
    added(stores, a_factor(stores), digests=first)
    assert stores.run(replacing(second))
    assert codes(stores) == set(second)
    assert not stores.run(using_code(stores, first[0]))
    others = [[os.urandom(32) for _ in range(10)] for _ in range(5)]
    assert all(stores.gather(replacing(digests) for digests in others))
    assert codes(stores) in [set(digests) for digests in others]


def test_an_unknown_id_names_nothing(stores: Stores) -> None:
    added(stores, a_factor(stores))
    stray = a_factor(stores, factor_id=RowId(2**63 - 1))
    assert not stores.run(removing(stores, stray, keep_one=False))
    assert not stores.run(stores.database.second_factors.use_factor(stray, step=101, now=START))


def test_a_secret_that_was_sealed_anew(stores: Stores) -> None:
    store, app = stores.database.second_factors, added(stores, a_factor(stores))
    other = added(stores, a_passkey(stores))
    sealed = os.urandom(60)
    assert not stores.run(store.use_factor(app, step=100, now=at(1), sealed_secret=sealed))
    assert listed(stores) == [app, other]
    assert stores.run(store.use_factor(app, step=101, now=at(1), sealed_secret=sealed))
    assert listed(stores) == [replace(app, last_step=101, last_used_at=at(1), sealed_secret=sealed), other]
