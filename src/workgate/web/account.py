"""The start page of whoever is signed in, and applications' logos."""

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ports import ApplicationStore
from workgate.web.browser import Browsers, Visitor
from workgate.web.pages import Pages, redirect
from workgate.web.signin import SIGN_IN_PATH, SIGN_OUT_PATH


class AccountPages:
    """Pages about oneself."""

    def __init__(self, *, applications: ApplicationStore, browsers: Browsers, pages: Pages) -> None:
        self._applications = applications
        self._browsers = browsers
        self._pages = pages

    async def home(self, request: Request, visitor: Visitor) -> Response:
        """Say who is signed in, and offer to sign out."""
        del request
        if visitor.session is None:
            return redirect(SIGN_IN_PATH, after_post=False)
        user = visitor.session.user
        context = {
            "user": {"name": user.name, "username": user.username, "is_admin": user.is_admin},
            "api_url": f"{visitor.issuer}/attask/api/v14.0",
            "form": {
                "sign_out_action": SIGN_OUT_PATH,
                "csrf": self._browsers.form_of_session(visitor.session),
            },
        }
        return self._pages.render("home.html", visitor.environment, context)

    async def logo(self, request: Request, visitor: Visitor) -> Response:
        """Give an application's logo, as an image and nothing else."""
        found = await self._applications.logo(visitor.environment.environment_id, request.path_params["client_id"])
        if found is None:
            return Response(status_code=404)
        media_type, image = found
        return Response(
            image,
            media_type=media_type,
            headers={
                "Cache-Control": "private, max-age=300",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )
