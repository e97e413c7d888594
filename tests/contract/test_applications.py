"""What the stores promise of registered applications, their keys, exchanged JWTs and connections, on every engine."""

import os
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from tests.contract.kit import DAY, START, Stores, at, limits

from workgate.domain.accounts import User, why_dead
from workgate.domain.audit import AuditEvent, AuditFilter, AuditRecord
from workgate.domain.ids import ClientId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import Application, ApplicationKey, ApplicationType, ClientSecret
from workgate.storage.schema import environments

MANY = 50


def version(stores: Stores) -> int:
    statement = stores.database.engine.prepare(
        select(environments.c.registry_version).where(environments.c.domain == "acme")
    )
    return int(stores.run(stores.database.engine.fetch(statement, {}))[0][0])


def newest(stores: Stores) -> AuditEvent:
    stores.flush()
    return stores.run(stores.database.audit.latest(stores.acme.environment_id, 1))[0].event


def a_key(stores: Stores, application: Application, user: User | None = None, **changes: Any) -> ApplicationKey:
    values: dict[str, Any] = {
        "environment_id": application.environment_id,
        "client_id": application.client_id,
        "key_id": stores.ids.next(START),
        "user_id": (user or stores.ann).user_id,
        "note": "a note",
        "public_key": "-----BEGIN PUBLIC KEY-----",
        "fingerprint": os.urandom(32).hex(),
        "bits": 2048,
        "created_at": START,
    }
    return ApplicationKey(**{**values, **changes})


def machine(stores: Stores) -> Application:
    return stores.application(type=ApplicationType.MACHINE, redirect_uris=())


def add(stores: Stores, key: ApplicationKey, at_most: int = 20) -> bool:
    record = stores.record(AuditEvent.KEY_ADDED)
    return stores.run(stores.database.keys.add_key(key, at_most=at_most, record=record))


async def exchanging(
    stores: Stores, key: ApplicationKey, digest: bytes, row_id: RowId | None = None, now: Milliseconds = START
) -> bool:
    return await stores.database.exchanges.exchange(
        key,
        row_id or stores.ids.next(now),
        user=stores.ann,
        digest=digest,
        expires_at=at(60),
        salt=os.urandom(32),
        key_id=1,
        now=now,
        limits=limits(now),
        note=stores.note(),
    )


def test_update(stores: Stores) -> None:
    applications, seen = stores.database.applications, version(stores)
    logo = ("image/png", b"\x89PNG")
    wanted = replace(
        stores.app,
        name="Another",
        redirect_uris=("https://a.example/", "https://b.example/"),
        rotate_refresh_tokens=False,
        refresh_absolute_seconds=7,
        description="d",
        has_logo=True,
    )
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert stores.run(applications.update_application(wanted, logo, keep_logo=False, record=record))
    assert version(stores) == seen + 1
    assert newest(stores) is AuditEvent.APPLICATION_CHANGED
    ids = (stores.acme.environment_id, stores.app.client_id)
    assert stores.run(applications.application(*ids)) == wanted
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert stores.run(applications.update_application(stores.app, None, keep_logo=True, record=record))
    assert stores.run(applications.logo(*ids)) == logo
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert stores.run(applications.update_application(stores.app, None, keep_logo=False, record=record))
    assert stores.run(applications.logo(*ids)) is None
    nobody = replace(stores.app, client_id=ClientId("0" * 32))
    count = stores.count("audit_events")
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert not stores.run(applications.update_application(nobody, None, keep_logo=True, record=record))
    assert stores.count("audit_events") == count


def test_note_of_a_secret(stores: Stores) -> None:
    applications, ids = stores.database.applications, (stores.acme.environment_id, stores.app.client_id)
    secret = ClientSecret(stores.ids.next(START), os.urandom(32), "abcd", "", START, None)
    stores.run(applications.add_secret(*ids, secret, record=stores.record(AuditEvent.SECRET_ADDED)))
    record = stores.record(AuditEvent.SECRET_NOTED)
    assert stores.run(applications.note_secret(*ids, secret.secret_id, "new", record=record))
    found = stores.run(applications.application(*ids))
    assert found is not None
    assert found.secrets == (replace(secret, note="new"),)
    other = (stores.globex.environment_id, stores.app.client_id)
    assert not stores.run(applications.note_secret(*other, secret.secret_id, "x", record=record))


