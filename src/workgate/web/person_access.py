"""What an administrator does about somebody's signing in: invitations, locks, sessions, second steps, SSO."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.people import Person
from workgate.domain.problems import NotFound, Problem
from workgate.domain.texts import Text
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks, Mailing
from workgate.service.people import People
from workgate.service.second_steps import SecondSteps
from workgate.web.entrance import Administrator, AdministratorPage, Entrance
from workgate.web.languages import language_of
from workgate.web.person_page import PEOPLE_PATH, PersonPage, done
from workgate.web.setup_page import TOO_OLD, SetupPages


class PersonAccessPages:
    """The buttons of one person's page."""

    def __init__(
        self,
        *,
        setup: SetupPages,
        page: PersonPage,
        people: People,
        links: MailedLinks,
        second_steps: SecondSteps,
        federations: Federations,
        providers: IdentityProviders,
    ) -> None:
        self._setup = setup
        self._page = page
        self._people = people
        self._links = links
        self._second_steps = second_steps
        self._federations = federations
        self._providers = providers

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """Their addresses."""
        one = PEOPLE_PATH + "/{user_id}"
        keeping: tuple[tuple[str, str, AdministratorPage], ...] = (
            ("GET", f"{one}/second-steps", self.ask_to_reset),
            ("POST", f"{one}/federations", self.connect),
            ("POST", f"{one}/federations/remove", self.disconnect),
        )
        pressed: tuple[tuple[str, AdministratorPage], ...] = (
            (f"{one}/invite", self.invite),
            (f"{one}/unlock", self.unlock),
            (f"{one}/end-sessions", self.end_sessions),
            (f"{one}/second-steps", self.reset),
        )
        return [
            *(
                Route(path, entrance.administrators(page, keeps_entries=True, back=PEOPLE_PATH), methods=[method])
                for method, path, page in keeping
            ),
            *(Route(path, entrance.administrators(page, back=PEOPLE_PATH), methods=["POST"]) for path, page in pressed),
        ]

    async def invite(self, request: Request, admin: Administrator) -> Response:
        """Mail a link by which the user sets a password; where no mail leaves, show it, this once."""
        person = await self._page.person(request, admin)
        mailing = Mailing(admin.visitor.issuer, language_of(request).say)
        try:
            invited = await self._links.invite(admin.environment, person.user, by=admin.acting, mailing=mailing)
        except NotFound:
            raise
        except Problem as problem:
            return await self._page.render(request, admin, person, problem=problem.text, status=HTTPStatus.CONFLICT)
        if invited.mailed:
            return done(person, "invited")
        context = {
            "person": self._page.shown(person),
            "link": invited.address,
            "expires_at": invited.expires_at,
            "people_path": PEOPLE_PATH,
        }
        here = f"{PEOPLE_PATH}/{person.user.user_id}"
        return self._setup.page(request, admin, "setup_person_link.html", context, here=here)

    async def unlock(self, request: Request, admin: Administrator) -> Response:
        """Let the user try passwords again."""
        person = await self._page.person(request, admin)
        await self._people.unlock(admin.environment, person.user.user_id, by=admin.acting)
        return done(person, "unlocked")

    async def end_sessions(self, request: Request, admin: Administrator) -> Response:
        """End all sessions of the user."""
        person = await self._page.person(request, admin)
        await self._people.end_sessions(admin.environment, person.user.user_id, by=admin.acting)
        return done(person, "ended")

    async def ask_to_reset(self, request: Request, admin: Administrator) -> Response:
        """Say what removing the second steps means, and ask."""
        person = await self._page.person(request, admin)
        context = {"person": self._page.shown(person), "people_path": PEOPLE_PATH}
        here = f"{PEOPLE_PATH}/{person.user.user_id}/second-steps"
        return self._setup.page(request, admin, "setup_person_reset.html", context, here=here)

    async def reset(self, request: Request, admin: Administrator) -> Response:
        """Remove the second steps of a user who lost them."""
        person = await self._page.person(request, admin)
        await self._second_steps.reset(admin.environment, person.user, by=admin.acting)
        return done(person, "reset")

    async def connect(self, request: Request, admin: Administrator) -> Response:
        """Let a federation ID stand for the user."""
        person = await self._page.person(request, admin)
        form, own = await self._setup.read(request, admin, "provider", "subject")
        typed = {name: form.get(name, "") for name in ("provider", "subject")}

        async def again(problem: Problem | Text, status: int) -> Response:
            return await self._page.render(request, admin, person, federation=typed, problem=problem, status=status)

        if not own:
            return await again(TOO_OLD, HTTPStatus.FORBIDDEN)
        try:
            provider = await self._providers.provider(admin.environment, typed["provider"], by=admin.acting)
            await self._federations.federate(
                admin.environment, provider, typed["subject"], person.user, by=admin.acting
            )
        except NotFound:
            return await again(Problem("choose one of the list", field="provider"), HTTPStatus.UNPROCESSABLE_ENTITY)
        except Problem as problem:
            return await again(problem, HTTPStatus.UNPROCESSABLE_ENTITY)
        return done(person, "connected")

    async def disconnect(self, request: Request, admin: Administrator) -> Response:
        """Let a federation ID of the user stand for nobody."""
        person = await self._page.person(request, admin)
        form, own = await self._setup.read(request, admin, "provider", "subject")
        if not own:
            return await self._page.render(request, admin, person, problem=TOO_OLD, status=HTTPStatus.FORBIDDEN)
        provider = await self._providers.provider(admin.environment, form.get("provider", ""), by=admin.acting)
        await self._must_be_of(admin, person, str(provider.provider_id), form.get("subject", ""))
        await self._federations.unfederate(admin.environment, provider, form.get("subject", ""), by=admin.acting)
        return done(person, "disconnected")

    async def _must_be_of(self, admin: Administrator, person: Person, provider_id: str, subject: str) -> None:
        connected = await self._federations.of(admin.environment, person.user, by=admin.acting)
        if (provider_id, subject) not in {(str(one.provider_id), one.subject) for one in connected}:
            raise NotFound("this federation ID does not stand for this user")
