"""The addresses of one's own account, and of the audit log."""

from starlette.routing import BaseRoute, Route

from workgate.web.account import AccountPages, choose_language
from workgate.web.audit import AuditPages
from workgate.web.connections import ConnectionPages
from workgate.web.own_sessions import OwnSessionPages
from workgate.web.pages import LANGUAGE_PATH
from workgate.web.parts import WebParts
from workgate.web.signin import LOGO_PATH
from workgate.web.site import Frame


def account_routes(parts: WebParts, frame: Frame) -> list[BaseRoute]:
    """The start page, connected applications, where one is signed in, and the audit log."""
    connections = ConnectionPages(
        connections=parts.connections,
        registry=parts.registry,
        naming=parts.naming,
        clock=parts.clock,
        browsers=frame.browsers,
        pages=frame.pages,
    )
    audit = AuditPages(queries=parts.audit_queries, naming=parts.naming, clock=parts.clock, pages=frame.pages)
    sessions = OwnSessionPages(sessions=parts.own_sessions, browsers=frame.browsers, pages=frame.pages)
    account = AccountPages(applications=parts.applications, browsers=frame.browsers, pages=frame.pages)
    return [
        Route("/", frame.site.page(account.home), methods=["GET"]),
        Route(LOGO_PATH, frame.site.page(account.logo), methods=["GET"]),
        Route(LANGUAGE_PATH, choose_language, methods=["GET"]),
        *connections.routes(frame.entrance),
        *audit.routes(frame.entrance),
        *sessions.routes(frame.entrance),
    ]
