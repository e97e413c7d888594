"""What the ports promise of passwords, mailed links and a person's own sessions, on every engine."""

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.kit import DAY, HOUR, START, Stores, at, limits

from workgate.domain.accounts import SessionOrigin, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.mails import LinkPurpose, MailedLink
from workgate.domain.ports import AlreadyExists
from workgate.domain.signing_in import Account
from workgate.storage.database import open_embedded

MANY = 20


def account_of(stores: Stores, user: User | None = None) -> Account:
    whose = user or stores.ann
    found = stores.run(stores.database.users.account(whose.environment_id, whose.user_id))
    assert found is not None
    return found


def changing(stores: Stores, seen: Account, password_hash: str, now: Milliseconds = START, **more: Any) -> Any:
    record = stores.record(AuditEvent.PASSWORD_CHANGED, seen.user.environment_id)
    return stores.database.passwords.change_password(
        seen, password_hash, now=now, **{"keep": 0, "record": record, **more}
    )


def history(stores: Stores, limit: int = 50) -> list[str]:
    ann = stores.ann
    return list(stores.run(stores.database.passwords.history(ann.environment_id, ann.user_id, limit)))


def a_link(stores: Stores, user: User | None = None, **changes: Any) -> MailedLink:
    whose = user or stores.ann
    made = MailedLink(
        environment_id=whose.environment_id,
        link_id=stores.ids.next(START),
        user_id=whose.user_id,
        purpose=LinkPurpose.RESET,
        salt=os.urandom(32),
        key_id=1,
        expires_at=at(HOUR),
        epoch=1,
    )
    return replace(made, **changes)


def keeping(stores: Stores, link: MailedLink, *, at_most: int = 5, instead: bool = False) -> Any:
    record = stores.record(AuditEvent.LINK_MAILED, link.environment_id)
    return stores.database.links.create_link(link, now=START, at_most=at_most, instead=instead, record=record)


def kept(stores: Stores, link: MailedLink) -> MailedLink:
    assert stores.run(keeping(stores, link))
    return link


def found(stores: Stores, link: MailedLink, now: Milliseconds = START) -> MailedLink | None:
    return stores.run(stores.database.links.link(link.environment_id, link.link_id, now=now))


def test_change(stores: Stores) -> None:
    for _ in range(5):
        failing = stores.database.users.failed_sign_in(stores.ann, now=at(0), tries=5, lock_until=at(600))
        stores.run(failing)
    seen = account_of(stores)
    assert seen.locked_until == at(600)
    audited = stores.count("audit_events")
    assert stores.run(changing(stores, seen, "new", at(7)))
    now = account_of(stores)
    assert (now.password_hash, now.password_set_at, now.locked_until) == ("new", at(7), None)
    assert now.user == stores.ann._replace(session_epoch=1)
    assert stores.count("audit_events") == audited + 1


def test_a_change_that_comes_second_or_too_late_changes_nothing(stores: Stores) -> None:
    seen = account_of(stores)
    assert stores.gather(changing(stores, seen, f"new {i}") for i in range(MANY)).count(True) == 1
    current = account_of(stores)
    assert current.user.session_epoch == 1
    stores.run(stores.database.users.set_active(stores.acme.environment_id, "ann", active=False))
    audited = stores.count("audit_events")
    assert not stores.run(changing(stores, current, "new"))
    assert not stores.run(changing(stores, account_of(stores), "new"))
    assert stores.count("audit_events") == audited


def test_a_change_in_one_environment_leaves_the_others_alone(stores: Stores) -> None:
    other = stores.user("ann", stores.globex)
    before = account_of(stores, other)
    link = kept(stores, a_link(stores, other))
    assert stores.run(changing(stores, account_of(stores), "new"))
    assert account_of(stores, other) == before
    assert found(stores, link) == link


def test_history(stores: Stores) -> None:
    hashes = [f"hash {i}" for i in range(6)]
    for password_hash in hashes:  # all at one moment: each counts as younger than the one before it
        assert stores.run(changing(stores, account_of(stores), password_hash, keep=3))
    assert account_of(stores).password_hash == "hash 5"
    assert history(stores) == ["hash 4", "hash 3", "hash 2"]
    assert history(stores, 2) == ["hash 4", "hash 3"]
    assert stores.run(changing(stores, account_of(stores), "last", at(-100), keep=2))
    assert history(stores) == ["hash 5", "hash 4"]
    assert stores.run(changing(stores, account_of(stores), "very last", keep=0))
    assert history(stores) == []


