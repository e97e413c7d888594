"""The pages of a sign-in that owes a second step, or has to set one up first. Nothing else is open to it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.ids import Clock
from workgate.domain.ports import ApplicationStore
from workgate.domain.problems import Problem
from workgate.domain.second_factors import relying_party
from workgate.domain.signing_in import Step
from workgate.domain.texts import N_, Text
from workgate.oauth.params import Params
from workgate.service.second_step_answers import SecondStepAnswers, Ways
from workgate.service.second_steps import Person, SecondSteps
from workgate.service.signing_in import MoreToDo, Pending, SignedIn, SignIn, SigningIn, SignInLimited
from workgate.web.browser import Browsers, Visitor, posted_fields
from workgate.web.factor_forms import APP_FIELDS, PASSKEY_FIELDS, FactorForms, Place
from workgate.web.languages import duration
from workgate.web.pages import Pages, redirect
from workgate.web.pending import STEP_PATHS, PendingSignIns
from workgate.web.signin import SIGN_IN_PATH, sign_in_address, waiting_application

SECOND_STEP_PATH = STEP_PATHS[Step.SECOND_STEP]
ENROL_PATH = STEP_PATHS[Step.ENROL]
ENROL_APP_PATH = f"{ENROL_PATH}/authenticator"
ENROL_PASSKEY_PATH = f"{ENROL_PATH}/passkey"
_WAYS = ("passkey", "app", "recovery")
_WRONG = {
    "title": N_("That did not work"),
    "text": N_(
        "It is not right, was used before, or the account is locked. After several wrong tries in a row an account is "
        "locked for some minutes."
    ),
}
_WRONG_CODE = {
    "title": N_("That did not work"),
    "text": N_(
        "The code is not right, was used before, or the account is locked. Wait for the app to show the next one. "
        "After several wrong tries in a row an account is locked for some minutes."
    ),
}
_TOO_OLD = {
    "title": N_("Please try once more"),
    "text": N_("This page was open for too long, or your browser did not keep its cookie. Nothing was changed."),
}

_Page = Callable[[Request, Visitor], Awaitable[Response]]
_StepPage = Callable[[Request, Visitor, Pending], Awaitable[Response]]
_PostedStepPage = Callable[[Request, Visitor, Pending, Params], Awaitable[Response]]


class SecondStepPages:
    """What a browser with a sign-in under way sees."""

    def __init__(
        self,
        *,
        pending: PendingSignIns,
        signing_in: SigningIn,
        answers: SecondStepAnswers,
        second_steps: SecondSteps,
        forms: FactorForms,
        applications: ApplicationStore,
        browsers: Browsers,
        pages: Pages,
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._signing_in = signing_in
        self._answers = answers
        self._second_steps = second_steps
        self._forms = forms
        self._applications = applications
        self._browsers = browsers
        self._pages = pages
        self._clock = clock

    def routes(self, site_page: Callable[[_Page], Callable[[Request], Awaitable[Response]]]) -> list[BaseRoute]:
        """The addresses of these pages."""

        def shown(path: str, step: Step, handler: _StepPage) -> BaseRoute:
            return Route(path, site_page(self._under_way(step, handler)), methods=["GET"])

        def posted(path: str, step: Step, handler: _PostedStepPage, *names: str) -> BaseRoute:
            async def with_fields(request: Request, visitor: Visitor, pending: Pending) -> Response:
                form = await posted_fields(request, "csrf", *names)
                return await handler(request, visitor, pending, form)

            return Route(path, site_page(self._under_way(step, with_fields)), methods=["POST"])

        return [
            shown(SECOND_STEP_PATH, Step.SECOND_STEP, self.ask),
            posted(SECOND_STEP_PATH, Step.SECOND_STEP, self.answer, "way", "code", "ticket", "credential"),
            shown(ENROL_PATH, Step.ENROL, self.enrol),
            shown(ENROL_APP_PATH, Step.ENROL, self.new_app),
            posted(ENROL_APP_PATH, Step.ENROL, self.add_app, *APP_FIELDS),
            shown(ENROL_PASSKEY_PATH, Step.ENROL, self.new_passkey),
            posted(ENROL_PASSKEY_PATH, Step.ENROL, self.add_passkey, *PASSKEY_FIELDS),
        ]

    async def ask(self, request: Request, visitor: Visitor, pending: Pending) -> Response:
        """Ask for the second step, in the way that the address names or the best that there is."""
        return await self._question(request, visitor, pending, request.query_params.get("way", ""))

    async def answer(self, request: Request, visitor: Visitor, pending: Pending, form: Params) -> Response:
        """Check what was posted; lead on, or ask again."""
        way = form.get("way", "")
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            return await self._question(request, visitor, pending, way, problem=_TOO_OLD, status=403)
        outcome = await self._checked(request, visitor, pending, way, form)
        if isinstance(outcome, SignedIn | MoreToDo):
            return await self._pending.lead_on(request, visitor, outcome)
        if isinstance(outcome, SignInLimited):
            wait = {
                "title": N_("Too many tries"),
                "text": N_("Wait {time}, then try again.", time=duration(outcome.retry_after)),
            }
            response = await self._question(request, visitor, pending, way, problem=wait, status=429)
            response.headers["Retry-After"] = str(outcome.retry_after)
            return response
        wrong = _WRONG_CODE if way == "app" else _WRONG
        return await self._question(request, visitor, pending, way, problem=wrong, status=401)

    async def enrol(self, request: Request, visitor: Visitor, pending: Pending) -> Response:
        """Have a second step chosen to be set up."""
        context = {
            "app_url": ENROL_APP_PATH,
            "passkey_url": ENROL_PASSKEY_PATH,
            "cancel_url": sign_in_address(pending.target),
        }
        return self._pages.render(request, "enrol.html", visitor.environment, context)

    async def new_app(self, request: Request, visitor: Visitor, pending: Pending) -> Response:
        """Show what an authenticator app is to be given."""
        person, place = self._person(request, visitor, pending), self._place(request, ENROL_APP_PATH)
        return await self._forms.app(request, visitor, person, place)

    async def add_app(self, request: Request, visitor: Visitor, pending: Pending, form: Params) -> Response:
        """Set it up if it shows the right code, and sign in."""
        person, ticket = self._person(request, visitor, pending), form.get("ticket", "")
        try:
            self._must_be_own(request, form)
            codes = await self._second_steps.add_authenticator(person, ticket=ticket, code=form.get("code", ""))
        except Problem as problem:
            place = self._place(request, ENROL_APP_PATH)
            return await self._forms.app(request, visitor, person, place, ticket=ticket, problem=problem)
        return await self._enrolled(request, visitor, pending, codes)

    async def new_passkey(self, request: Request, visitor: Visitor, pending: Pending) -> Response:
        """Have the browser asked for a passkey."""
        person, place = self._person(request, visitor, pending), self._place(request, ENROL_PASSKEY_PATH)
        return await self._forms.passkey(request, visitor, person, place)

    async def add_passkey(self, request: Request, visitor: Visitor, pending: Pending, form: Params) -> Response:
        """Keep the one that it made, and sign in."""
        person, name = self._person(request, visitor, pending), form.get("name", "")
        party = relying_party(visitor.environment.name, visitor.issuer)
        try:
            self._must_be_own(request, form)
            if party is None:
                raise Problem("passkeys cannot be used at this address")
            codes = await self._second_steps.add_passkey(
                person, party, ticket=form.get("ticket", ""), answer=form.get("credential", ""), name=name
            )
        except Problem as problem:
            place = self._place(request, ENROL_PASSKEY_PATH)
            return await self._forms.passkey(request, visitor, person, place, name=name, problem=problem)
        return await self._enrolled(request, visitor, pending, codes)

    def _under_way(self, step: Step, handler: _StepPage) -> _Page:
        """Let through whose sign-in owes this step; others are led to the one that they owe, or told to begin."""

        async def checked(request: Request, visitor: Visitor) -> Response:
            pending = await self._pending.of(request, visitor)
            if pending is None:
                return self._pending.lost(request, visitor)
            if pending.step is not step:
                return redirect(STEP_PATHS[pending.step], after_post=request.method == "POST")
            return await handler(request, visitor, pending)

        return checked

    async def _checked(self, request: Request, visitor: Visitor, pending: Pending, way: str, form: Params) -> SignIn:
        arrival = self._browsers.arrival(request, visitor)
        party = relying_party(visitor.environment.name, visitor.issuer)
        if way == "passkey" and party is not None:
            return await self._answers.by_passkey(
                arrival, pending, party, ticket=form.get("ticket", ""), answer=form.get("credential", "")
            )
        if way == "recovery":
            return await self._answers.by_recovery_code(arrival, pending, form.get("code", ""))
        return await self._answers.by_code(arrival, pending, form.get("code", ""))

    async def _question(
        self,
        request: Request,
        visitor: Visitor,
        pending: Pending,
        way: str,
        *,
        problem: Mapping[str, Text] | None = None,
        status: int = 200,
    ) -> Response:
        party = relying_party(visitor.environment.name, visitor.issuer)
        possible = _possible(await self._answers.ways(pending, party))
        way = way if way in possible else possible[0]
        asked = None
        if way == "passkey" and party is not None:
            asked = await self._answers.ask_passkey(self._browsers.arrival(request, visitor), pending, party)
        csrf, _ = self._browsers.form_of_browser(request)
        _, leads_to = await waiting_application(self._applications, visitor, pending.target)
        context = {
            "way": way,
            "ways": [{"way": other, "url": _address(other)} for other in possible if other != way],
            "form": {"action": SECOND_STEP_PATH, "csrf": csrf, "ticket": "" if asked is None else asked.ticket},
            "options": None if asked is None else asked.options,
            "problem": problem,
            "cancel_url": sign_in_address(pending.target),
        }
        return self._pages.render(
            request,
            "second_step.html",
            visitor.environment,
            context,
            status=status,
            form_action=leads_to,
            here=_address(way),
        )

    async def _enrolled(self, request: Request, visitor: Visitor, pending: Pending, codes: Sequence[str]) -> Response:
        """Carry the sign-in on. The codes are shown in any case: they cannot be shown later."""
        outcome = await self._signing_in.done(self._browsers.arrival(request, visitor), pending)
        if not isinstance(outcome, SignedIn | MoreToDo):
            return self._forms.codes(request, visitor, codes, added=True, next_url=SIGN_IN_PATH)
        onward = self._pending.onward(outcome)
        response = self._forms.codes(request, visitor, codes, added=True, next_url=onward)
        await self._pending.keep(request, visitor, outcome, response)
        return response

    def _person(self, request: Request, visitor: Visitor, pending: Pending) -> Person:
        """Whoever signs in: the password was shown within this sign-in, so it is recent."""
        browser = self._browsers.arrival(request, visitor).browser or b""
        return Person(
            visitor.environment, pending.account.user, b"sign-in " + browser, self._clock.now(), visitor.address
        )

    def _place(self, request: Request, path: str) -> Place:
        csrf, _ = self._browsers.form_of_browser(request)
        return Place(action=path, csrf=csrf, back_url=ENROL_PATH, enrolling=True)

    def _must_be_own(self, request: Request, form: Params) -> None:
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            raise Problem("this page was open for too long: nothing was added, try once more")


def _possible(ways: Ways) -> Sequence[str]:
    """What can be asked for, the best first; a recovery code if there is nothing else, even if none is left."""
    there = {"passkey": ways.passkeys > 0, "app": ways.has_app, "recovery": ways.recovery_codes > 0}
    return [way for way in _WAYS if there[way]] or ["recovery"]


def _address(way: str) -> str:
    return f"{SECOND_STEP_PATH}?way={way}"
