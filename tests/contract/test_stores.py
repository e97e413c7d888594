"""What the ports promise of codes, refresh tokens and sessions, losing races included, on every engine."""

import pytest
from sqlalchemy import delete, update
from tests.contract.kit import DAY, HOUR, Stores, at, limits

from workgate.domain.accounts import SESSION_SLOTS, SessionOrigin, why_dead
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import RowId
from workgate.domain.oauth import AuthorizationStatus
from workgate.storage.schema import metadata
from workgate.storage.windows import in_windows

MANY = 50


def test_begin(stores: Stores) -> None:
    pending = stores.pending()
    assert pending.status is AuthorizationStatus.PENDING
    assert (pending.generation, pending.session_sequence) == (0, 0)
    assert (pending.client_id, pending.user_id) == (stores.app.client_id, stores.ann.user_id)
    assert (pending.username, pending.user_active, pending.user_epoch, pending.epoch) == ("ann", True, 0, 1)
    assert (pending.consented_at, pending.code_expires_at, pending.rotated_at) == (at(0), at(120), None)
    assert len(pending.salt) == 32
    assert stores.sequences(pending) == []


def test_begin_twice(stores: Stores) -> None:
    pending = stores.pending()
    assert stores.begin(pending.authorization_id) is False
    assert stores.read(pending.authorization_id) == pending
    row_id = stores.ids.next(at(0))
    assert stores.gather(stores.beginning(row_id) for _ in range(MANY)).count(True) == 1


def test_an_id_of_another_environment_names_nothing(stores: Stores) -> None:
    ours = stores.active()
    eve = stores.user("eve", stores.globex)
    theirs = stores.application(stores.globex)
    assert stores.begin(ours.authorization_id, eve, theirs)
    assert stores.read(ours.authorization_id, stores.globex).status is AuthorizationStatus.PENDING
    assert stores.run(stores.redeeming(stores.read(ours.authorization_id, stores.globex)))
    assert stores.run(stores.revoking(stores.read(ours.authorization_id, stores.globex)))
    assert stores.read(ours.authorization_id) == ours
    unknown = stores.database.authorizations.authorization(stores.globex.environment_id, RowId(1))
    assert stores.run(unknown) is None


def test_what_no_text_can_hold_names_nothing(stores: Stores) -> None:
    database, acme = stores.database, stores.acme.environment_id
    good = stores.app.client_id
    asked = [database.applications.application(acme, client_id) for client_id in ("\0", good, f"{good}\0", good)]
    assert [found is None for found in stores.gather(asked)] == [True, False, True, False]
    assert stores.run(database.users.account_named(acme, "ann\0")) is None


def test_redeem(stores: Stores) -> None:
    pending = stores.pending()
    assert stores.run(stores.redeeming(pending, at(119.999)))
    active = stores.read(pending.authorization_id)
    assert active.status is AuthorizationStatus.ACTIVE
    assert (active.generation, active.session_sequence) == (1, 1)
    assert (active.consented_at, active.active_at, active.rotated_at) == (at(0), at(119.999), None)
    session = stores.run(stores.database.sessions.session(active.environment_id, active.authorization_id, 1))
    assert session is not None
    assert session.user == stores.ann
    assert (session.client_id, session.origin) == (stores.app.client_id, SessionOrigin.APPLICATION)
    assert (session.opened_at, session.idle_seconds) == (at(119.999), HOUR)
    assert session.absolute_expires_at == at(119.999 + DAY)
    assert (session.authorization_live, session.application_exists, session.latest_sequence) == (True, True, 1)
    assert session.salt == active.salt
    assert why_dead(session, at(119.999), 60) is None


def test_redeem_comes_too_late(stores: Stores) -> None:
    expired = stores.pending()
    assert not stores.run(stores.redeeming(expired, at(120)))
    assert stores.read(expired.authorization_id) == expired
    assert stores.sequences(expired) == []
    revoked = stores.pending()
    assert stores.run(stores.revoking(revoked))
    assert not stores.run(stores.redeeming(revoked))
    used = stores.active()
    assert not stores.run(stores.redeeming(used))
    assert stores.read(used.authorization_id) == used


def test_one_of_fifty_redeemers_wins(stores: Stores) -> None:
    for _ in range(5):
        pending = stores.pending()
        won = stores.gather(stores.redeeming(pending) for _ in range(MANY))
        assert won.count(True) == 1
        assert stores.sequences(pending) == [1]
        assert stores.read(pending.authorization_id).generation == 1


def test_rotate(stores: Stores) -> None:
    first = stores.active()
    assert stores.run(stores.rotating(first, at(10), key_id=2))
    second = stores.read(first.authorization_id)
    assert (second.generation, second.session_sequence, second.key_id) == (2, 2, 2)
    assert (second.rotated_at, second.active_at, second.consented_at) == (at(10), at(10), at(0))
    assert second.salt == first.salt
    assert stores.sequences(first) == [1, 2]
    # Whoever still believes in the generation before reads again.
    assert not stores.run(stores.rotating(first, at(11)))
    assert stores.read(first.authorization_id) == second


