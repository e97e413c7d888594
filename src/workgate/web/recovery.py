"""The pages of a forgotten password: asking for a link, and what the link opens; it opens invitations too.

Whoever asks gets the same answer whether there is such an account or not. To look at what a link opens does not use
it up: programs that examine mail do so before the person.
"""

from collections.abc import Callable
from typing import assert_never
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.mails import LinkPurpose
from workgate.domain.texts import N_
from workgate.service.mailed_links import FORGOTTEN_PATH, RESET_PATH, Holder, MailedLinks
from workgate.service.passwords import Overtaken, PasswordSet, RulesBroken
from workgate.web.browser import Browsers, Visitor, posted_fields, set_form_cookie
from workgate.web.entrance import Page
from workgate.web.entrance import Route as Endpoint
from workgate.web.languages import duration
from workgate.web.new_passwords import AGAIN, TOO_OLD, Wrong, mailing_for, rules_broken, same_twice
from workgate.web.pages import Pages, redirect
from workgate.web.signin import SIGN_IN_PATH

SENT_PATH = FORGOTTEN_PATH + "/sent"
SET_PATH = RESET_PATH + "/done"
_LONGEST_NAME = 254


class RecoveryPages:
    """Pages of whoever has no password to sign in with."""

    def __init__(self, *, links: MailedLinks, browsers: Browsers, pages: Pages) -> None:
        self._links = links
        self._browsers = browsers
        self._pages = pages

    def routes(self, page: Callable[[Page], Endpoint]) -> list[BaseRoute]:
        """The addresses of these pages; ``page`` makes a route's endpoint of a handler."""
        return [
            Route(FORGOTTEN_PATH, page(self.ask), methods=["GET"]),
            Route(FORGOTTEN_PATH, page(self.send), methods=["POST"]),
            Route(SENT_PATH, page(self.sent), methods=["GET"]),
            Route(RESET_PATH, page(self.open), methods=["GET"]),
            Route(RESET_PATH, page(self.choose), methods=["POST"]),
            Route(SET_PATH, page(self.done), methods=["GET"]),
        ]

    async def ask(self, request: Request, visitor: Visitor) -> Response:
        """Ask whose password was forgotten."""
        return self._ask(request, visitor)

    async def send(self, request: Request, visitor: Visitor) -> Response:
        """Have the link mailed, if there is anybody to mail it to, and say so."""
        form = await posted_fields(request, "csrf", "who")
        who = form.get("who", "").strip()
        if not self._links.can_mail:
            return self._ask(request, visitor)
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            return self._ask(request, visitor, TOO_OLD, who=who, status=403)
        if not who:
            wrong = Wrong(fields={"who": [N_("Type your user name or your e-mail address.")]})
            return self._ask(request, visitor, wrong, status=422)
        wait = self._links.forgotten(
            visitor.environment, who, address=visitor.address, mailing=mailing_for(request, visitor)
        )
        if wait is not None:
            wrong = Wrong(N_("Too many tries"), N_("Wait {time}, then try again.", time=duration(wait)))
            response = self._ask(request, visitor, wrong, who=who, status=429)
            response.headers["Retry-After"] = str(wait)
            return response
        return redirect(SENT_PATH, after_post=True)

    async def sent(self, request: Request, visitor: Visitor) -> Response:
        """Say what happens now, to everybody alike."""
        context = {"signin_url": SIGN_IN_PATH, "forgotten_url": FORGOTTEN_PATH, "seconds": LinkPurpose.RESET.seconds}
        return self._pages.render(request, "forgotten_sent.html", visitor.environment, context)

    async def open(self, request: Request, visitor: Visitor) -> Response:
        """Ask for the new password, if the link works; it works on."""
        link = request.query_params.get("link", "")
        holder = await self._links.holder(visitor.environment, link)
        if holder is None:
            return self._over(request, visitor)
        return await self._page(request, visitor, link, holder)

    async def choose(self, request: Request, visitor: Visitor) -> Response:
        """Take the new password, and use the link up."""
        form = await posted_fields(request, "csrf", "link", "new", AGAIN)
        link = form.get("link", "")
        holder = await self._links.holder(visitor.environment, link)
        if holder is None:
            return self._over(request, visitor)
        if not self._browsers.is_form_of_browser(form.get("csrf", ""), request):
            return await self._page(request, visitor, link, holder, TOO_OLD, status=403)
        wrong = same_twice(form)
        if wrong is not None:
            return await self._page(request, visitor, link, holder, wrong, status=422)
        chosen = await self._links.choose(
            visitor.environment,
            holder,
            form["new"],
            address=visitor.address,
            mailing=mailing_for(request, visitor),
        )
        match chosen:
            case PasswordSet():
                return redirect(SET_PATH, after_post=True)
            case RulesBroken(texts):
                return await self._page(request, visitor, link, holder, rules_broken(texts), status=422)
            case Overtaken():
                return self._over(request, visitor)
            case _:
                assert_never(chosen)

    async def done(self, request: Request, visitor: Visitor) -> Response:
        """Lead on to the sign-in page."""
        return self._pages.render(request, "password_set.html", visitor.environment, {"signin_url": SIGN_IN_PATH})

    def _ask(
        self, request: Request, visitor: Visitor, wrong: Wrong | None = None, *, who: str = "", status: int = 200
    ) -> Response:
        csrf, cookie = self._browsers.form_of_browser(request)
        context = {
            "form": {"action": FORGOTTEN_PATH, "csrf": csrf, "who": who[:_LONGEST_NAME]},
            "can_mail": self._links.can_mail,
            "wrong": wrong or Wrong(),
            "signin_url": SIGN_IN_PATH,
        }
        response = self._pages.render(
            request, "forgotten.html", visitor.environment, context, status=status, here=FORGOTTEN_PATH
        )
        set_form_cookie(request, response, cookie)
        return response

    async def _page(
        self,
        request: Request,
        visitor: Visitor,
        link: str,
        holder: Holder,
        wrong: Wrong | None = None,
        *,
        status: int = 200,
    ) -> Response:
        csrf, cookie = self._browsers.form_of_browser(request)
        context = {
            "form": {"action": RESET_PATH, "csrf": csrf, "link": link},
            "purpose": holder.link.purpose.value,
            "username": holder.account.user.username,
            "asked": await self._links.asked(visitor.environment, holder),
            "wrong": wrong or Wrong(),
        }
        here = f"{RESET_PATH}?link={quote(link, safe='')}"
        response = self._pages.render(
            request, "new_password.html", visitor.environment, context, status=status, here=here
        )
        set_form_cookie(request, response, cookie)
        return response

    def _over(self, request: Request, visitor: Visitor) -> Response:
        context = {"signin_url": SIGN_IN_PATH, "forgotten_url": FORGOTTEN_PATH}
        return self._pages.render(
            request, "link_over.html", visitor.environment, context, status=404, here=FORGOTTEN_PATH
        )
