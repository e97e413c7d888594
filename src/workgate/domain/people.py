"""The people of an environment as its administrators see and change them, and the store that keeps them.

What an account needs to sign in is ``domain/signing_in.py``'s; here is what a list and a form show, and no secret.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workgate.domain.accounts import User, username_key
from workgate.domain.audit import AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId

LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user with the state of the account. ``second_steps`` is how many authenticators and passkeys there are."""

    user: User
    sso_only: bool
    has_password: bool
    second_steps: int
    locked_until: Milliseconds | None
    last_sign_in_at: Milliseconds | None
    created_at: Milliseconds

    def is_locked(self, now: Milliseconds) -> bool:
        """Whether passwords are not looked at, after too many wrong ones."""
        return self.locked_until is not None and now < self.locked_until


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some people, by user name. ``following`` is where the next page begins; None: there is none.

    Of a search a page can be short, or empty, and have a following one: a look goes through so many people at a time.
    """

    people: Sequence[Person]
    following: ObjectId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanges:
    """What is to change of a user; what is None stays."""

    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    is_admin: bool | None = None
    is_active: bool | None = None
    sso_only: bool | None = None


def search_words(text: str) -> tuple[str, ...]:
    """The words of a search, in the form in which they are compared; every one of them must occur."""
    return tuple(username_key(text[:LONGEST_SEARCH]).split())


def matches(user: User, words: Sequence[str]) -> bool:
    """Tell whether every word occurs in the user's names or e-mail address, in capitals or not."""
    told = " ".join((user.username, user.first_name, user.last_name, user.email))
    folded = told.lower() if told.isascii() else username_key(told)
    return all(word in folded for word in words)


def is_plain(text: str, most: int) -> bool:
    """Tell whether a text can be a name: one line, of at most so many characters, that hides nothing."""
    return len(text) <= most and not any(unicodedata.category(letter).startswith("C") for letter in text)


class PeopleStore(Protocol):
    """People as administrators see them. A change is on the audit log if it happened, in the same commit.

    Each change may raise ``AlreadyExists`` when another process made the same ID for its record: try again.
    """

    async def person(self, environment_id: EnvironmentId, user_id: str) -> Person | None:
        """Find one; None: nobody in this environment has that ID."""

    async def people(
        self, environment_id: EnvironmentId, words: Sequence[str], *, after: str, limit: int
    ) -> PeoplePage:
        """List those in whom all words occur, by user name, from the one after the user ``after`` or from the first."""

    async def create(
        self, user: User, password_hash: str | None, now: Milliseconds, *, sso_only: bool, record: AuditRecord
    ) -> None:
        """Create one. Raises ``AlreadyExists`` if the user name is taken."""

    async def change(
        self,
        environment_id: EnvironmentId,
        user_id: ObjectId,
        changes: PersonChanges,
        *,
        keep_administrator: bool,
        record: AuditRecord,
    ) -> bool:
        """Write what is to change; sessions end if the user is disabled or enabled by it.

        False: nobody has that ID or, with ``keep_administrator``, no active administrator would be left. Of several
        at once, too, one is always left. Raises ``AlreadyExists`` if the user name is taken.
        """

    async def unlock(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """Forget wrong passwords; False: nobody has that ID."""

    async def end_sessions(self, environment_id: EnvironmentId, user_id: ObjectId, *, record: AuditRecord) -> bool:
        """End every session of a user; False: nobody has that ID."""