def test_one_of_fifty_rotations_wins(stores: Stores) -> None:
    for _ in range(5):
        seen = stores.active()
        won = stores.gather(stores.rotating(seen) for _ in range(MANY))
        assert won.count(True) == 1
        assert stores.read(seen.authorization_id).generation == 2
        assert stores.sequences(seen) == [1, 2]


def test_rotations_of_many_rows_meet_in_one_group(stores: Stores) -> None:
    rows = [stores.active() for _ in range(MANY)]
    stale = [row._replace(generation=0) for row in rows[::2]]
    won = stores.gather(stores.rotating(row) for row in [*rows, *stale])
    assert won == [True] * MANY + [False] * len(stale)
    assert {stores.read(row.authorization_id).generation for row in rows} == {2}


def test_rotate_is_within_both_expiries(stores: Stores) -> None:
    seen = stores.active()
    assert not stores.run(stores.rotating(seen, at(50), consented_after=at(0)))
    assert not stores.run(stores.rotating(seen, at(50), active_after=at(0)))
    assert stores.read(seen.authorization_id) == seen
    assert stores.run(stores.rotating(seen, at(50), consented_after=at(-0.001), active_after=at(-0.001)))


def test_renew(stores: Stores) -> None:
    seen = stores.active()
    assert stores.run(stores.renewing(seen, at(10))) == 2
    after = stores.read(seen.authorization_id)
    assert (after.generation, after.session_sequence, after.active_at) == (1, 2, at(10))
    assert (after.rotated_at, after.key_id) == (None, 1)
    # The same refresh token again: what was read before is still good.
    assert stores.run(stores.renewing(seen, at(11))) == 3
    assert stores.run(stores.renewing(seen, at(20), active_after=at(11))) is None
    assert stores.sequences(seen) == [1, 2, 3]


def test_fifty_renewals_all_get_a_session_of_their_own(stores: Stores) -> None:
    seen = stores.active()
    won = stores.gather(stores.renewing(seen) for _ in range(MANY))
    assert sorted(number for number in won if number is not None) == list(range(2, MANY + 2))
    assert stores.read(seen.authorization_id).session_sequence == MANY + 1


def test_slots_are_bounded(stores: Stores) -> None:
    seen = stores.active()
    for _ in range(MANY):
        assert stores.run(stores.renewing(seen))
    newest = MANY + 1
    assert stores.sequences(seen) == list(range(newest - SESSION_SLOTS + 1, newest + 1))
    assert stores.count("sessions") == SESSION_SLOTS == 16
    assert stores.count("authorizations") == 1


def test_revoke(stores: Stores) -> None:
    seen = stores.active()
    assert stores.run(stores.revoking(seen)) is True
    assert stores.run(stores.revoking(seen)) is False
    after = stores.read(seen.authorization_id)
    assert after.status is AuthorizationStatus.REVOKED
    session = stores.run(stores.database.sessions.session(seen.environment_id, seen.authorization_id, 1))
    assert session is None or why_dead(session, at(0), 60) == "the authorization was revoked"
    assert not stores.run(stores.rotating(seen))
    assert stores.run(stores.renewing(seen)) is None
    assert not stores.run(stores.redeeming(seen))
    assert stores.read(seen.authorization_id) == after


def test_revoke_against_rotate(stores: Stores) -> None:
    """Whichever comes first: afterwards nothing of the authorization lives."""
    rows = [stores.active() for _ in range(MANY)]
    calls = [call for row in rows for call in (stores.rotating(row), stores.revoking(row))]
    outcomes = stores.gather(calls)
    assert all(outcomes[1::2])
    for row in rows:
        after = stores.read(row.authorization_id)
        assert after.status is AuthorizationStatus.REVOKED
        for number in stores.sequences(row):
            session = stores.run(stores.database.sessions.session(row.environment_id, row.authorization_id, number))
            assert session is not None
            assert why_dead(session, at(0), 60) is not None


def test_withdraw(stores: Stores) -> None:
    bob, other_app = stores.user("bob"), stores.application()
    ended = [stores.active(), stores.pending(), stores.active()]
    over = stores.active()
    stores.run(stores.revoking(over))
    kept = [stores.active(bob), stores.active(app=other_app)]
    withdraw = stores.database.authorizations.withdraw
    ids = (stores.acme.environment_id, stores.ann.user_id, stores.app.client_id)
    assert stores.run(withdraw(*ids, now=at(1), record=stores.record(AuditEvent.CONNECTION_WITHDRAWN))) == len(ended)
    assert stores.run(withdraw(*ids, now=at(2), record=stores.record(AuditEvent.CONNECTION_WITHDRAWN))) == 0
    statuses = [stores.read(row.authorization_id).status for row in (*ended, *kept)]
    assert statuses == [AuthorizationStatus.REVOKED] * 3 + [AuthorizationStatus.ACTIVE] * 2


