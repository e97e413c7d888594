"""The pages that set up a second step: on one's account pages, and at a sign-in that the organisation asks it of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.problems import Problem
from workgate.domain.second_factors import LONGEST_FACTOR_NAME, FactorKind, relying_party
from workgate.service.second_steps import NewAuthenticator, Person, SecondSteps
from workgate.web.browser import Visitor
from workgate.web.pages import Pages
from workgate.web.qr import qr_code

APP_FIELDS = ("ticket", "code")
PASSKEY_FIELDS = ("ticket", "credential", "name")
_GROUP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where such a page is: what its form posts to and is guarded by, and where one may go instead."""

    action: str
    csrf: str = field(repr=False)
    back_url: str
    enrolling: bool


class FactorForms:
    """Renders them, and shows new recovery codes."""

    def __init__(self, *, second_steps: SecondSteps, pages: Pages) -> None:
        self._second_steps = second_steps
        self._pages = pages

    async def app(
        self,
        request: Request,
        visitor: Visitor,
        person: Person,
        place: Place,
        *,
        ticket: str = "",
        problem: Problem | None = None,
    ) -> Response:
        """Show the secret for an authenticator app, after a wrong code the same one."""
        new: NewAuthenticator = self._second_steps.new_authenticator(person, ticket)
        own = await self._second_steps.of(person.environment, person.user)
        context = {
            **_shared(place, new.ticket, problem),
            "qr": qr_code(new.uri),
            "secret": [new.secret[at : at + _GROUP] for at in range(0, len(new.secret), _GROUP)],
            "replaces": any(factor.kind is FactorKind.TOTP for factor in own.factors),
        }
        return self._page(request, visitor, "second_step_app.html", context, place, problem)

    async def passkey(
        self,
        request: Request,
        visitor: Visitor,
        person: Person,
        place: Place,
        *,
        name: str = "",
        problem: Problem | None = None,
    ) -> Response:
        """Have the browser asked for a passkey, where it can be."""
        party = relying_party(visitor.environment.name, visitor.issuer)
        new = None if party is None else await self._second_steps.new_passkey(person, party)
        context = {
            **_shared(place, "" if new is None else new.ticket, problem),
            "options": None if new is None else new.options,
            "name": name[:LONGEST_FACTOR_NAME],
            "longest_name": LONGEST_FACTOR_NAME,
        }
        return self._page(request, visitor, "second_step_passkey.html", context, place, problem)

    def codes(
        self, request: Request, visitor: Visitor, codes: Sequence[str], *, added: bool, next_url: str
    ) -> Response:
        """Show new recovery codes, this once."""
        context = {"codes": codes, "added": added, "next_url": next_url}
        return self._pages.render(request, "recovery_codes_shown.html", visitor.environment, context)

    def _page(
        self,
        request: Request,
        visitor: Visitor,
        template: str,
        context: dict[str, object],
        place: Place,
        problem: Problem | None,
    ) -> Response:
        status = 200 if problem is None else 422
        return self._pages.render(request, template, visitor.environment, context, status=status, here=place.action)


def _shared(place: Place, ticket: str, problem: Problem | None) -> dict[str, object]:
    is_field = problem is not None and problem.field is not None
    return {
        "form": {"action": place.action, "csrf": place.csrf, "ticket": ticket},
        "back_url": place.back_url,
        "enrolling": place.enrolling,
        "problem": problem.text if problem is not None and not is_field else None,
        "error": {problem.field: problem.text} if problem is not None and is_field else {},
    }
