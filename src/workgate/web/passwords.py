"""The pages where somebody who knows the present password chooses another: at will, or because it is due."""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import Session
from workgate.domain.ids import Clock
from workgate.domain.signing_in import Account, Step
from workgate.domain.texts import N_
from workgate.service.mailed_links import MailedLinks
from workgate.service.passwords import Overtaken, OwnPassword, PasswordSet, RulesBroken
from workgate.service.sessions import Opened
from workgate.service.signing_in import MoreToDo, SignedIn, SigningIn, SignInLimited, SignInRefused
from workgate.web.browser import Browsers, Visitor, posted_fields, set_form_cookie, set_session_cookie
from workgate.web.entrance import Page
from workgate.web.entrance import Route as Endpoint
from workgate.web.languages import duration
from workgate.web.new_passwords import AGAIN, TOO_OLD, Wrong, mailing_for, rules_broken, same_twice
from workgate.web.pages import Pages, redirect
from workgate.web.pending import STEP_PATHS, PendingSignIns
from workgate.web.signin import sign_in_address

PASSWORD_PATH = "/account/password"
NEW_PASSWORD_PATH = STEP_PATHS[Step.NEW_PASSWORD]
_JUST_NOW = 5 * 60_000
_FIELDS = ("csrf", "current", "new", AGAIN)
_OVERTAKEN = Wrong(
    title=N_("Nothing was changed"),
    text=N_("Your account was changed at the same moment, perhaps in another window. Try once more."),
)
_WRONG_PRESENT = N_(
    "This is not your present password, or your account is locked for some minutes after several wrong tries."
)