@pytest.mark.parametrize("origin", [SessionOrigin.BROWSER, SessionOrigin.API])
def test_sessions_of_people(stores: Stores, origin: SessionOrigin) -> None:
    sessions, row_id = stores.database.sessions, stores.ids.next(at(0))
    environment_id = stores.acme.environment_id
    opened = sessions.open_session(
        environment_id,
        row_id,
        user=stores.ann,
        origin=origin,
        salt=b"s" * 32,
        now=at(0),
        limits=limits(),
        address="192.0.2.1",
        agent="a browser",
    )
    stores.run(opened)
    session = stores.run(sessions.session(environment_id, row_id, 0))
    assert session is not None
    assert (session.origin, session.client_id, session.user, session.salt) == (origin, None, stores.ann, b"s" * 32)
    assert why_dead(session, at(HOUR - 0.001), 60) is None
    assert stores.run(sessions.session(environment_id, row_id, 1)) is None
    assert stores.run(sessions.session(stores.globex.environment_id, row_id, 0)) is None
    assert stores.gather(sessions.end_session(session) for _ in range(MANY)).count(True) == 1
    assert stores.run(sessions.session(environment_id, row_id, 0)) is None


def test_touch(stores: Stores) -> None:
    seen = stores.active()
    sessions, ids = stores.database.sessions, (seen.environment_id, seen.authorization_id, 1)
    session = stores.run(sessions.session(*ids))
    assert session is not None
    stores.run(sessions.touch(session, at(100)))
    stores.run(sessions.touch(session, at(50)))  # an older note that comes later changes nothing
    stores.flush()
    touched = stores.run(sessions.session(*ids))
    assert touched is not None
    assert touched.last_seen_at == at(100)
    assert stores.read(seen.authorization_id).active_at == at(100)


def test_touch_keeps_a_refresh_token_active(stores: Stores) -> None:
    seen = stores.active()
    session = stores.run(stores.database.sessions.session(seen.environment_id, seen.authorization_id, 1))
    assert session is not None
    stores.run(stores.database.sessions.touch(session, at(100)))
    assert stores.run(stores.rotating(seen, at(150), active_after=at(99)))


def test_the_epoch_is_raised_for_all(stores: Stores) -> None:
    seen, waiting = stores.active(), stores.pending()
    raised = stores.gather(stores.database.installation.raise_epoch(at(1)) for _ in range(3))
    assert sorted(raised) == [2, 3, 4]
    for row in (seen, waiting):
        after = stores.read(row.authorization_id)
        assert (after.epoch, after.status) == (4, AuthorizationStatus.REVOKED)
    session = stores.run(stores.database.sessions.session(seen.environment_id, seen.authorization_id, 1))
    assert session is None or session.epoch == 4
    assert not stores.run(stores.rotating(seen))
    assert stores.active().epoch == 4


def test_a_change_is_on_the_audit_log_if_it_happened(stores: Stores) -> None:
    pending = stores.pending()
    assert stores.run(stores.redeeming(pending))
    assert not stores.run(stores.redeeming(pending))
    first = stores.read(pending.authorization_id)
    assert stores.run(stores.rotating(first))
    assert not stores.run(stores.rotating(first))
    second = stores.read(pending.authorization_id)
    assert stores.run(stores.renewing(second)) == 3
    assert stores.run(stores.revoking(second))
    assert not stores.run(stores.revoking(second))
    assert stores.run(stores.renewing(second)) is None
    records = stores.run(stores.database.audit.latest(stores.acme.environment_id, 100))
    *records, created = records
    assert created.event is AuditEvent.APPLICATION_CREATED
    assert [record.event for record in reversed(records)] == [
        AuditEvent.CONSENT_GIVEN,
        AuditEvent.CODE_REDEEMED,
        AuditEvent.TOKEN_REFRESHED,
        AuditEvent.TOKEN_REFRESHED,
        AuditEvent.TOKEN_REVOKED,
    ]
    for record in records[1:]:
        assert (record.actor, record.client_id, record.address, record.at) == (
            stores.ann.user_id,
            stores.app.client_id,
            "192.0.2.1",
            at(0),
        )


def test_whether_anything_was_issued(stores: Stores) -> None:
    has_issued = stores.database.installation.has_issued
    assert stores.run(has_issued()) is False
    stores.pending()
    assert stores.run(has_issued()) is True


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 6, 7])
def test_a_large_change_reaches_every_row_in_windows(stores: Stores, rows: int) -> None:
    seen = [stores.active() for _ in range(rows)]
    engine, table = stores.database.engine, metadata.tables["authorizations"]
    touched = in_windows(engine, table, lambda these: update(table).where(these).values(generation=9), {}, size=3)
    assert stores.run(touched) == rows
    assert {stores.read(one.authorization_id).generation for one in seen} <= {9}
    assert stores.run(in_windows(engine, table, delete(table).where, {}, size=3)) == rows
    assert stores.count("authorizations") == 0