def test_keys(stores: Stores) -> None:
    application, seen, keys = machine(stores), version(stores), stores.database.keys
    ids = (application.environment_id, application.client_id)
    first, second = a_key(stores, application), a_key(stores, application)
    assert add(stores, first)
    assert version(stores) == seen + 1
    assert not add(stores, a_key(stores, application, fingerprint=first.fingerprint))
    assert add(stores, second, at_most=2)
    assert not add(stores, a_key(stores, application), at_most=2)
    assert not add(stores, a_key(stores, replace(application, client_id=ClientId("0" * 32))))
    assert list(stores.run(keys.keys(*ids))) == [first, second]
    assert list(stores.run(keys.keys(stores.globex.environment_id, application.client_id))) == []
    record = stores.record(AuditEvent.KEY_DELETED)
    assert stores.run(keys.delete_key(*ids, first.key_id, record=record))
    assert newest(stores) is AuditEvent.KEY_DELETED
    assert not stores.run(keys.delete_key(*ids, first.key_id, record=stores.record(AuditEvent.KEY_DELETED)))
    record = stores.record(AuditEvent.APPLICATION_DELETED)
    assert stores.run(stores.database.applications.delete_application(*ids, record=record))
    assert stores.count("application_keys") == 0


def test_exchange(stores: Stores) -> None:
    key = a_key(stores, machine(stores))
    assert add(stores, key)
    digest, row_id = os.urandom(32), stores.ids.next(START)
    assert stores.run(exchanging(stores, key, digest, row_id, now=at(1)))
    assert newest(stores) is AuditEvent.JWT_EXCHANGED
    session = stores.run(stores.database.sessions.session(key.environment_id, row_id, 1))
    assert session is not None
    assert (session.user.user_id, session.client_id) == (stores.ann.user_id, key.client_id)
    assert why_dead(session, at(2), 0) is None
    (found,) = stores.run(stores.database.keys.keys(key.environment_id, key.client_id))
    assert found.last_used_at == at(1)
    counts = [stores.count(table) for table in ("authorizations", "sessions", "audit_events")]
    assert not stores.run(exchanging(stores, key, digest, now=at(2)))
    assert [stores.count(table) for table in ("authorizations", "sessions", "audit_events")] == counts


def test_one_jwt_many_times_at_once(stores: Stores) -> None:
    key = a_key(stores, machine(stores))
    assert add(stores, key)
    digest = os.urandom(32)
    assert stores.gather(exchanging(stores, key, digest) for _ in range(MANY)).count(True) == 1
    assert stores.count("sessions") == 1
    assert all(stores.gather(exchanging(stores, key, os.urandom(32)) for _ in range(MANY)))
    assert stores.count("sessions") == MANY + 1


def test_sweeping_exchanges(stores: Stores) -> None:
    key = a_key(stores, machine(stores))
    assert add(stores, key)
    for _ in range(3):
        assert stores.run(exchanging(stores, key, os.urandom(32)))
    stores.run(stores.database.sweeper.sweep(at(3600)))
    assert stores.count("used_jwts") == 3
    stores.run(stores.database.sweeper.sweep(at(3661)))
    assert stores.count("used_jwts") == 0
    stores.run(stores.database.sweeper.sweep(at(3 * DAY)))
    assert (stores.count("sessions"), stores.count("authorizations")) == (0, 0)


