"""The site around its pages: who visits is found first, and what can go wrong becomes a page."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ports import StoreUnavailable
from workgate.domain.texts import N_
from workgate.ops.telemetry import described, log_refusal
from workgate.web.browser import Browsers, Visitor
from workgate.web.entrance import Entrance
from workgate.web.pages import Pages
from workgate.web.parts import WebParts
from workgate.web.pending import PendingSignIns

_Page = Callable[[Request, Visitor], Awaitable[Response]]


class Site:
    """Wraps pages: finds the visitor first, and turns what can go wrong into pages."""

    def __init__(self, browsers: Browsers, pages: Pages) -> None:
        self._browsers = browsers
        self._pages = pages
        self.errors: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
            404: self.not_found,
            405: self.wrong_method,
            500: self.failed,
        }

    def page(self, handler: _Page) -> Callable[[Request], Awaitable[Response]]:
        """Make a route's endpoint of a page's handler."""

        async def endpoint(request: Request) -> Response:
            try:
                visitor = await self._browsers.visitor(request)
                if visitor is None:
                    return self._no_environment(request)
                return await handler(request, visitor)
            except StoreUnavailable as error:
                log_refusal(event="store_unavailable", error=str(error), path=request.scope["path"])
                return self.unavailable(request)

        return endpoint

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Answer for an address that nothing lives at."""
        del error
        return self._pages.error(
            request,
            None,
            status=404,
            title=N_("There is no such page"),
            text=N_("Nothing lives at this address."),
            hint=N_("Check the address, or go to the start page."),
            start=True,
        )

    async def wrong_method(self, request: Request, error: Exception) -> Response:
        """Answer for a method that the page does not take."""
        allowed = getattr(error, "headers", None) or {}
        text = N_("It does not answer to this method.")
        if request.method.isascii() and request.method.isalpha():
            text = N_("It does not answer to {method}.", method=request.method)
        return self._pages.error(
            request,
            None,
            status=405,
            title=N_("This page does not work that way"),
            text=text,
            hint=N_("Open it again from the start page or from the application."),
            start=True,
            headers=allowed,
        )

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer for a mistake of ours."""
        log_refusal(event="request_failed", error=described(error), path=request.scope["path"])
        return self._pages.error(
            request,
            None,
            status=500,
            title=N_("Something went wrong on our side"),
            text=N_("It was recorded. Nothing that you entered was used up."),
            hint=N_("Try again in a moment."),
        )

    def _no_environment(self, request: Request) -> Response:
        return self._pages.error(
            request,
            None,
            status=404,
            title=N_("No organisation has this address"),
            text=N_("The address names an organisation or a lane that does not exist here."),
            hint=N_("Check the first two parts of the address: organisation, then lane."),
        )

    def unavailable(self, request: Request) -> Response:
        """Answer while the database does not."""
        return self._pages.error(
            request,
            None,
            status=503,
            title=N_("Workgate cannot answer at this moment"),
            text=N_("Its database does not answer. Nothing was changed."),
            hint=N_("Try again in a moment."),
            headers={"Retry-After": "2"},
        )


class Frame:
    """What every family of pages shares."""

    def __init__(self, parts: WebParts) -> None:
        self.pages = Pages()
        self.browsers = Browsers(
            directory=parts.directory,
            sessions=parts.sessions,
            mint=parts.mint,
            clock=parts.clock,
            entropy=parts.entropy,
        )
        self.site = Site(self.browsers, self.pages)
        self.entrance = Entrance(page=self.site.page, browsers=self.browsers, pages=self.pages, audit=parts.audit)
        self.pending = PendingSignIns(
            signing_in=parts.signing_in, sessions=parts.sessions, browsers=self.browsers, pages=self.pages
        )
