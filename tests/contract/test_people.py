"""What ``PeopleStore`` and the rules' store promise, on every engine."""

import os
from collections.abc import Sequence

import pytest
from tests.builders import a_user
from tests.contract.kit import START, Stores

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import ObjectId
from workgate.domain.people import Person, PersonChanges, search_words
from workgate.domain.ports import AlreadyExists


def create(stores: Stores, username: str, **more: object) -> User:
    made = a_user(
        environment_id=stores.acme.environment_id,
        user_id=ObjectId(os.urandom(16).hex()),
        username=username,
        session_epoch=0,
        **more,
    )
    record = stores.record(AuditEvent.USER_CREATED)
    stores.run(stores.database.people.create(made, None, START, sso_only=False, record=record))
    return made


def person(stores: Stores, user: User) -> Person:
    found = stores.run(stores.database.people.person(user.environment_id, user.user_id))
    assert found is not None
    return found


def change(stores: Stores, user: User, *, keep_administrator: bool = True, **changes: object) -> bool:
    return stores.run(changing(stores, user, keep_administrator=keep_administrator, **changes))


async def changing(stores: Stores, user: User, *, keep_administrator: bool = True, **changes: object) -> bool:
    return await stores.database.people.change(
        user.environment_id,
        user.user_id,
        PersonChanges(**changes),  # type: ignore[arg-type]  # fields of it
        keep_administrator=keep_administrator,
        record=stores.record(AuditEvent.USER_CHANGED),
    )


def names(stores: Stores, search: str = "", limit: int = 10) -> list[list[str]]:
    """The user names on each page of a list."""
    pages, after = [], ""
    while True:
        page = stores.run(
            stores.database.people.people(stores.acme.environment_id, search_words(search), after=after, limit=limit)
        )
        pages.append([one.user.username for one in page.people])
        if page.following is None:
            return pages
        after = page.following


def events(stores: Stores) -> Sequence[AuditEvent]:
    return [record.event for record in stores.run(stores.database.audit.latest(stores.acme.environment_id, 50))]


def test_lists_and_pages(stores: Stores) -> None:
    for number in range(5):
        create(stores, f"user{number}")
    stores.user("eve", stores.globex)
    assert names(stores) == [["ann", *(f"user{number}" for number in range(5))]]
    assert names(stores, limit=2) == [["ann", "user0"], ["user1", "user2"], ["user3", "user4"]]
    # Of an ID that is not there, of another environment too, a list begins at the beginning.
    page = stores.run(stores.database.people.people(stores.acme.environment_id, (), after="0" * 32, limit=1))
    assert [one.user.username for one in page.people] == ["ann"]


def test_searches(stores: Stores) -> None:
    create(stores, "zoe", first_name="Zoë", last_name="Ångström", email="zoe@example.com")
    create(stores, "strasse", first_name="Straße")
    for search, found in {
        "ZOË": ["zoe"],
        "ångström zoë": ["zoe"],
        "a\u030angstro\u0308m": ["zoe"],
        "EXAMPLE.com": ["zoe"],
        "zoë nobody": [],
        "STRASSE": ["strasse"],
        "%": [],
        "_": [],
        "\x00": [],
        "   ": ["ann", "strasse", "zoe"],
    }.items():
        assert names(stores, search) == [found], search


def test_a_search_is_paged(stores: Stores) -> None:
    for number in range(5):
        create(stores, f"user{number}")
    assert names(stores, "user", limit=2) == [["user0", "user1"], ["user2", "user3"], ["user4"]]
    assert names(stores, "user", limit=5) == [["user0", "user1", "user2", "user3", "user4"]]


def test_creating(stores: Stores) -> None:
    made = create(stores, "Zoe", email="zoe@example.com")
    found = person(stores, made)
    assert found.user == made
    assert (found.has_password, found.sso_only, found.second_steps, found.locked_until) == (False, False, 0, None)
    assert (found.created_at, found.last_sign_in_at) == (START, None)
    assert person(stores, stores.ann).has_password
    before = events(stores)
    with pytest.raises(AlreadyExists):
        create(stores, "ZOE")
    assert events(stores) == before
    assert stores.run(stores.database.people.person(stores.globex.environment_id, made.user_id)) is None


