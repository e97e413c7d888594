"""Who may enter a page: whoever is signed in, or only administrators of the environment. Others are told what to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.accounts import Environment, Session
from workgate.domain.audit import AuditEvent
from workgate.domain.problems import NotAllowed, NotFound
from workgate.domain.texts import N_
from workgate.oauth.params import Params
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting
from workgate.web.browser import Browsers, Visitor, posted_fields
from workgate.web.pages import Pages, path_and_query, redirect
from workgate.web.signin import sign_in_address

Page = Callable[[Request, Visitor], Awaitable[Response]]
Route = Callable[[Request], Awaitable[Response]]
EntrancePage = Callable[[Request, Visitor, Session], Awaitable[Response]]
PostedPage = Callable[[Request, Visitor, Session, Params], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Administrator:
    """Whoever is signed in and administers the environment: the entrance found so, and nothing else makes one."""

    visitor: Visitor
    session: Session
    acting: Acting

    @property
    def environment(self) -> Environment:
        """Which environment it is."""
        return self.visitor.environment


AdministratorPage = Callable[[Request, Administrator], Awaitable[Response]]


class Entrance:
    """Wraps handlers of pages that are not for everybody.

    Args:
        page: makes a route's endpoint of a page's handler.
        browsers: checks posted forms.
        pages: shows who may not enter what to do.
        audit: records who tried.
    """

    def __init__(self, *, page: Callable[[Page], Route], browsers: Browsers, pages: Pages, audit: AuditLog) -> None:
        self._page = page
        self._browsers = browsers
        self._pages = pages
        self._audit = audit

    def signed_in(self, handler: EntrancePage) -> Route:
        """For whoever is signed in. Others sign in first; a post must come from a form of this sign-in."""
        return self._entered(handler, checked=True, back=None)

    def administrators(
        self, handler: AdministratorPage, *, keeps_entries: bool = False, back: str | None = None
    ) -> Route:
        """For administrators only.

        Args:
            handler: makes the page.
            keeps_entries: the handler itself looks whether what was posted is a form of this sign-in (``is_own``),
                since it shows one that is not again, with all that was typed.
            back: where a post of somebody who is not signed in any more leads afterwards, if not to its own address.
        """

        async def administered(request: Request, visitor: Visitor, session: Session) -> Response:
            by = acting(visitor)
            by.must_administer(visitor.environment)
            return await handler(request, Administrator(visitor, session, by))

        return self._entered(administered, checked=not keeps_entries, back=back)

    def _entered(self, handler: EntrancePage, *, checked: bool, back: str | None) -> Route:
        async def endpoint(request: Request, visitor: Visitor) -> Response:
            session = visitor.session
            posting = request.method == "POST"
            if session is None:
                target = back if posting and back is not None else path_and_query(request)
                return redirect(sign_in_address(target), after_post=posting)  # what was posted is not kept
            if posting and checked and not await self._is_own_form(request, session):
                return self._stale(request, visitor)
            try:
                return await handler(request, visitor, session)
            except NotAllowed as problem:
                return self._not_allowed(request, visitor, session, problem)
            except NotFound:
                return self.not_found(request, visitor)

        return self._page(endpoint)

    def posted(self, handler: PostedPage, *names: str) -> Route:
        """For whoever is signed in and posts these fields with a form of this sign-in."""

        async def endpoint(request: Request, visitor: Visitor) -> Response:
            session = visitor.session
            if session is None:
                return redirect(sign_in_address(path_and_query(request)), after_post=True)
            form = await posted_fields(request, "csrf", *names)
            if not self._browsers.is_form_of_session(form.get("csrf", ""), session):
                return self._stale(request, visitor)
            try:
                return await handler(request, visitor, session, form)
            except NotFound:
                return self.not_found(request, visitor)

        return self._page(endpoint)

    def not_found(self, request: Request, visitor: Visitor) -> Response:
        """Answer for something that this environment does not have."""
        return self._pages.error(
            request,
            visitor.environment,
            status=404,
            title=N_("There is no such page"),
            text=N_("What this address names does not exist here, or does not exist any more."),
            hint=N_("Check the address, or go to the start page."),
            start=True,
        )

    async def _is_own_form(self, request: Request, session: Session) -> bool:
        form = await posted_fields(request, "csrf")
        return self._browsers.is_form_of_session(form.get("csrf", ""), session)

    def _not_allowed(self, request: Request, visitor: Visitor, session: Session, problem: NotAllowed) -> Response:
        reference = self._audit.refuse(
            AuditEvent.ADMINISTRATION_REFUSED,
            visitor.environment,
            reason=f"{request.method} {request.scope['path'][:200]}: {problem}",
            actor=session.user.user_id,
            address=visitor.address,
        )
        return self._pages.error(
            request,
            visitor.environment,
            status=403,
            title=N_("Only administrators can open this page"),
            text=N_("Your account is not an administrator of this organisation. Nothing was changed."),
            hint=N_("Ask one of your administrators, or sign in as an administrator."),
            start=True,
            reference=reference,
        )

    def _stale(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.error(
            request,
            visitor.environment,
            status=403,
            title=N_("Nothing was changed"),
            text=N_("The form was open for too long, or did not come from a page of your present sign-in."),
            hint=N_("Open the page again from the start page, and try once more."),
            start=True,
        )


def acting(visitor: Visitor) -> Acting:
    """Who acts, for the services: the visitor, whose session was checked."""
    if visitor.session is None:
        raise NotAllowed("nobody is signed in")
    return Acting(visitor.session.user, visitor.address)
