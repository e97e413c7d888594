"""Where am I signed in: the list of one's own sessions, the end of one of them, and of all others."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import Session, SessionOrigin
from workgate.domain.ids import RowId
from workgate.domain.own_sessions import OwnSession
from workgate.domain.problems import NotFound
from workgate.domain.texts import N_
from workgate.service.own_sessions import OwnSessions
from workgate.web.agents import agent_words
from workgate.web.browser import Browsers, Visitor
from workgate.web.connections import CONNECTED_APPS_PATH
from workgate.web.entrance import Entrance
from workgate.web.pages import Pages, redirect
from workgate.web.signin import SIGN_OUT_PATH

SESSIONS_PATH = "/account/sessions"
_PAGE = 20
_ROW_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_LARGEST = 2**63 - 2
_ORIGINS = {
    SessionOrigin.BROWSER: N_("Signed in on these pages"),
    SessionOrigin.API: N_("Signed in through the API"),
}


class OwnSessionPages:
    """The list, and what its buttons do."""

    def __init__(self, *, sessions: OwnSessions, browsers: Browsers, pages: Pages) -> None:
        self._sessions = sessions
        self._browsers = browsers
        self._pages = pages

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        return [
            Route(SESSIONS_PATH, entrance.signed_in(self.show), methods=["GET"]),
            Route(SESSIONS_PATH + "/end-others", entrance.signed_in(self.end_others), methods=["POST"]),
            Route(SESSIONS_PATH + "/{row_id}/end", entrance.signed_in(self.end), methods=["POST"]),
        ]

    async def show(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """List where the user is signed in."""
        before = _row_id(request.query_params.get("before", ""))
        page = await self._sessions.page(session, before=before, limit=_PAGE)
        following = page.following
        context = {
            "sessions": [self._row(found, session) for found in page.sessions],
            "has_others": before is not None or following is not None or len(page.sessions) > 1,
            "ended": await self._ended(request, session),
            "csrf": self._browsers.form_of_session(session),
            "sign_out_action": SIGN_OUT_PATH,
            "end_others_action": SESSIONS_PATH + "/end-others",
            "connected_apps_url": CONNECTED_APPS_PATH,
            "first_url": None if before is None else SESSIONS_PATH,
            "next_url": None if following is None else f"{SESSIONS_PATH}?before={following}",
        }
        return self._pages.render(request, "own_sessions.html", visitor.environment, context)

    async def end(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """End one; the present one is signed out of instead."""
        row_id = _row_id(request.path_params["row_id"])
        if row_id is None or row_id == session.row_id:
            raise NotFound("this is no session to end here")
        await self._sessions.end(visitor.environment, session, row_id, address=visitor.address)
        return redirect(f"{SESSIONS_PATH}?ended={row_id}", after_post=True)

    async def end_others(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """End all but the present one."""
        del request
        await self._sessions.end_others(visitor.environment, session, address=visitor.address)
        return redirect(f"{SESSIONS_PATH}?ended=others", after_post=True)

    async def _ended(self, request: Request, session: Session) -> str | None:
        """What was ended just now: only what is true is said, whoever made the address."""
        ended = request.query_params.get("ended", "")
        if ended == "others":
            return "others" if len((await self._sessions.page(session, before=None, limit=2)).sessions) == 1 else None
        row_id = _row_id(ended)
        if row_id is None:
            return None
        found = (await self._sessions.page(session, before=RowId(row_id + 1), limit=1)).sessions
        return None if found and found[0].row_id == row_id else "one"

    def _row(self, found: OwnSession, session: Session) -> dict[str, Any]:
        return {
            "agent": agent_words(found.agent),
            "agent_text": found.agent,
            "origin": _ORIGINS.get(found.origin),
            "address": found.address,
            "opened_at": found.opened_at,
            "last_seen_at": found.last_seen_at,
            "is_this": found.row_id == session.row_id,
            "end_action": f"{SESSIONS_PATH}/{found.row_id}/end",
        }


def _row_id(text: str) -> RowId | None:
    return RowId(int(text)) if _ROW_ID.fullmatch(text) and int(text) <= _LARGEST else None
