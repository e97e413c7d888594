"""Setup pages of an environment's people: the list with its search, creating a user, and one person's page."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import LONGEST_USERNAME
from workgate.domain.ids import Clock
from workgate.domain.people import LONGEST_SEARCH, Person, PersonChanges
from workgate.domain.problems import NotFound, Problem
from workgate.domain.texts import N_, Text
from workgate.service.people import LONGEST_EMAIL, LONGEST_PERSON_NAME, NewUser, People
from workgate.web.entrance import Administrator, AdministratorPage, Entrance
from workgate.web.pages import redirect
from workgate.web.setup_page import TOO_OLD, SetupPages

PEOPLE_PATH = "/setup/people"
PAGE_SIZE = 25
DONE: Mapping[str, Text] = {
    "created": N_("The user was created."),
    "saved": N_("Your changes are saved."),
    "unlocked": N_("The account is unlocked."),
    "ended": N_("All sessions of this user ended."),
}
_FIELDS = ("username", "first_name", "last_name", "email")
_BOXES = ("is_admin", "is_active", "sso_only")
_CHANGED_MEANWHILE = N_(
    "Somebody else changed this user since the page was opened. Nothing was saved: look at the entries, and press Save "
    "if they are right."
)


class PeoplePages:
    """The pages under ``/setup/people``."""

    def __init__(self, *, setup: SetupPages, people: People, clock: Clock) -> None:
        self._setup = setup
        self._people = people
        self._clock = clock

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        one = PEOPLE_PATH + "/{user_id}"
        keeping: tuple[tuple[str, str, AdministratorPage], ...] = (
            ("GET", PEOPLE_PATH, self.listing),
            ("GET", f"{PEOPLE_PATH}/new", self.new),
            ("POST", f"{PEOPLE_PATH}/new", self.create),
            ("GET", one, self.show),
            ("POST", one, self.change),
        )
        pressed: tuple[tuple[str, AdministratorPage], ...] = (
            (f"{one}/unlock", self.unlock),
            (f"{one}/end-sessions", self.end_sessions),
        )
        return [
            *(
                Route(path, entrance.administrators(page, keeps_entries=True, back=PEOPLE_PATH), methods=[method])
                for method, path, page in keeping
            ),
            *(Route(path, entrance.administrators(page, back=PEOPLE_PATH), methods=["POST"]) for path, page in pressed),
        ]

    async def listing(self, request: Request, admin: Administrator) -> Response:
        """List people by user name, or those that a search finds, a page at a time."""
        search = request.query_params.get("search", "")[:LONGEST_SEARCH].strip()
        after = request.query_params.get("after", "")
        page = await self._people.people(
            admin.environment, search=search, after=after, limit=PAGE_SIZE, by=admin.acting
        )
        searched = {"search": search} if search else {}
        following = page.following
        context = {
            "people": [self._shown(person) for person in page.people],
            "search": search,
            "longest_search": LONGEST_SEARCH,
            "first_page": _address(searched) if after else None,
            "next_page": None if following is None else _address({**searched, "after": following}),
            "people_path": PEOPLE_PATH,
        }
        return self._page(request, admin, "setup_people.html", context, here=_address(searched))

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form of a new user."""
        return self._form_of_new(request, admin, dict.fromkeys((*_FIELDS, *_BOXES), ""))

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Create what was entered; show the user's page, or the form again with what is wrong."""
        form, own = await self._setup.read(request, admin, *_FIELDS, *_BOXES)
        values = _typed(form)
        if not own:
            return self._form_of_new(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        new = NewUser(
            **{name: values[name] for name in _FIELDS},
            is_admin=values["is_admin"] == "on",
            sso_only=values["sso_only"] == "on",
        )
        try:
            user = await self._people.create(admin.environment, new, by=admin.acting)
        except Problem as problem:
            return self._form_of_new(request, admin, values, problem=problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return redirect(f"{PEOPLE_PATH}/{user.user_id}?done=created", after_post=True)

    async def show(self, request: Request, admin: Administrator) -> Response:
        """Show one person, with everything that can be changed and done."""
        person = await self._person(request, admin)
        return self._form(request, admin, person, _values_of(person))

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        person = await self._person(request, admin)
        form, own = await self._setup.read(request, admin, "seen", *_FIELDS, *_BOXES)
        values = _typed(form)
        if not own:
            return self._form(request, admin, person, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        if form.get("seen", "") != _seen(person):
            return self._form(request, admin, person, values, problem=_CHANGED_MEANWHILE, status=HTTPStatus.CONFLICT)
        entered: dict[str, Any] = {name: values[name] for name in _FIELDS}
        changes = PersonChanges(**entered | {name: values[name] == "on" for name in _BOXES})
        try:
            await self._people.change(admin.environment, person.user.user_id, changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            return self._form(request, admin, person, values, problem=problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return _done(person, "saved")

    async def unlock(self, request: Request, admin: Administrator) -> Response:
        """Let the user try passwords again."""
        person = await self._person(request, admin)
        await self._people.unlock(admin.environment, person.user.user_id, by=admin.acting)
        return _done(person, "unlocked")

    async def end_sessions(self, request: Request, admin: Administrator) -> Response:
        """End all sessions of the user."""
        person = await self._person(request, admin)
        await self._people.end_sessions(admin.environment, person.user.user_id, by=admin.acting)
        return _done(person, "ended")

    async def _person(self, request: Request, admin: Administrator) -> Person:
        return await self._people.person(admin.environment, request.path_params["user_id"], by=admin.acting)

    def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {"values": values, **_LENGTHS}
        here = f"{PEOPLE_PATH}/new"
        return self._page(request, admin, "setup_person_new.html", context, here=here, problem=problem, status=status)

    def _form(
        self,
        request: Request,
        admin: Administrator,
        person: Person,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {
            "person": self._shown(person),
            "is_me": person.user.user_id == admin.session.user.user_id,
            "values": values,
            "seen": _seen(person),
            **_LENGTHS,
        }
        here = f"{PEOPLE_PATH}/{person.user.user_id}"
        return self._page(request, admin, "setup_person.html", context, here=here, problem=problem, status=status)

    def _page(
        self,
        request: Request,
        admin: Administrator,
        template: str,
        context: Mapping[str, object],
        *,
        here: str,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        shared = {"people_path": PEOPLE_PATH, **context}
        return self._setup.page(request, admin, template, shared, here=here, problem=problem, status=status)

    def _shown(self, person: Person) -> dict[str, object]:
        user = person.user
        return {
            "user_id": user.user_id,
            "username": user.username,
            "name": user.name,
            "email": user.email,
            "is_admin": user.is_admin,
            "is_active": user.is_active,
            "sso_only": person.sso_only,
            "has_password": person.has_password,
            "second_steps": person.second_steps,
            "locked_until": person.locked_until if person.is_locked(self._clock.now()) else None,
            "last_sign_in_at": person.last_sign_in_at,
            "created_at": person.created_at,
            "path": f"{PEOPLE_PATH}/{user.user_id}",
        }


_LENGTHS = {
    "longest_username": LONGEST_USERNAME,
    "longest_name": LONGEST_PERSON_NAME,
    "longest_email": LONGEST_EMAIL,
}


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "") for name in (*_FIELDS, *_BOXES)}


def _values_of(person: Person) -> dict[str, str]:
    """What the form shows before anything is typed."""
    user = person.user
    flags = {"is_admin": user.is_admin, "is_active": user.is_active, "sso_only": person.sso_only}
    return {name: getattr(user, name) for name in _FIELDS} | {name: "on" if flags[name] else "" for name in _BOXES}


def _seen(person: Person) -> str:
    """What a form has seen of a user: by it, one that another administrator's change has overtaken is known."""
    return hashlib.sha256(repr(sorted(_values_of(person).items())).encode()).hexdigest()[:16]


def _done(person: Person, what: str) -> Response:
    return redirect(f"{PEOPLE_PATH}/{person.user.user_id}?done={what}", after_post=True)


def _address(query: Mapping[str, str]) -> str:
    return f"{PEOPLE_PATH}?{urlencode(query)}" if query else PEOPLE_PATH
