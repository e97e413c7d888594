"""How a sign-in goes on in the browser: to the page of the step that it owes, or on to where it was to lead.

What was shown so far is a signed ticket in a cookie of its own, so it is in no address.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.signing_in import Step
from workgate.domain.texts import N_
from workgate.service.sessions import SessionService
from workgate.service.signing_in import MoreToDo, Pending, SignedIn, SigningIn
from workgate.web.browser import (
    Browsers,
    Visitor,
    forget_pending_ticket,
    pending_ticket,
    set_pending_ticket,
    set_session_cookie,
)
from workgate.web.pages import Pages, redirect

STEP_PATHS: Mapping[Step, str] = {
    Step.SECOND_STEP: "/login/second-step",
    Step.NEW_PASSWORD: "/login/new-password",
    Step.ENROL: "/login/enrol",
}


class PendingSignIns:
    """Sign-ins under way in browsers."""

    def __init__(self, *, signing_in: SigningIn, sessions: SessionService, browsers: Browsers, pages: Pages) -> None:
        self._signing_in = signing_in
        self._sessions = sessions
        self._browsers = browsers
        self._pages = pages

    async def of(self, request: Request, visitor: Visitor) -> Pending | None:
        """The sign-in that this browser has under way; None: none, or one that is too old or settled."""
        return await self._signing_in.pending(self._browsers.arrival(request, visitor), pending_ticket(request))

    async def lead_on(self, request: Request, visitor: Visitor, outcome: SignedIn | MoreToDo) -> Response:
        """Answer a step that succeeded: to the next one, or signed in to where it was to lead."""
        response = redirect(self.onward(outcome), after_post=True)
        await self.keep(request, visitor, outcome, response)
        return response

    @staticmethod
    def onward(outcome: SignedIn | MoreToDo) -> str:
        """Where a step that succeeded leads to."""
        return STEP_PATHS[outcome.step] if isinstance(outcome, MoreToDo) else outcome.target

    async def keep(self, request: Request, visitor: Visitor, outcome: SignedIn | MoreToDo, response: Response) -> None:
        """Let the browser hold what a step that succeeded gave: the session in place of the one before, or a ticket."""
        if isinstance(outcome, MoreToDo):
            set_pending_ticket(request, response, outcome.ticket)
            return
        if visitor.session is not None:
            await self._sessions.sign_out(visitor.environment, visitor.session, visitor.address)
        set_session_cookie(request, response, outcome.token.reveal())
        forget_pending_ticket(request, response)

    def lost(self, request: Request, visitor: Visitor) -> Response:
        """Answer somebody who comes to a step without a sign-in under way."""
        response = self._pages.error(
            request,
            visitor.environment,
            status=403,
            title=N_("Please sign in once more"),
            text=N_("This sign-in was open for too long, or was finished already. Nothing was changed."),
            hint=N_("Go to the start page and sign in again."),
            start=True,
        )
        forget_pending_ticket(request, response)
        return response