class PasswordPages:
    """Pages of whoever knows the present password."""

    def __init__(
        self,
        *,
        own: OwnPassword,
        links: MailedLinks,
        signing_in: SigningIn,
        pending: PendingSignIns,
        clock: Clock,
        browsers: Browsers,
        pages: Pages,
    ) -> None:
        self._own = own
        self._links = links
        self._signing_in = signing_in
        self._pending = pending
        self._clock = clock
        self._browsers = browsers
        self._pages = pages

    def routes(self, page: Callable[[Page], Endpoint]) -> list[BaseRoute]:
        """The addresses of these pages; ``page`` makes a route's endpoint of a handler."""
        return [
            Route(PASSWORD_PATH, page(self.show), methods=["GET"]),
            Route(PASSWORD_PATH, page(self.change), methods=["POST"]),
            Route(NEW_PASSWORD_PATH, page(self.show_due), methods=["GET"]),
            Route(NEW_PASSWORD_PATH, page(self.set_due), methods=["POST"]),
        ]

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Ask for the present password and a new one."""
        if visitor.session is None:
            return redirect(sign_in_address(PASSWORD_PATH), after_post=False)
        account = await self._own.account(visitor.environment, visitor.session.user)
        if account is None:
            return self._none(request, visitor)
        return await self._page(request, visitor, visitor.session, account)

    async def change(self, request: Request, visitor: Visitor) -> Response:
        """Change it, or show the page again with what is wrong."""
        session = visitor.session
        if session is None:
            return redirect(sign_in_address(PASSWORD_PATH), after_post=True)
        account = await self._own.account(visitor.environment, session.user)
        if account is None:
            return self._none(request, visitor)
        form = await posted_fields(request, *_FIELDS)
        if not self._browsers.is_form_of_session(form.get("csrf", ""), session):
            return await self._page(request, visitor, session, account, TOO_OLD, status=403)
        wrong = same_twice(form)
        if wrong is not None:
            return await self._page(request, visitor, session, account, wrong, status=422)
        arrival = self._browsers.arrival(request, visitor)
        outcome = await self._own.change(arrival, account, current=form.get("current", ""), new=form.get("new", ""))
        match outcome:
            case Opened(token):
                self._links.tell_changed(visitor.environment, session.user, mailing_for(request, visitor))
                response = redirect(f"{PASSWORD_PATH}?done=changed", after_post=True)
                set_session_cookie(request, response, token.reveal())
                return response
            case RulesBroken(texts):
                return await self._page(request, visitor, session, account, rules_broken(texts), status=422)
            case SignInRefused():
                wrong = Wrong(fields={"current": [_WRONG_PRESENT]})
                return await self._page(request, visitor, session, account, wrong, status=422)
            case SignInLimited(retry_after):
                wrong = Wrong(N_("Too many tries"), N_("Wait {time}, then try again.", time=duration(retry_after)))
                response = await self._page(request, visitor, session, account, wrong, status=429)
                response.headers["Retry-After"] = str(retry_after)
                return response
            case Overtaken():
                return await self._page(request, visitor, session, account, _OVERTAKEN, status=409)
            case _:
                assert_never(outcome)

    async def show_due(self, request: Request, visitor: Visitor) -> Response:
        """Ask for a new password on the way in, where the old one is too old."""
        pending = await self._pending.of(request, visitor)
        if pending is None:
            return self._pending.lost(request, visitor)
        if pending.step is not Step.NEW_PASSWORD:
            return redirect(STEP_PATHS[pending.step], after_post=False)
        return await self._due_page(request, visitor, pending.account)

    async def set_due(self, request: Request, visitor: Visitor) -> Response:
        """Take it, and lead on."""
        pending = await self._pending.of(request, visitor)
        if pending is None:
            return self._pending.lost(request, visitor)
        if pending.step is not Step.NEW_PASSWORD:
            return redirect(STEP_PATHS[pending.step], after_post=True)
        form = await posted_fields(request, *_FIELDS)
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            return await self._due_page(request, visitor, pending.account, TOO_OLD, status=403)
        wrong = same_twice(form)
        if wrong is not None:
            return await self._due_page(request, visitor, pending.account, wrong, status=422)
        arrival = self._browsers.arrival(request, visitor)
        chosen = await self._own.choose(arrival, pending.account, form.get("new", ""))
        match chosen:
            case PasswordSet(account):
                self._links.tell_changed(visitor.environment, account.user, mailing_for(request, visitor))
                outcome = await self._signing_in.done(arrival, replace(pending, account=account))
                if isinstance(outcome, SignedIn | MoreToDo):
                    return await self._pending.lead_on(request, visitor, outcome)
                return self._pending.lost(request, visitor)
            case RulesBroken(texts):
                return await self._due_page(request, visitor, pending.account, rules_broken(texts), status=422)
            case Overtaken():
                return self._pending.lost(request, visitor)
            case _:
                assert_never(chosen)

    async def _page(
        self,
        request: Request,
        visitor: Visitor,
        session: Session,
        account: Account,
        wrong: Wrong | None = None,
        *,
        status: int = 200,
    ) -> Response:
        set_at = account.password_set_at
        # Only what is true is said, whoever made the address.
        is_new = request.query_params.get("done") == "changed" and set_at is not None and wrong is None
        context = {
            "form": {"action": PASSWORD_PATH, "csrf": self._browsers.form_of_session(session)},
            "username": account.user.username,
            "asked": await self._own.asked(visitor.environment, account),
            "wrong": wrong or Wrong(),
            "set_at": set_at,
            "is_new": is_new and self._clock.now() - (set_at or 0) < _JUST_NOW,
        }
        return self._pages.render(
            request, "password.html", visitor.environment, context, status=status, here=PASSWORD_PATH
        )

    async def _due_page(
        self, request: Request, visitor: Visitor, account: Account, wrong: Wrong | None = None, *, status: int = 200
    ) -> Response:
        csrf, cookie = self._browsers.form_of_browser(request)
        context = {
            "form": {"action": NEW_PASSWORD_PATH, "csrf": csrf, "link": None},
            "purpose": "due",
            "username": account.user.username,
            "asked": await self._own.asked(visitor.environment, account),
            "wrong": wrong or Wrong(),
        }
        response = self._pages.render(
            request, "new_password.html", visitor.environment, context, status=status, here=NEW_PASSWORD_PATH
        )
        set_form_cookie(request, response, cookie)
        return response

    def _none(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.error(
            request,
            visitor.environment,
            status=404,
            title=N_("You have no password here"),
            text=N_("You sign in with your organisation's single sign-on: its password is changed there."),
            start=True,
        )
