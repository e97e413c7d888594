"""What the ports promise of environments, users, applications, objects and the audit log, on every engine."""

import os
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from tests.builders import an_application
from tests.contract.kit import START, Stores, at

from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import ClientId, ObjectId, RowId
from workgate.domain.oauth import Application, ApplicationType, ClientSecret, ConsentPolicy
from workgate.domain.objects import Condition, ObjectQuery, StoredObject
from workgate.domain.ports import AlreadyExists

MANY = 50


async def outcome_of(work: Coroutine[Any, Any, object]) -> object:
    """What came of it: the result, or the exception as a value."""
    try:
        return await work
    except AlreadyExists as error:
        return error


def a_secret(stores: Stores, note: str = "") -> ClientSecret:
    return ClientSecret(stores.ids.next(START), os.urandom(32), "abcd", note, START, None)


def of_acme(stores: Stores, **changes: Any) -> Application:
    client_id = ClientId(os.urandom(16).hex())
    return an_application(environment_id=stores.acme.environment_id, client_id=client_id, **changes)


def test_environments(stores: Stores) -> None:
    environments = stores.database.environments
    preview = stores.environment("acme", "preview")
    assert stores.run(environments.environment("acme", "preview")) == preview
    assert stores.run(environments.environment("acme", "sb01")) is None
    assert stores.run(environments.environment("nobody", "my")) is None
    assert list(stores.run(environments.environments("acme"))) == [stores.acme, preview]
    assert list(stores.run(environments.environments("nobody"))) == []
    assert stores.run(environments.oldest_environment()) == stores.acme
    with pytest.raises(AlreadyExists):
        stores.environment("acme", "preview")


def test_users(stores: Stores) -> None:
    users, where = stores.database.users, stores.acme.environment_id
    assert stores.run(users.user(where, stores.ann.user_id)) == stores.ann
    assert stores.run(users.user(stores.globex.environment_id, stores.ann.user_id)) is None
    for spelling in ("ann", "ANN", " Ann "):
        record = stores.run(users.account_named(where, spelling))
        assert record is not None
        assert (record.user, record.password_hash, record.locked_until) == (stores.ann, "a hash", None)
    assert stores.run(users.account_named(stores.globex.environment_id, "ann")) is None
    with pytest.raises(AlreadyExists):
        stores.user("Ann")
    assert stores.user("ann", stores.globex).user_id != stores.ann.user_id


def test_a_taken_name_spoils_nothing_of_its_group(stores: Stores) -> None:
    """Changes that meet in one group commit stand or fall each by itself."""

    def creating(username: str) -> Coroutine[Any, Any, None]:
        user = stores.ann._replace(username=username, user_id=ObjectId(os.urandom(16).hex()))
        return stores.database.users.create_user(user, None, START)

    names = [name for i in range(20) for name in (f"user {i}", "ANN")]
    outcomes = stores.gather(outcome_of(creating(name)) for name in names)
    assert outcomes[::2] == [None] * 20
    assert all(isinstance(outcome, AlreadyExists) for outcome in outcomes[1::2])
    find, where = stores.database.users.account_named, stores.acme.environment_id
    found = stores.gather(find(where, name) for name in names)
    assert None not in found
    assert stores.count("users") == 21


def test_one_of_fifty_gets_a_name(stores: Stores) -> None:
    users = [stores.ann._replace(username="eve", user_id=ObjectId(os.urandom(16).hex())) for _ in range(MANY)]
    outcomes = stores.gather(outcome_of(stores.database.users.create_user(user, None, START)) for user in users)
    assert outcomes.count(None) == 1
    record = stores.run(stores.database.users.account_named(stores.acme.environment_id, "eve"))
    assert record is not None
    assert record.user == users[outcomes.index(None)]


async def failing(stores: Stores, now: float = 0) -> bool:
    return await stores.database.users.failed_sign_in(stores.ann, now=at(now), tries=5, lock_until=at(now + 600))


def locked_until(stores: Stores) -> int | None:
    record = stores.run(stores.database.users.account_named(stores.acme.environment_id, "ann"))
    assert record is not None
    return record.locked_until


