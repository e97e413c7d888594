"""The people of an environment: what its administrators do to accounts, each change on the audit log.

Nobody disables himself or takes his own administrator right away, and of administrators the last active one stays, of
two changes at the same moment, too. The operator, who has the database at hand, may do both.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workgate.domain.accounts import LONGEST_USERNAME, Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Entropy, new_object_id
from workgate.domain.people import PeoplePage, PeopleStore, Person, PersonChanges, is_plain, search_words
from workgate.domain.ports import AlreadyExists, UserStore
from workgate.domain.problems import Conflict, NotFound, Problem
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting, until_new

LARGEST_PAGE = 200
LONGEST_PERSON_NAME = 100
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
_USER_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What an administrator enters of a user to be created, who has no password until he sets one."""

    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    is_admin: bool = False
    sso_only: bool = False


class People:
    """Administration of users."""

    def __init__(
        self, *, people: PeopleStore, users: UserStore, audit: AuditLog, clock: Clock, entropy: Entropy
    ) -> None:
        self._people = people
        self._users = users
        self._audit = audit
        self._clock = clock
        self._entropy = entropy

    async def people(
        self, environment: Environment, *, search: str = "", after: str = "", limit: int = 50, by: Acting
    ) -> PeoplePage:
        """List the environment's people, by user name, a page at a time.

        Args:
            environment: where.
            search: words that must all occur in the user name, the names or the e-mail address.
            after: ``following`` of the page before.
            limit: how many, at most 200.
            by: who is acting.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        after = after if _USER_ID.fullmatch(after) else ""
        limit = max(1, min(limit, LARGEST_PAGE))
        return await self._people.people(environment.environment_id, search_words(search), after=after, limit=limit)

    async def person(self, environment: Environment, user_id: str, *, by: Acting) -> Person:
        """Give one.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody in this environment has that ID.
        """
        by.must_administer(environment)
        person = None
        if _USER_ID.fullmatch(user_id):
            person = await self._people.person(environment.environment_id, user_id)
        if person is None:
            raise NotFound("nobody in this organisation has that ID: it may be one of another organisation or lane")
        return person

    async def named(self, environment: Environment, username: str, *, by: Acting) -> Person:
        """Give one by user name.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody in this environment has that name.
        """
        by.must_administer(environment)
        account = None
        if 0 < len(username) <= LONGEST_USERNAME:
            account = await self._users.account_named(environment.environment_id, username)
        if account is None:
            raise NotFound("nobody in this environment has the user name {username!r}", username=username[:60])
        return await self.person(environment, account.user.user_id, by=by)

    async def create(self, environment: Environment, new: NewUser, *, by: Acting) -> User:
        """Create a user, without a password.

        Raises:
            NotAllowed: whoever asks is no administrator.
            Problem: a field is not usable.
            Conflict: the user name is taken.
        """
        by.must_administer(environment)
        entered = _checked(asdict(new))
        now = self._clock.now()
        sso_only = bool(entered.pop("sso_only"))
        user = User(
            environment_id=environment.environment_id,
            user_id=new_object_id(now, self._entropy),
            is_active=True,
            session_epoch=0,
            **entered,
        )
        reason = f"user {user.user_id}" + (", an administrator" if user.is_admin else "")
        await self._must_be_free(environment, user.username)
        try:
            await until_new(
                lambda: self._people.create(
                    user,
                    None,
                    now,
                    sso_only=sso_only,
                    record=by.entry(self._audit, AuditEvent.USER_CREATED, environment, reason=reason),
                )
            )
        except AlreadyExists:
            raise _taken() from None
        return user

    async def change(self, environment: Environment, user_id: str, changes: PersonChanges, *, by: Acting) -> Person:
        """Change fields of a user; what is not named stays. Disabling or enabling ends every session of the user.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody in this environment has that ID.
            Problem: a field is not usable.
            Conflict: the user name is taken, or whoever asks must not do that to himself or to the last administrator.
        """
        before = await self.person(environment, user_id, by=by)
        given = {name: value for name, value in asdict(changes).items() if value is not None}
        differing = {name: value for name, value in _checked(given).items() if value != _present(before)[name]}
        if not differing:
            return before
        _must_leave_oneself_in(before.user, differing, by)
        if "username" in differing:
            await self._must_be_free(environment, str(differing["username"]), but=before.user)
        try:
            changed = await until_new(
                lambda: self._people.change(
                    environment.environment_id,
                    before.user.user_id,
                    PersonChanges(**differing),
                    keep_administrator=by.user is not None,
                    record=by.entry(
                        self._audit, AuditEvent.USER_CHANGED, environment, reason=_told(before.user, differing)
                    ),
                )
            )
        except AlreadyExists:
            raise _taken() from None
        if not changed:
            raise Conflict(
                "this is the last active administrator: make somebody else an administrator first", field="is_admin"
            )
        return await self.person(environment, user_id, by=by)

    async def unlock(self, environment: Environment, user_id: str, *, by: Acting) -> None:
        """Let passwords of a user be looked at again after too many wrong ones.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody in this environment has that ID.
        """
        person = await self.person(environment, user_id, by=by)
        reason = f"user {person.user.user_id}: unlocked"
        await until_new(
            lambda: self._people.unlock(
                environment.environment_id,
                person.user.user_id,
                record=by.entry(self._audit, AuditEvent.USER_CHANGED, environment, reason=reason),
            )
        )

    async def end_sessions(self, environment: Environment, user_id: str, *, by: Acting) -> None:
        """End every session of a user, wherever it was opened; what applications hold, too, until they refresh.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nobody in this environment has that ID.
        """
        person = await self.person(environment, user_id, by=by)
        reason = f"all of user {person.user.user_id}"
        await until_new(
            lambda: self._people.end_sessions(
                environment.environment_id,
                person.user.user_id,
                record=by.entry(self._audit, AuditEvent.SESSIONS_ENDED, environment, reason=reason),
            )
        )

    async def _must_be_free(self, environment: Environment, username: str, *, but: User | None = None) -> None:
        account = await self._users.account_named(environment.environment_id, username)
        if account is not None and (but is None or account.user.user_id != but.user_id):
            raise _taken()


def _checked(entered: Mapping[str, Any]) -> dict[str, Any]:
    """Give what was entered without the spaces around texts. Raises ``Problem`` for the first that is not usable."""
    values = {name: value.strip() if isinstance(value, str) else value for name, value in entered.items()}
    username = values.get("username")
    if username is not None and (not username or not is_plain(username, LONGEST_USERNAME)):
        raise Problem(
            "the user name must have 1 to {most} characters and no control characters",
            field="username",
            most=LONGEST_USERNAME,
        )
    if not is_plain(values.get("first_name") or "", LONGEST_PERSON_NAME):
        raise Problem(
            "the first name can have {most} characters, and no control characters",
            field="first_name",
            most=LONGEST_PERSON_NAME,
        )
    if not is_plain(values.get("last_name") or "", LONGEST_PERSON_NAME):
        raise Problem(
            "the last name can have {most} characters, and no control characters",
            field="last_name",
            most=LONGEST_PERSON_NAME,
        )
    email = values.get("email")
    if email and not (is_plain(email, LONGEST_EMAIL) and _EMAIL.fullmatch(email)):
        raise Problem("the e-mail address must be of the form name@example.com", field="email")
    return values


def _present(person: Person) -> Mapping[str, object]:
    return {**person.user._asdict(), "sso_only": person.sso_only}


def _must_leave_oneself_in(user: User, differing: Mapping[str, object], by: Acting) -> None:
    if by.user is None or by.user.user_id != user.user_id:
        return
    if differing.get("is_active") is False:
        raise Conflict("you cannot disable yourself: another administrator can", field="is_active")
    if differing.get("is_admin") is False:
        raise Conflict("you cannot take away your own administrator right: another can", field="is_admin")
    if differing.get("sso_only") is True:
        raise Conflict("you cannot take your own password away: another administrator can", field="sso_only")


def _told(user: User, differing: Mapping[str, object]) -> str:
    """What the audit log says: which fields, and of those that give or take rights, to what."""
    flags = {name: value for name, value in differing.items() if isinstance(value, bool)}
    fields = [f"{name}={str(flags[name]).lower()}" if name in flags else name for name in differing]
    return f"user {user.user_id}: {', '.join(fields)}"


def _taken() -> Conflict:
    return Conflict("a user of this name exists already", field="username")
