"""One person's page: the form, the state of the account, and everything that can be done about signing in."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.accounts import LONGEST_USERNAME
from workgate.domain.ids import Clock
from workgate.domain.people import Person
from workgate.domain.problems import Problem
from workgate.domain.sso import LONGEST_SUBJECT
from workgate.domain.texts import Text
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks
from workgate.service.people import LONGEST_EMAIL, LONGEST_PERSON_NAME, People
from workgate.web.entrance import Administrator
from workgate.web.pages import redirect
from workgate.web.setup_page import SetupPages

PEOPLE_PATH = "/setup/people"
FIELDS = ("username", "first_name", "last_name", "email")
BOXES = ("is_admin", "is_active", "sso_only")
LENGTHS = {
    "longest_username": LONGEST_USERNAME,
    "longest_name": LONGEST_PERSON_NAME,
    "longest_email": LONGEST_EMAIL,
}


class PersonPage:
    """Finds one person, and renders the page."""

    def __init__(
        self,
        *,
        setup: SetupPages,
        people: People,
        federations: Federations,
        providers: IdentityProviders,
        links: MailedLinks,
        clock: Clock,
    ) -> None:
        self._setup = setup
        self._people = people
        self._federations = federations
        self._providers = providers
        self._links = links
        self._clock = clock

    async def person(self, request: Request, admin: Administrator) -> Person:
        """The person that the address names. Raises ``NotFound``."""
        return await self._people.person(admin.environment, request.path_params["user_id"], by=admin.acting)

    async def render(
        self,
        request: Request,
        admin: Administrator,
        person: Person,
        *,
        values: Mapping[str, str] | None = None,
        federation: Mapping[str, str] | None = None,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Make the page.

        Args:
            request: what is answered.
            admin: who looks.
            person: whose page it is.
            values: what was typed into the form of the account.
            federation: what was typed into the form of a federation ID: ``provider`` and ``subject``.
            problem: what is wrong with it.
            status: the HTTP status.
        """
        providers = await self._providers.providers(admin.environment, by=admin.acting)
        names = {provider.provider_id: provider.name for provider in providers}
        connected = await self._federations.of(admin.environment, person.user, by=admin.acting)
        typed = federation or {"provider": "", "subject": ""}
        context = {
            "person": self.shown(person),
            "is_me": person.user.user_id == admin.session.user.user_id,
            "values": values_of(person) if values is None else values,
            "seen": seen_of(person),
            "federations": [
                {
                    "provider": names[one.provider_id],
                    "provider_id": str(one.provider_id),
                    "subject": one.subject,
                    "created_at": one.created_at,
                }
                for one in connected
                if one.provider_id in names
            ],
            "providers": [(str(number), name, str(number) == typed["provider"]) for number, name in names.items()],
            "subject": typed["subject"],
            "longest_subject": LONGEST_SUBJECT,
            "can_mail": self._links.can_mail and bool(person.user.email),
            "people_path": PEOPLE_PATH,
            **LENGTHS,
        }
        here = f"{PEOPLE_PATH}/{person.user.user_id}"
        return self._setup.page(request, admin, "setup_person.html", context, here=here, problem=problem, status=status)

    def shown(self, person: Person) -> dict[str, object]:
        """What templates show of somebody."""
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


def values_of(person: Person) -> dict[str, str]:
    """What the form shows before anything is typed."""
    user = person.user
    flags = {"is_admin": user.is_admin, "is_active": user.is_active, "sso_only": person.sso_only}
    return {name: getattr(user, name) for name in FIELDS} | {name: "on" if flags[name] else "" for name in BOXES}


def seen_of(person: Person) -> str:
    """What a form has seen of a user: by it, one that another administrator's change has overtaken is known."""
    return hashlib.sha256(repr(sorted(values_of(person).items())).encode()).hexdigest()[:16]


def done(person: Person, what: str) -> Response:
    """Lead to the page of somebody, which says what was done."""
    return redirect(f"{PEOPLE_PATH}/{person.user.user_id}?done={what}", after_post=True)
