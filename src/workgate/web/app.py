"""The table of all routes to pages, which people see."""

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from workgate.oauth.metadata import AUTHORIZE_PATH, CONSENT_PATH
from workgate.web.account_routes import account_routes
from workgate.web.central import CentralHosts, CentralPages
from workgate.web.consent import ConsentPages
from workgate.web.pages import SECURITY_HEADERS, STATIC_FOLDER
from workgate.web.parts import WebParts
from workgate.web.people_routes import people_routes
from workgate.web.setup_routes import setup_routes
from workgate.web.sign_in_routes import sign_in_routes
from workgate.web.site import Frame


class StaticAssets(StaticFiles):
    """Static files, whose addresses change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve a file that browsers may keep."""
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = SECURITY_HEADERS["Referrer-Policy"]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def site_of_pages(parts: WebParts) -> ASGIApp:
    """Make the site of all pages."""
    frame = Frame(parts)
    consent = ConsentPages(authorize=parts.authorize, sso=parts.sso, browsers=frame.browsers, pages=frame.pages)
    routes: list[BaseRoute] = [
        Route(AUTHORIZE_PATH, frame.site.page(consent.authorize), methods=["GET"]),
        Route(CONSENT_PATH, frame.site.page(consent.decide), methods=["POST"]),
        *sign_in_routes(parts, frame),
        *account_routes(parts, frame),
        *setup_routes(parts, frame.browsers, frame.pages, frame.entrance),
        *people_routes(parts, frame.browsers, frame.pages, frame.entrance),
        Mount("/static", StaticAssets(directory=STATIC_FOLDER)),
    ]
    app = Starlette(routes=routes, exception_handlers=frame.site.errors)
    # Else a post to an address with a slash too many is answered with 307, and sends its secrets once more.
    app.router.redirect_slashes = False
    return _with_central_hosts(app, parts, frame)


def _with_central_hosts(app: ASGIApp, parts: WebParts, frame: Frame) -> ASGIApp:
    """The site of organisations' hosts, and beside it that of central hosts."""
    central = CentralPages(
        service=parts.central_host,
        directory=parts.directory,
        applications=parts.applications,
        browsers=frame.browsers,
        pages=frame.pages,
    )
    return CentralHosts(parts.directory, central=central.app(frame.site.errors, frame.site.unavailable), site=app)