def test_connections_of_a_user(stores: Stores) -> None:
    other = stores.application(name="Another", refresh_absolute_seconds=DAY, refresh_inactivity_seconds=100)
    robot = machine(stores)
    assert add(stores, key := a_key(stores, robot))
    stores.active()
    stores.pending()
    stores.active()
    stores.active(app=other)
    assert stores.run(exchanging(stores, key, os.urandom(32)))

    def names(user: User, now: Milliseconds) -> list[tuple[str, Milliseconds | None]]:
        found = stores.run(stores.database.connections.of_user(stores.acme, user.user_id, now=now))
        return [(connection.client_id, connection.expires_at) for connection in found]

    expected = [
        (other.client_id, at(100)),
        *sorted([(stores.app.client_id, None), (robot.client_id, at(3600))]),
    ]
    assert names(stores.ann, at(1)) == expected
    assert other.client_id not in dict(names(stores.ann, at(100)))
    assert names(stores.user("bob"), at(1)) == []
    record = stores.record(AuditEvent.CONNECTION_WITHDRAWN)
    ended = stores.database.authorizations.withdraw(
        stores.acme.environment_id, stores.ann.user_id, stores.app.client_id, now=at(1), record=record
    )
    assert stores.run(ended) == 3
    assert stores.app.client_id not in dict(names(stores.ann, at(1)))
    assert newest(stores) is AuditEvent.CONNECTION_WITHDRAWN


def test_connections_of_an_application(stores: Stores) -> None:
    app = stores.application(refresh_absolute_seconds=20 * DAY, refresh_inactivity_seconds=10 * DAY)
    people = sorted((stores.user(f"user{number}") for number in range(5)), key=lambda user: user.user_id)
    for user in people:
        stores.active(user, app)
    stores.active(people[0], app)
    stores.active(people[0])
    connections = stores.database.connections

    def page(after: str, limit: int) -> list[ObjectId]:
        found = connections.of_application(stores.acme, app.client_id, now=at(1), after=after, limit=limit)
        return [connection.user_id for connection in stores.run(found)]

    ids = [user.user_id for user in people]
    assert page("", 3) == ids[:3]
    assert page(ids[2], 3) == ids[3:]
    assert page(ids[4], 3) == []
    count = stores.run(connections.count(stores.acme, app.client_id, now=at(1), soon=at(14 * DAY)))
    assert (count.users, count.expiring, count.last_token_at, count.more) == (5, 5, START, False)
    count = stores.run(connections.count(stores.acme, app.client_id, now=at(1), soon=at(9 * DAY)))
    assert (count.users, count.expiring) == (5, 0)
    count = stores.run(connections.count(stores.globex, app.client_id, now=at(1), soon=at(9 * DAY)))
    assert (count.users, count.expiring, count.last_token_at) == (0, 0, None)


def records_of(stores: Stores, environment_id: Any) -> list[AuditRecord]:
    kinds = (AuditEvent.TOKEN_REFUSED, AuditEvent.SIGNED_IN, AuditEvent.SECRET_ADDED)
    return [
        AuditRecord(
            environment_id=environment_id,
            event_id=stores.ids.next(at(number)),
            at=at(number),
            event=kinds[number % 3],
            actor="ab"[number % 2],
            client_id="cd"[number % 2],
            address=f"192.0.2.{number % 4}",
            reference=f"AAAA-00{number:02}",
        )
        for number in range(40)
    ]


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (AuditFilter(), lambda record: True),
        (AuditFilter(event=AuditEvent.SIGNED_IN), lambda record: record.event is AuditEvent.SIGNED_IN),
        (AuditFilter(actor="a", address="192.0.2.2"), lambda record: record.address == "192.0.2.2"),
        (AuditFilter(client_id="d"), lambda record: record.client_id == "d"),
        (AuditFilter(reference="AAAA-0007"), lambda record: record.reference == "AAAA-0007"),
        (AuditFilter(reference="AAAA-0007", actor="a"), lambda record: False),
        (AuditFilter(since=at(10), until=at(20)), lambda record: at(10) <= record.at < at(20)),
        (AuditFilter(event=AuditEvent.CODE_REDEEMED), lambda record: False),
    ],
)
def test_finding_records(stores: Stores, wanted: AuditFilter, matches: Any) -> None:
    where, audit = stores.environment("initech").environment_id, stores.database.audit
    records = records_of(stores, where)

    async def append() -> None:
        audit.append(records)

    stores.run(append())
    stores.flush()
    expected = [record for record in reversed(records) if matches(record)]
    found: list[AuditRecord] = []
    before: RowId | None = None
    while True:
        page = stores.run(audit.find(where, wanted, before=before, limit=7))
        found += page.records
        if page.following is None:
            break
        before = page.following
    assert found == expected
    assert not stores.run(audit.find(stores.globex.environment_id, wanted, before=None, limit=7)).records