def test_link(stores: Stores) -> None:
    link = kept(stores, a_link(stores))
    assert found(stores, link, at(HOUR - 0.001)) == link
    assert found(stores, link, at(HOUR)) is None
    elsewhere = replace(link, environment_id=stores.globex.environment_id)
    assert found(stores, elsewhere) is None
    assert found(stores, replace(link, link_id=RowId(link.link_id + 1))) is None


def test_a_user_has_so_many_links_of_a_kind(stores: Stores) -> None:
    links = [a_link(stores) for _ in range(MANY)]
    assert stores.gather(keeping(stores, link) for link in links).count(True) == 5
    assert stores.run(keeping(stores, a_link(stores, purpose=LinkPurpose.INVITE, expires_at=at(7 * DAY))))
    assert stores.run(keeping(stores, a_link(stores, stores.user("bob"))))
    # Those that are over do not count.
    late = a_link(stores, expires_at=at(3 * HOUR))
    record = stores.record(AuditEvent.LINK_MAILED)
    creating = stores.database.links.create_link(late, now=at(HOUR), at_most=5, instead=False, record=record)
    assert stores.run(creating)


def test_a_link_instead_of_earlier_ones(stores: Stores) -> None:
    invite: dict[str, Any] = {"purpose": LinkPurpose.INVITE, "expires_at": at(7 * DAY)}
    first, reset = kept(stores, a_link(stores, **invite)), kept(stores, a_link(stores))
    bobs = kept(stores, a_link(stores, stores.user("bob"), **invite))
    second = a_link(stores, **invite)
    assert stores.run(keeping(stores, second, at_most=1, instead=True))
    assert [found(stores, link) is not None for link in (first, second, reset, bobs)] == [False, True, True, True]


def test_a_link_id_that_is_taken(stores: Stores) -> None:
    link = kept(stores, a_link(stores))
    with pytest.raises(AlreadyExists):
        stores.run(keeping(stores, replace(link, salt=os.urandom(32))))
    assert found(stores, link) == link


def test_a_link_is_used_once(stores: Stores) -> None:
    link, other = kept(stores, a_link(stores)), kept(stores, a_link(stores))
    seen = account_of(stores)
    changes = [changing(stores, seen, f"new {i}", link_id=link.link_id) for i in range(MANY)]
    changes += [changing(stores, seen, f"newer {i}", link_id=other.link_id) for i in range(MANY)]
    assert stores.gather(changes).count(True) == 1
    assert account_of(stores).user.session_epoch == 1
    assert found(stores, link) is None
    assert found(stores, other) is None  # the user's other links are worth nothing any more
    assert not stores.run(changing(stores, account_of(stores), "again", link_id=link.link_id))


def test_a_link_that_is_over_or_somebody_elses_changes_nothing(stores: Stores) -> None:
    bob = stores.user("bob")
    over = kept(stores, a_link(stores))
    bobs = kept(stores, a_link(stores, bob))
    seen = account_of(stores)
    assert not stores.run(changing(stores, seen, "new", at(HOUR), link_id=over.link_id))
    assert not stores.run(changing(stores, seen, "new", link_id=bobs.link_id))
    assert not stores.run(
        changing(stores, seen._replace(user=seen.user._replace(session_epoch=9)), "new", link_id=over.link_id)
    )
    assert account_of(stores) == seen
    assert found(stores, over) == over
    assert found(stores, bobs) == bobs


def test_links_that_are_over_are_cleaned_up(stores: Stores) -> None:
    kept(stores, a_link(stores))
    living = kept(stores, a_link(stores, expires_at=at(2 * HOUR)))
    stores.run(stores.database.sweeper.sweep(at(HOUR)))
    assert stores.count("mailed_links") == 1
    assert found(stores, living) == living


def test_users_by_email(stores: Stores) -> None:
    address = stores.ann.email
    bob = stores.user("bob")
    stores.user("eve", stores.globex)

    def named(email: str, limit: int = 5) -> list[str]:
        where = stores.acme.environment_id
        ids = stores.run(stores.database.passwords.users_with_email(where, email, limit))
        return ["ann" if user_id == stores.ann.user_id else "bob" for user_id in sorted(ids)]

    assert bob.email == address
    assert sorted(named(address)) == ["ann", "bob"]
    assert sorted(named(address.upper())) == ["ann", "bob"]
    assert len(named(address, 1)) == 1
    assert named("nobody@acme.example") == []


