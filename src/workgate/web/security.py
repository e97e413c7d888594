"""Two-step sign-in on one's account pages: what is set up, setting up more, removing, and new recovery codes.

Whoever signed in longer ago than ten minutes first shows the password again, on a page that leads back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import Session
from workgate.domain.ids import RowId
from workgate.domain.problems import Conflict, NotFound, Problem
from workgate.domain.second_factors import MOST_FACTORS, RECOVERY_CODES, FactorKind, SecondFactor, relying_party
from workgate.domain.texts import N_, Text
from workgate.oauth.params import Params
from workgate.service.confirming import Confirming
from workgate.service.second_steps import NotRecent, OwnSteps, Person, SecondSteps
from workgate.service.sessions import Opened
from workgate.service.signing_in import SignInLimited
from workgate.web.browser import Browsers, Visitor, set_session_cookie
from workgate.web.entrance import Entrance, EntrancePage, PostedPage
from workgate.web.factor_forms import APP_FIELDS, PASSKEY_FIELDS, FactorForms, Place
from workgate.web.languages import duration
from workgate.web.pages import Pages, own_path, redirect

SECURITY_PATH = "/account/security"
APP_PATH = f"{SECURITY_PATH}/authenticator"
PASSKEY_PATH = f"{SECURITY_PATH}/passkey"
CODES_PATH = f"{SECURITY_PATH}/recovery-codes"
CONFIRM_PATH = f"{SECURITY_PATH}/confirm"
REMOVE_PATH = f"{SECURITY_PATH}/{{factor_id}}/remove"
_DONE: Mapping[str, Text] = {
    "added": N_("The second step was added."),
    "removed": N_("The second step was removed."),
}
_WRONG = {
    "title": N_("That did not work"),
    "text": N_(
        "This is not your present password, or your account is locked for some minutes after several wrong tries."
    ),
}
_LONGEST_ID = 19
_LARGEST_ID = 2**63 - 1
P = ParamSpec("P")


class SecurityPages:
    """One's own second steps."""

    def __init__(
        self,
        *,
        second_steps: SecondSteps,
        confirming: Confirming,
        forms: FactorForms,
        browsers: Browsers,
        pages: Pages,
    ) -> None:
        self._second_steps = second_steps
        self._confirming = confirming
        self._forms = forms
        self._browsers = browsers
        self._pages = pages

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""

        def shown(path: str, handler: EntrancePage) -> BaseRoute:
            return Route(path, entrance.signed_in(_recently(handler)), methods=["GET"])

        def posted(path: str, handler: PostedPage, *names: str) -> BaseRoute:
            return Route(path, entrance.posted(_recently(handler), *names), methods=["POST"])

        return [
            Route(SECURITY_PATH, entrance.signed_in(self.overview), methods=["GET"]),
            Route(CONFIRM_PATH, entrance.signed_in(self.ask_password), methods=["GET"]),
            Route(CONFIRM_PATH, entrance.posted(self.confirm, "password", "next"), methods=["POST"]),
            shown(APP_PATH, self.new_app),
            posted(APP_PATH, self.add_app, *APP_FIELDS),
            shown(PASSKEY_PATH, self.new_passkey),
            posted(PASSKEY_PATH, self.add_passkey, *PASSKEY_FIELDS),
            shown(CODES_PATH, self.ask_codes),
            posted(CODES_PATH, self.make_codes),
            shown(REMOVE_PATH, self.ask_to_remove),
            posted(REMOVE_PATH, self.remove),
        ]

    async def overview(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Show what is set up."""
        own = await self._second_steps.of(visitor.environment, session.user)
        context = {
            "factors": [
                {**_shown(factor), "remove_url": REMOVE_PATH.format(factor_id=factor.factor_id)}
                for factor in own.factors
            ],
            "has_app": any(factor.kind is FactorKind.TOTP for factor in own.factors),
            "required": own.required,
            "most": MOST_FACTORS,
            "codes_left": own.codes_left,
            "codes_made": RECOVERY_CODES,
            "done": _DONE.get(request.query_params.get("done", "")),
            "app_url": APP_PATH,
            "passkey_url": PASSKEY_PATH,
            "codes_url": CODES_PATH,
        }
        return self._pages.render(request, "security.html", visitor.environment, context)

    async def ask_password(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Ask for the password once more."""
        return self._password(request, visitor, session, own_path(request.query_params.get("next")))

    async def confirm(self, request: Request, visitor: Visitor, session: Session, form: Params) -> Response:
        """Check it, and lead back."""
        target = own_path(form.get("next"))
        arrival = self._browsers.arrival(request, visitor)
        outcome = await self._confirming.by_password(arrival, session, form.get("password", ""))
        if isinstance(outcome, Opened):
            response = redirect(target, after_post=True)
            set_session_cookie(request, response, outcome.token.reveal())
            return response
        if isinstance(outcome, SignInLimited):
            wait = {
                "title": N_("Too many tries"),
                "text": N_("Wait {time}, then try again.", time=duration(outcome.retry_after)),
            }
            response = self._password(request, visitor, session, target, problem=wait, status=429)
            response.headers["Retry-After"] = str(outcome.retry_after)
            return response
        return self._password(request, visitor, session, target, problem=_WRONG, status=401)

    async def new_app(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Show what an authenticator app is to be given."""
        return await self._forms.app(request, visitor, _person(visitor, session), self._place(APP_PATH, session))

    async def add_app(self, request: Request, visitor: Visitor, session: Session, form: Params) -> Response:
        """Set it up if it shows the right code."""
        person, ticket = _person(visitor, session), form.get("ticket", "")
        try:
            codes = await self._second_steps.add_authenticator(person, ticket=ticket, code=form.get("code", ""))
        except NotRecent:
            raise
        except Problem as problem:
            place = self._place(APP_PATH, session)
            return await self._forms.app(request, visitor, person, place, ticket=ticket, problem=problem)
        return self._added(request, visitor, codes)

    async def new_passkey(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Have the browser asked for a passkey."""
        place = self._place(PASSKEY_PATH, session)
        return await self._forms.passkey(request, visitor, _person(visitor, session), place)

    async def add_passkey(self, request: Request, visitor: Visitor, session: Session, form: Params) -> Response:
        """Keep the one that it made."""
        person, name = _person(visitor, session), form.get("name", "")
        party = relying_party(visitor.environment.name, visitor.issuer)
        if party is None:
            raise NotFound("passkeys cannot be used at this address")
        try:
            codes = await self._second_steps.add_passkey(
                person, party, ticket=form.get("ticket", ""), answer=form.get("credential", ""), name=name
            )
        except NotRecent:
            raise
        except Problem as problem:
            place = self._place(PASSKEY_PATH, session)
            return await self._forms.passkey(request, visitor, person, place, name=name, problem=problem)
        return self._added(request, visitor, codes)

    async def ask_codes(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Ask before the recovery codes are replaced."""
        self._second_steps.must_be_recent(_person(visitor, session))
        return await self._codes_question(request, visitor, session)

    async def make_codes(self, request: Request, visitor: Visitor, session: Session, form: Params) -> Response:
        """Replace them, and show the new ones."""
        del form
        try:
            codes = await self._second_steps.new_recovery_codes(_person(visitor, session))
        except Conflict as problem:
            return await self._codes_question(request, visitor, session, problem)
        return self._forms.codes(request, visitor, codes, added=False, next_url=SECURITY_PATH)

    async def ask_to_remove(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Ask before a second step is removed."""
        self._second_steps.must_be_recent(_person(visitor, session))
        return await self._removal(request, visitor, session)

    async def remove(self, request: Request, visitor: Visitor, session: Session, form: Params) -> Response:
        """Remove it."""
        del form
        try:
            await self._second_steps.remove(_person(visitor, session), _factor_id(request))
        except Conflict as problem:
            return await self._removal(request, visitor, session, problem)
        return redirect(f"{SECURITY_PATH}?done=removed", after_post=True)

    async def _removal(
        self, request: Request, visitor: Visitor, session: Session, problem: Problem | None = None
    ) -> Response:
        own = await self._second_steps.of(visitor.environment, session.user)
        context = {"factor": _shown(_own(own, _factor_id(request))), "is_last": len(own.factors) == 1}
        return self._question(request, visitor, session, "second_step_remove.html", context, problem)

    async def _codes_question(
        self, request: Request, visitor: Visitor, session: Session, problem: Problem | None = None
    ) -> Response:
        own = await self._second_steps.of(visitor.environment, session.user)
        context = {"codes_left": own.codes_left}
        return self._question(request, visitor, session, "recovery_codes.html", context, problem)

    def _question(
        self,
        request: Request,
        visitor: Visitor,
        session: Session,
        template: str,
        context: Mapping[str, object],
        problem: Problem | None,
    ) -> Response:
        here = request.scope["path"]
        shared = {
            "problem": None if problem is None else problem.text,
            "back_url": SECURITY_PATH,
            "form": {"action": here, "csrf": self._browsers.form_of_session(session)},
        }
        status = 200 if problem is None else 409
        return self._pages.render(
            request, template, visitor.environment, {**shared, **context}, status=status, here=here
        )

    def _password(
        self,
        request: Request,
        visitor: Visitor,
        session: Session,
        target: str,
        *,
        problem: Mapping[str, Text] | None = None,
        status: int = 200,
    ) -> Response:
        context = {
            "user": {"name": session.user.name, "username": session.user.username},
            "form": {"action": CONFIRM_PATH, "csrf": self._browsers.form_of_session(session), "next": target},
            "problem": problem,
            "back_url": SECURITY_PATH,
        }
        here = _confirm_address(target)
        return self._pages.render(
            request, "confirm_password.html", visitor.environment, context, status=status, here=here
        )

    def _added(self, request: Request, visitor: Visitor, codes: Sequence[str]) -> Response:
        if codes:
            return self._forms.codes(request, visitor, codes, added=True, next_url=SECURITY_PATH)
        return redirect(f"{SECURITY_PATH}?done=added", after_post=True)

    def _place(self, path: str, session: Session) -> Place:
        csrf = self._browsers.form_of_session(session)
        return Place(action=path, csrf=csrf, back_url=SECURITY_PATH, enrolling=False)


def _recently(
    handler: Callable[Concatenate[Request, P], Awaitable[Response]],
) -> Callable[Concatenate[Request, P], Awaitable[Response]]:
    """Lead whoever signed in too long ago to the page that asks for the password, and back from there."""

    async def checked(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return await handler(request, *args, **kwargs)
        except NotRecent:
            return redirect(_confirm_address(request.scope["path"]), after_post=request.method == "POST")

    return checked


def _confirm_address(target: str) -> str:
    return f"{CONFIRM_PATH}?next={quote(target, safe='')}"


def _person(visitor: Visitor, session: Session) -> Person:
    return Person(visitor.environment, session.user, session.binding, session.opened_at, visitor.address)


def _shown(factor: SecondFactor) -> dict[str, object]:
    return {
        "kind": factor.kind.value,
        "name": factor.name,
        "created_at": factor.created_at,
        "last_used_at": factor.last_used_at,
    }


def _own(own: OwnSteps, factor_id: RowId) -> SecondFactor:
    for factor in own.factors:
        if factor.factor_id == factor_id:
            return factor
    raise NotFound("no second step of yours has this ID")


def _factor_id(request: Request) -> RowId:
    text: str = request.path_params["factor_id"]
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID and int(text) <= _LARGEST_ID):
        raise NotFound("this is no ID")
    return RowId(int(text))
