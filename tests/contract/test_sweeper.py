"""The sweeper removes what is over and nothing that is alive, and rows stay bounded, on every engine."""

import pytest
from tests.contract.kit import DAY, HOUR, Stores, at, limits

from workgate.domain.accounts import SessionOrigin
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import RowId
from workgate.storage.sweeper import Sweeper


def swept(stores: Stores, seconds: float) -> tuple[int, int]:
    """Sweep at an instant: how many authorizations and sessions are left."""
    stores.run(stores.database.sweeper.sweep(at(seconds)))
    return stores.count("authorizations"), stores.count("sessions")


def refreshed(stores: Stores, times: int, every: float = 1) -> None:
    row_id = stores.active().authorization_id
    for i in range(times):
        assert stores.run(stores.rotating(stores.read(row_id), at(i * every)))


def test_rows_are_bounded_however_often_it_is_refreshed(stores: Stores) -> None:
    refreshed(stores, 500)
    assert stores.count("authorizations") == 1
    assert stores.count("sessions") == 16
    assert swept(stores, 500) == (1, 16)
    # Hours later all sessions are over; the refresh token is not, and goes on.
    assert swept(stores, 500 + HOUR) == (1, 0)


def test_nothing_alive_is_removed(stores: Stores) -> None:
    pending, active, renewed = stores.pending(), stores.active(), stores.active()
    assert stores.run(stores.renewing(renewed, at(1)))
    sessions = stores.database.sessions
    row_id = stores.ids.next(at(0))
    opened = sessions.open_session(
        stores.acme.environment_id,
        row_id,
        user=stores.ann,
        origin=SessionOrigin.BROWSER,
        salt=b"s" * 32,
        now=at(0),
        limits=limits(),
        address="192.0.2.1",
        agent="a browser",
    )
    stores.run(opened)
    for seconds in (0, 119, HOUR - 1):
        assert swept(stores, seconds) == (3, 4)
    assert stores.sequences(active) == [1]
    assert stores.sequences(renewed) == [1, 2]
    assert stores.run(stores.redeeming(pending, at(119)))
    assert stores.run(sessions.session(stores.acme.environment_id, row_id, 0)) is not None


def test_idle_and_absolute_expiry_of_sessions(stores: Stores) -> None:
    seen = stores.active()
    session = stores.run(stores.database.sessions.session(seen.environment_id, seen.authorization_id, 1))
    assert session is not None
    assert swept(stores, HOUR - 0.001) == (1, 1)
    for hours in range(1, 48):
        stores.run(stores.database.sessions.touch(session, at(hours * HOUR / 2)))
    assert swept(stores, DAY - 0.001) == (1, 1)
    assert swept(stores, DAY) == (1, 0)


def test_codes_that_nobody_redeemed(stores: Stores) -> None:
    """They stay for an hour after their end, so that a late redeemer is told that the code has expired."""
    stores.pending()
    assert swept(stores, 120 + HOUR - 0.001) == (1, 0)
    assert swept(stores, 120 + HOUR) == (0, 0)


def test_revoked_authorizations(stores: Stores) -> None:
    """Their sessions go at once, their row after a day."""
    seen, kept = stores.active(), stores.active()
    stores.run(stores.revoking(seen, at(10)))
    assert swept(stores, 10) == (2, 1)
    assert swept(stores, 10 + DAY - 0.001) == (2, 0)
    assert swept(stores, 10 + DAY) == (1, 0)
    assert stores.read(kept.authorization_id) == kept


@pytest.mark.parametrize("expiry", ["refresh_absolute_seconds", "refresh_inactivity_seconds"])
def test_expired_refresh_tokens(stores: Stores, expiry: str) -> None:
    app = stores.application(None, **{expiry: 2 * HOUR})
    stores.active(app=app)
    stores.active()
    assert swept(stores, 2 * HOUR - 0.001) == (2, 0)
    assert swept(stores, 2 * HOUR) == (1, 0)


def test_a_refresh_token_expires_before_its_session(stores: Stores) -> None:
    """The access token is an ordinary session: it lives its own life, and the row with it."""
    seen = stores.active(app=stores.application(refresh_absolute_seconds=60))
    assert swept(stores, 61) == (1, 1)
    assert stores.sequences(seen) == [1]
    assert swept(stores, HOUR) in {(1, 0), (0, 0)}
    assert swept(stores, HOUR) == (0, 0)


def test_deleted_applications(stores: Stores) -> None:
    stores.active()
    kept = stores.active(app=stores.application())
    deleted = stores.database.applications.delete_application(
        stores.acme.environment_id, stores.app.client_id, record=stores.record(AuditEvent.APPLICATION_DELETED)
    )
    assert stores.run(deleted)
    swept(stores, 1)
    assert swept(stores, 1) == (1, 1)
    assert stores.sequences(kept) == [1]


def test_audit_records(stores: Stores) -> None:
    def record(number: int, seconds: float) -> AuditRecord:
        where = stores.globex.environment_id
        return AuditRecord(environment_id=where, event_id=RowId(number), at=at(seconds), event=AuditEvent.SIGNED_IN)

    async def append() -> None:
        stores.database.audit.append([record(1, 0), record(2, DAY)])

    stores.run(append())
    stores.flush()
    assert stores.count("audit_events") == 3  # the third one is of acme's application, from the same moment
    swept(stores, 90 * DAY)
    assert stores.count("audit_events") == 3
    swept(stores, 90 * DAY + 0.001)
    assert stores.count("audit_events") == 1


def test_small_windows_reach_everything(stores: Stores) -> None:
    """A walk in windows of three rows comes to the same end, with rows of two environments, and begins again."""
    eve, theirs = stores.user("eve", stores.globex), stores.application(stores.globex)
    kept = []
    for i in range(20):
        for user, app in ((None, None), (eve, theirs)):
            row = stores.active(user, app)
            if i % 5:
                stores.run(stores.revoking(row))
            else:
                kept.append(row.authorization_id)
    sweeper = Sweeper(stores.database.engine, window=3)
    for _ in range(60):  # each table is walked more than twice: what goes first, and what may go after it
        stores.run(sweeper.step(at(DAY)))
    assert stores.count("authorizations") == len(kept) == 8
    assert stores.count("sessions") == 0


def test_sweeping_while_it_is_used(stores: Stores) -> None:
    """Sweeps and refreshes in the same groups: nobody loses."""
    rows = [stores.active() for _ in range(20)]

    async def rotated() -> list[bool]:
        return [await stores.rotating(row, at(1)) for row in rows]

    async def swept_meanwhile() -> list[bool]:
        for _ in range(5):
            await stores.database.sweeper.step(at(2))
        return []

    won, _ = stores.gather([rotated(), swept_meanwhile()])
    assert won == [True] * 20
    assert {stores.read(row.authorization_id).generation for row in rows} == {2}
    assert stores.count("sessions") == 40
