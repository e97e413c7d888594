"""Setup pages of an environment's people: the list with its search, creating a user, and changing one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.people import LONGEST_SEARCH, PersonChanges
from workgate.domain.problems import NotFound, Problem
from workgate.domain.texts import N_, Text
from workgate.service.people import NewUser, People
from workgate.web.entrance import Administrator, AdministratorPage, Entrance
from workgate.web.pages import redirect
from workgate.web.person_page import BOXES, FIELDS, LENGTHS, PEOPLE_PATH, PersonPage, done, seen_of
from workgate.web.setup_page import TOO_OLD, SetupPages

PAGE_SIZE = 25
DONE: Mapping[str, Text] = {
    "created": N_("The user was created."),
    "saved": N_("Your changes are saved."),
    "invited": N_("The mail is on its way. Its link works once; an earlier one works no more."),
    "unlocked": N_("The account is unlocked."),
    "ended": N_("All sessions of this user ended."),
    "reset": N_("The second steps of this user are removed."),
    "connected": N_("The federation ID is connected."),
    "disconnected": N_("The federation ID is removed."),
}
_CHANGED_MEANWHILE = N_(
    "Somebody else changed this user since the page was opened. Nothing was saved: look at the entries, and press Save "
    "if they are right."
)


class PeoplePages:
    """The pages under ``/setup/people``, but for what is done about somebody's signing in."""

    def __init__(self, *, setup: SetupPages, people: People, page: PersonPage) -> None:
        self._setup = setup
        self._people = people
        self._page = page

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        one = PEOPLE_PATH + "/{user_id}"
        table: tuple[tuple[str, str, AdministratorPage], ...] = (
            ("GET", PEOPLE_PATH, self.listing),
            ("GET", f"{PEOPLE_PATH}/new", self.new),
            ("POST", f"{PEOPLE_PATH}/new", self.create),
            ("GET", one, self.show),
            ("POST", one, self.change),
        )
        return [
            Route(path, entrance.administrators(page, keeps_entries=True, back=PEOPLE_PATH), methods=[method])
            for method, path, page in table
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
            "people": [self._page.shown(person) for person in page.people],
            "search": search,
            "longest_search": LONGEST_SEARCH,
            "first_page": _address(searched) if after else None,
            "next_page": None if following is None else _address({**searched, "after": following}),
            "people_path": PEOPLE_PATH,
        }
        return self._setup.page(request, admin, "setup_people.html", context, here=_address(searched))

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form of a new user."""
        return self._form_of_new(request, admin, dict.fromkeys((*FIELDS, *BOXES), ""))

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Create what was entered; show the user's page, or the form again with what is wrong."""
        form, own = await self._setup.read(request, admin, *FIELDS, *BOXES)
        values = _typed(form)
        if not own:
            return self._form_of_new(request, admin, values, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        new = NewUser(
            **{name: values[name] for name in FIELDS},
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
        return await self._page.render(request, admin, await self._page.person(request, admin))

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        person = await self._page.person(request, admin)
        form, own = await self._setup.read(request, admin, "seen", *FIELDS, *BOXES)
        values = _typed(form)

        async def again(problem: Problem | Text, status: int) -> Response:
            return await self._page.render(request, admin, person, values=values, problem=problem, status=status)

        if not own:
            return await again(TOO_OLD, HTTPStatus.FORBIDDEN)
        if form.get("seen", "") != seen_of(person):
            return await again(_CHANGED_MEANWHILE, HTTPStatus.CONFLICT)
        entered: dict[str, Any] = {name: values[name] for name in FIELDS}
        changes = PersonChanges(**entered | {name: values[name] == "on" for name in BOXES})
        try:
            await self._people.change(admin.environment, person.user.user_id, changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            return await again(problem, HTTPStatus.UNPROCESSABLE_ENTITY)
        return done(person, "saved")

    def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        context = {"values": values, "people_path": PEOPLE_PATH, **LENGTHS}
        here = f"{PEOPLE_PATH}/new"
        return self._setup.page(
            request, admin, "setup_person_new.html", context, here=here, problem=problem, status=status
        )


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "") for name in (*FIELDS, *BOXES)}


def _address(query: Mapping[str, str]) -> str:
    return f"{PEOPLE_PATH}?{urlencode(query)}" if query else PEOPLE_PATH