def test_failed_sign_ins(stores: Stores) -> None:
    users = stores.database.users
    assert [stores.run(failing(stores)) for _ in range(4)] == [False] * 4
    assert stores.run(users.signed_in(stores.ann, now=at(0)))
    assert [stores.run(failing(stores)) for _ in range(5)] == [False] * 4 + [True]
    assert locked_until(stores) == at(600)
    assert stores.run(failing(stores, 100)) is False
    assert locked_until(stores) == at(600)
    assert not stores.run(users.signed_in(stores.ann, now=at(599.999)))
    assert stores.run(users.signed_in(stores.ann, now=at(600)))
    assert locked_until(stores) is None


def test_a_provider_s_word_is_not_kept_out_by_a_lock(stores: Stores) -> None:
    for _ in range(5):
        stores.run(failing(stores))
    assert stores.run(stores.database.users.signed_in(stores.ann, now=at(1), locked_too=True))
    assert locked_until(stores) is None


def test_the_count_begins_anew_after_a_lock(stores: Stores) -> None:
    for _ in range(5):
        stores.run(failing(stores))
    assert [stores.run(failing(stores, 600)) for _ in range(5)] == [False] * 4 + [True]
    assert locked_until(stores) == at(1200)


def test_failed_sign_ins_at_once(stores: Stores) -> None:
    outcomes = stores.gather(failing(stores) for _ in range(MANY))
    assert outcomes.count(True) == 1
    assert locked_until(stores) == at(600)


def test_a_right_guess_among_fifty_wrong_ones(stores: Stores) -> None:
    guesses = [failing(stores) for _ in range(MANY)]
    right = stores.database.users.signed_in(stores.ann, now=at(0))
    assert stores.gather([*guesses, right])[-1] is False


def test_activity_ends_sessions(stores: Stores) -> None:
    users, where = stores.database.users, stores.acme.environment_id
    assert stores.run(users.set_active(where, "ANN", active=False))
    assert not stores.run(users.signed_in(stores.ann, now=at(0)))
    user = stores.run(users.user(where, stores.ann.user_id))
    assert user is not None
    assert (user.is_active, user.session_epoch) == (False, 1)
    assert stores.run(users.set_active(where, "ann", active=True))
    assert stores.run(users.signed_in(stores.ann, now=at(0)))
    assert not stores.run(users.set_active(where, "nobody", active=True))


def test_application(stores: Stores) -> None:
    applications, where = stores.database.applications, stores.acme.environment_id
    full = of_acme(
        stores,
        name="Full",
        type=ApplicationType.SPA,
        redirect_uris=("https://a.example/", "http://127.0.0.1/cb"),
        rotate_refresh_tokens=False,
        refresh_absolute_seconds=1,
        refresh_inactivity_seconds=2,
        code_seconds=60,
        consent=ConsentPolicy.NEVER,
        description="d",
        developer_name="n",
        has_logo=True,
        secrets=(a_secret(stores, "one"), a_secret(stores, "two")),
    )
    assert stores.run(
        applications.create_application(
            full, ("image/png", b"\x89PNG"), at_most=10, record=stores.record(AuditEvent.APPLICATION_CREATED)
        )
    )
    assert stores.run(applications.application(where, full.client_id)) == full
    assert stores.run(applications.logo(where, full.client_id)) == ("image/png", b"\x89PNG")
    assert stores.run(applications.logo(where, stores.app.client_id)) is None
    elsewhere = stores.globex.environment_id
    assert stores.run(applications.application(elsewhere, full.client_id)) is None
    assert stores.run(applications.logo(elsewhere, full.client_id)) is None
    assert {found.client_id for found in stores.run(applications.applications(where))} == {
        stores.app.client_id,
        full.client_id,
    }
    assert not stores.run(
        applications.delete_application(elsewhere, full.client_id, record=stores.record(AuditEvent.APPLICATION_DELETED))
    )
    assert stores.run(
        applications.delete_application(where, full.client_id, record=stores.record(AuditEvent.APPLICATION_DELETED))
    )
    assert not stores.run(
        applications.delete_application(where, full.client_id, record=stores.record(AuditEvent.APPLICATION_DELETED))
    )
    assert stores.count("application_secrets") == 0


def test_at_most_so_many_applications(stores: Stores) -> None:
    create = stores.database.applications.create_application
    made = [of_acme(stores, secrets=(a_secret(stores),)) for _ in range(MANY)]
    outcomes = stores.gather(
        create(application, None, at_most=10, record=stores.record(AuditEvent.APPLICATION_CREATED))
        for application in made
    )
    assert outcomes.count(True) == 9  # the tenth is there already
    assert stores.count("applications") == 10
    assert stores.count("application_secrets") == 9
    stores.application(stores.globex)  # another environment has room of its own
    assert stores.run(
        stores.database.applications.delete_application(
            stores.acme.environment_id, made[0].client_id, record=stores.record(AuditEvent.APPLICATION_DELETED)
        )
    )
    assert stores.run(create(of_acme(stores), None, at_most=10, record=stores.record(AuditEvent.APPLICATION_CREATED)))


