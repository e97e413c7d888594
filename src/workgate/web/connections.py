"""Connected applications: what a user allowed and can take back, and what an administrator sees of an application's.

Withdrawing asks first, on a page of its own, and can be repeated without harm.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import Environment, Session, User
from workgate.domain.ids import Clock
from workgate.domain.oauth import Application, ApplicationType, Connection, ConsentPolicy
from workgate.domain.problems import NotFound
from workgate.service.applications import Registry
from workgate.service.connections import SOON_DAYS, Connections
from workgate.service.naming import Naming
from workgate.web.browser import Browsers, Visitor
from workgate.web.entrance import Administrator, Entrance, acting
from workgate.web.pages import Pages, redirect
from workgate.web.signin import application_context

CONNECTED_APPS_PATH = "/account/connected-apps"
APPLICATION_PATH = "/setup/oauth2/{client_id}"
CONNECTIONS_PATH = APPLICATION_PATH + "/connections"
_OWN_PAGE = 20
_USERS_PAGE = 50
_DAY = 86_400_000
_ID = re.compile(r"[0-9a-f]{32}")


class ConnectionPages:
    """Lists of connections, and the question before one is withdrawn."""

    def __init__(
        self,
        *,
        connections: Connections,
        registry: Registry,
        naming: Naming,
        clock: Clock,
        browsers: Browsers,
        pages: Pages,
    ) -> None:
        self._connections = connections
        self._registry = registry
        self._naming = naming
        self._clock = clock
        self._browsers = browsers
        self._pages = pages

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        withdraw = CONNECTED_APPS_PATH + "/{client_id}/withdraw"
        withdraw_of = CONNECTIONS_PATH + "/{user_id}/withdraw"
        return [
            Route(CONNECTED_APPS_PATH, entrance.signed_in(self.own), methods=["GET"]),
            Route(withdraw, entrance.signed_in(self.ask_own), methods=["GET"]),
            Route(withdraw, entrance.signed_in(self.withdraw_own), methods=["POST"]),
            Route(CONNECTIONS_PATH, entrance.administrators(self.of_application), methods=["GET"]),
            Route(withdraw_of, entrance.administrators(self.ask_of), methods=["GET"]),
            Route(withdraw_of, entrance.administrators(self.withdraw_of), methods=["POST"]),
        ]

    async def own(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """List which applications may act for the user."""
        environment = visitor.environment
        found = await self._connections.of_user(environment, session.user)
        applications = await self._naming.applications(environment)
        first = _place_after(found, request.query_params.get("after", ""))
        shown = found[first : first + _OWN_PAGE]
        more = first + _OWN_PAGE < len(found)
        withdrawn = request.query_params.get("withdrawn", "")
        gone = applications.get(withdrawn)
        context = {
            "connections": [
                {
                    **_connection_context(connection),
                    "application": application_context(applications[connection.client_id]),
                    "withdraw_url": f"{CONNECTED_APPS_PATH}/{connection.client_id}/withdraw",
                }
                for connection in shown
                if connection.client_id in applications
            ],
            # Only what is true is said, whoever made the address.
            "withdrawn": gone.name if gone and withdrawn not in {found.client_id for found in found} else None,
            "first_url": CONNECTED_APPS_PATH if first else None,
            "next_url": _with_query(CONNECTED_APPS_PATH, after=shown[-1].client_id) if more else None,
        }
        return self._pages.render(request, "connected_apps.html", environment, context)

    async def ask_own(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Ask before the user's own consent is taken back."""
        connection, application = await self._connected(visitor.environment, session.user, request)
        return self._ask(request, visitor.environment, session, connection, application, user=None)

    async def withdraw_own(self, request: Request, visitor: Visitor, session: Session) -> Response:
        """Take it back."""
        del session
        client_id = _id_in(request, "client_id")
        await self._connections.withdraw(visitor.environment, client_id, by=acting(visitor))
        return redirect(_with_query(CONNECTED_APPS_PATH, withdrawn=client_id), after_post=True)

    async def of_application(self, request: Request, admin: Administrator) -> Response:
        """Say for whom an application may act, and how many they are."""
        environment, by = admin.environment, admin.acting
        client_id = _id_in(request, "client_id")
        application = await self._registry.usable(environment, client_id, by=by)
        count = await self._connections.count(environment, client_id, by=by)
        after = request.query_params.get("after", "")
        after = after if _ID.fullmatch(after) else ""
        page = await self._connections.of_application(environment, client_id, after=after, limit=_USERS_PAGE, by=by)
        users = await self._naming.users(environment, (found.user_id for found in page.connections))
        here = CONNECTIONS_PATH.format(client_id=client_id)
        soon = self._clock.now() + SOON_DAYS * _DAY
        context = {
            "application": application_context(application),
            "application_url": None if application.is_installed else APPLICATION_PATH.format(client_id=client_id),
            "count": count,
            "soon_days": SOON_DAYS,
            "connections": [
                {
                    **_connection_context(connection),
                    "name": users[connection.user_id].name if connection.user_id in users else connection.username,
                    "is_expiring": connection.expires_at is not None and connection.expires_at <= soon,
                    "withdraw_url": f"{here}/{connection.user_id}/withdraw",
                }
                for connection in page.connections
            ],
            "withdrawn": await self._name_of_withdrawn(environment, client_id, request),
            "first_url": here if after else None,
            "next_url": None if page.following is None else _with_query(here, after=page.following),
        }
        return self._pages.render(request, "connections.html", environment, context)

    async def ask_of(self, request: Request, admin: Administrator) -> Response:
        """Ask before what some user allowed is taken back."""
        user = await self._naming.user(admin.environment, _id_in(request, "user_id"))
        if user is None:
            raise NotFound("no user of this environment has this ID")
        connection, application = await self._connected(admin.environment, user, request)
        return self._ask(request, admin.environment, admin.session, connection, application, user=user)

    async def withdraw_of(self, request: Request, admin: Administrator) -> Response:
        """Take it back."""
        client_id, user_id = _id_in(request, "client_id"), _id_in(request, "user_id")
        await self._connections.withdraw_of(admin.environment, client_id, user_id, by=admin.acting)
        here = CONNECTIONS_PATH.format(client_id=client_id)
        return redirect(_with_query(here, withdrawn=user_id), after_post=True)

    async def _connected(
        self, environment: Environment, user: User, request: Request
    ) -> tuple[Connection, Application]:
        client_id = _id_in(request, "client_id")
        applications = await self._naming.applications(environment)
        for connection in await self._connections.of_user(environment, user):
            if connection.client_id == client_id and client_id in applications:
                return connection, applications[client_id]
        raise NotFound("the application may not act for this user")

    async def _name_of_withdrawn(self, environment: Environment, client_id: str, request: Request) -> str | None:
        """Whom the application may not act for any more; None if it may, whatever the address says."""
        user = await self._naming.user(environment, request.query_params.get("withdrawn", ""))
        if user is None:
            return None
        still = {found.client_id for found in await self._connections.of_user(environment, user)}
        return None if client_id in still else user.name

    def _ask(
        self,
        request: Request,
        environment: Environment,
        session: Session,
        connection: Connection,
        application: Application,
        *,
        user: User | None,
    ) -> Response:
        back = CONNECTED_APPS_PATH if user is None else CONNECTIONS_PATH.format(client_id=connection.client_id)
        context = {
            **_connection_context(connection),
            "application": application_context(application),
            "user": None if user is None else {"name": user.name, "username": user.username},
            "is_machine": application.type is ApplicationType.MACHINE,
            "is_unasked": application.consent is ConsentPolicy.NEVER,
            "back_url": back,
            "form": {"action": request.scope["path"], "csrf": self._browsers.form_of_session(session)},
        }
        return self._pages.render(request, "withdraw.html", environment, context)


def _connection_context(connection: Connection) -> Mapping[str, Any]:
    return {
        "username": connection.username,
        "since": connection.since,
        "last_used_at": connection.last_used_at,
        "last_token_at": connection.last_token_at,
        "expires_at": connection.expires_at,
    }


def _place_after(found: Sequence[Connection], client_id: str) -> int:
    places = [number for number, connection in enumerate(found, 1) if connection.client_id == client_id]
    return places[0] if places else 0


def _id_in(request: Request, name: str) -> str:
    """An ID of the path. Raises ``NotFound`` for what cannot be one."""
    value: str = request.path_params[name]
    if not _ID.fullmatch(value):
        raise NotFound("this is no ID")
    return value


def _with_query(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"