def opened(stores: Stores, user: User | None = None, now: Milliseconds = START, **more: Any) -> RowId:
    whose = user or stores.ann
    row_id = stores.ids.next(now)
    opening = stores.database.sessions.open_session(
        whose.environment_id,
        row_id,
        **{
            "user": whose,
            "origin": SessionOrigin.BROWSER,
            "salt": os.urandom(32),
            "now": now,
            "limits": limits(now),
            "address": "192.0.2.1",
            "agent": "curl/8",
            **more,
        },
    )
    stores.run(opening)
    return row_id


def own(stores: Stores, user: User | None = None, now: Milliseconds = START, **more: Any) -> list[RowId]:
    asked: dict[str, Any] = {"before": None, "limit": 50, **more}
    listed = stores.run(stores.database.own_sessions.sessions_of(user or stores.ann, now=now, **asked))
    return [session.row_id for session in listed]


def test_own_sessions(stores: Stores) -> None:
    first = opened(stores)
    second = opened(stores, origin=SessionOrigin.API, address="2001:db8::1", agent="")
    third = opened(stores)
    opened(stores, stores.user("bob"))
    opened(stores, stores.user("ann", stores.globex))
    stores.active()  # an application's session
    assert own(stores) == [third, second, first]
    assert own(stores, limit=2) == [third, second]
    assert own(stores, before=second, limit=2) == [first]
    listed = stores.run(stores.database.own_sessions.sessions_of(stores.ann, now=START, before=None, limit=50))
    assert listed[1] == (second, SessionOrigin.API, START, START, "2001:db8::1", "")


def test_sessions_that_are_over_are_not_listed(stores: Stores) -> None:
    opened(stores, limits=limits(idle=60))
    opened(stores, limits=limits(absolute=60))
    living = opened(stores)
    assert len(own(stores, now=at(59.999))) == 3
    assert own(stores, now=at(60)) == [living]
    assert own(stores, stores.ann._replace(session_epoch=1)) == []


def test_ending_own_sessions(stores: Stores) -> None:
    sessions = stores.database.own_sessions
    mine = [opened(stores) for _ in range(4)]
    bob = stores.user("bob")
    bobs = opened(stores, bob)
    stores.active()

    def record() -> Any:
        return stores.record(AuditEvent.SIGNED_OUT)

    audited = stores.count("audit_events")
    elsewhere = stores.ann._replace(environment_id=stores.globex.environment_id)
    for stranger in (bob, elsewhere):
        assert not stores.run(sessions.end_own(stranger, mine[0], record=record()))
    assert stores.count("audit_events") == audited
    assert stores.run(sessions.end_own(stores.ann, mine[0], record=record()))
    assert not stores.run(sessions.end_own(stores.ann, mine[0], record=record()))
    assert own(stores) == mine[:0:-1]
    assert stores.run(sessions.end_others(stores.ann, mine[2], record=record()))
    assert not stores.run(sessions.end_others(stores.ann, mine[2], record=record()))
    assert own(stores) == [mine[2]]
    assert own(stores, bob) == [bobs]
    assert stores.count("audit_events") == audited + 2
    assert stores.count("sessions") == 3  # the application's is among them


def test_the_embedded_database_walks_no_environment(tmp_path: Path) -> None:
    """SQLite knows nothing of how full tables are: only the statement's shape leads it to the right index."""
    database = open_embedded(tmp_path / "workgate.db", START)
    sessions, passwords, links = database.own_sessions, database.passwords, database.links
    with closing(sqlite3.connect(tmp_path / "workgate.db")) as connection:
        of_sessions = (sessions._ids, sessions._end, sessions._end_others)
        for statement in (*of_sessions, passwords._by_email, passwords._drop_links, links._create):
            asked = f"EXPLAIN QUERY PLAN {statement.sql}"
            steps = [row[3] for row in connection.execute(asked, [1] * statement.sql.count("?"))]
            assert not any(step.startswith("SCAN ") and step != "SCAN CONSTANT ROW" for step in steps), steps
            assert not any(step.endswith("(environment_id=?)") for step in steps), steps
    asyncio.run(database.close())