def test_secrets(stores: Stores) -> None:
    applications, ids = stores.database.applications, (stores.acme.environment_id, stores.app.client_id)
    first, second = a_secret(stores, "first"), a_secret(stores, "second")
    for secret in (first, second):
        assert stores.run(applications.add_secret(*ids, secret, record=stores.record(AuditEvent.SECRET_ADDED)))
    stores.run(applications.secret_used(*ids, first.secret_id, at(5)))
    stores.flush()
    found = stores.run(applications.application(*ids))
    assert found is not None
    assert found.secrets == (replace(first, last_used_at=at(5)), second)
    assert stores.run(
        applications.delete_secret(*ids, first.secret_id, record=stores.record(AuditEvent.SECRET_DELETED))
    )
    assert not stores.run(
        applications.delete_secret(*ids, first.secret_id, record=stores.record(AuditEvent.SECRET_DELETED))
    )
    assert not stores.run(
        applications.delete_secret(
            stores.globex.environment_id, ids[1], second.secret_id, record=stores.record(AuditEvent.SECRET_DELETED)
        )
    )
    assert not stores.run(
        applications.add_secret(ids[0], "0" * 32, a_secret(stores), record=stores.record(AuditEvent.SECRET_ADDED))
    )
    found = stores.run(applications.application(*ids))
    assert found is not None
    assert found.secrets == (second,)


def test_objects(stores: Stores) -> None:
    objects, where = stores.database.objects, stores.acme.environment_id
    made = [
        StoredObject(where, "PROJ", ObjectId(f"{i:032x}"), f"P{i}", at(i), {"status": "AB"[i % 2], "priority": i})
        for i in range(10)
    ]
    stores.run(objects.insert(made))
    stores.run(objects.insert([]))

    def found(*conditions: Condition, first: int = 0, limit: int = 100) -> list[int]:
        query = ObjectQuery(obj_code="PROJ", conditions=conditions, first=first, limit=limit)
        rows = stores.run(objects.find(where, query))
        assert all(row == made[made.index(row)] for row in rows)
        return [made.index(row) for row in rows]

    assert found() == list(range(10))
    assert found(first=8) == [8, 9]
    assert found(first=2, limit=2) == [2, 3]
    assert found(Condition("status", ("A",))) == [0, 2, 4, 6, 8]
    assert found(Condition("status", ("A",)), Condition("priority", (1, 2, 4))) == [2, 4]
    assert found(Condition("name", ("P1", "P3"))) == [1, 3]
    assert found(Condition("ID", (made[5].object_id,))) == [5]
    assert found(Condition("entryDate", (), spans=((at(2), at(3)),))) == [2, 3]
    assert found(Condition("priority", (), spans=((0, 1), (8, 8)))) == [0, 1, 8]
    assert found(Condition("status", ("' OR 1=1 --",))) == []
    with pytest.raises(AlreadyExists):
        stores.run(objects.insert([replace(made[0], object_id=ObjectId("f" * 32)), made[1]]))
    assert found() == list(range(10))
    assert list(stores.run(objects.find(stores.globex.environment_id, ObjectQuery(obj_code="PROJ")))) == []


def test_audit(stores: Stores) -> None:
    audit, where = stores.database.audit, stores.environment("initech").environment_id
    records = [
        AuditRecord(
            environment_id=where,
            event_id=RowId(number),
            at=at(number),
            event=AuditEvent.TOKEN_REFUSED,
            reference=f"AAAA-000{number}",
            reason="a reason",
        )
        for number in range(1, 6)
    ]

    async def append() -> None:
        audit.append(records)

    stores.run(append())
    stores.flush()
    assert list(stores.run(audit.latest(where, 3))) == records[:1:-1]
    assert list(stores.run(audit.by_reference("AAAA-0002"))) == [records[1]]
    assert list(stores.run(audit.by_reference("AAAA-0009"))) == []
    assert list(stores.run(audit.latest(stores.globex.environment_id, 3))) == []