def test_changing(stores: Stores) -> None:
    zoe = create(stores, "zoe", first_name="Zoe", email="zoe@example.com")
    assert change(stores, zoe, first_name="Zoë", email="", sso_only=True)
    found = person(stores, zoe)
    assert found.user == zoe._replace(first_name="Zoë", email="")
    assert found.sso_only
    assert change(stores, zoe, username="ZED")
    account = stores.run(stores.database.users.account_named(stores.acme.environment_id, "zed"))
    assert account is not None
    assert account.user.user_id == zoe.user_id
    assert events(stores)[:2] == [AuditEvent.USER_CHANGED] * 2
    with pytest.raises(AlreadyExists):
        change(stores, zoe, username="Ann")
    # Nobody there, or of another environment: nothing happens, nothing is recorded.
    before = events(stores)
    assert not change(stores, zoe._replace(user_id=ObjectId("0" * 32)), first_name="x")
    assert not change(stores, zoe._replace(environment_id=stores.globex.environment_id), first_name="x")
    assert events(stores) == before


def test_disabling_ends_sessions_and_saving_the_same_does_not(stores: Stores) -> None:
    zoe = create(stores, "zoe")
    assert change(stores, zoe, is_active=True)
    assert person(stores, zoe).user.session_epoch == 0
    assert change(stores, zoe, is_active=False)
    assert person(stores, zoe).user.session_epoch == 1
    assert change(stores, zoe, first_name="Zoe")
    assert person(stores, zoe).user.session_epoch == 1
    assert not person(stores, zoe).user.is_active


def test_the_last_administrator_stays(stores: Stores) -> None:
    first, second = (create(stores, name, is_admin=True) for name in ("first", "second"))
    disabled = create(stores, "third", is_admin=True, is_active=False)
    create(stores, "fourth")
    assert change(stores, first, is_admin=False)
    for changes in ({"is_admin": False}, {"is_active": False}, {"is_admin": False, "is_active": False}):
        assert not change(stores, second, **changes)
    # What takes no right away goes on as before; so does everything of others.
    assert change(stores, second, first_name="Second", is_admin=True, is_active=True)
    assert change(stores, disabled, is_admin=False)
    assert change(stores, first, is_active=False)
    # The operator may.
    assert change(stores, second, keep_administrator=False, is_active=False)


def test_of_administrators_who_demote_each_other_at_once_one_stays(stores: Stores) -> None:
    administrators = [create(stores, f"admin{number}", is_admin=True) for number in range(4)]
    outcomes = stores.gather(changing(stores, user, is_admin=False) for user in administrators)
    assert sorted(outcomes) == [False, True, True, True]
    left = [user for user in administrators if person(stores, user).user.is_admin]
    assert len(left) == 1


def test_two_changes_at_once_are_both_made(stores: Stores) -> None:
    zoe = create(stores, "zoe", first_name="Zoe", last_name="Zed")
    works = (changing(stores, zoe, is_active=False), changing(stores, zoe, last_name="Zet"))
    assert stores.gather(works) == [True, True]
    found = person(stores, zoe).user
    assert (found.first_name, found.last_name, found.is_active) == ("Zoe", "Zet", False)


def test_unlocking_and_ending_sessions(stores: Stores) -> None:
    people, users = stores.database.people, stores.database.users
    lock_until = type(START)(START + 1000)
    assert stores.run(users.failed_sign_in(stores.ann, now=START, tries=1, lock_until=lock_until))
    assert person(stores, stores.ann).is_locked(START)
    key = (stores.ann.environment_id, stores.ann.user_id)
    assert stores.run(people.unlock(*key, record=stores.record(AuditEvent.USER_CHANGED)))
    assert not person(stores, stores.ann).is_locked(START)
    assert stores.run(people.end_sessions(*key, record=stores.record(AuditEvent.SESSIONS_ENDED)))
    assert person(stores, stores.ann).user.session_epoch == 1
    stranger = (stores.globex.environment_id, stores.ann.user_id)
    assert not stores.run(people.unlock(*stranger, record=stores.record(AuditEvent.USER_CHANGED)))
    assert not stores.run(people.end_sessions(*stranger, record=stores.record(AuditEvent.SESSIONS_ENDED)))
    assert events(stores)[:2] == [AuditEvent.SESSIONS_ENDED, AuditEvent.USER_CHANGED]
