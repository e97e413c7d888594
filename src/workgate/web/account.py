"""The start page of whoever is signed in, applications' logos, and the choice of a language."""

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.ports import ApplicationStore
from workgate.web.browser import Browsers, Visitor
from workgate.web.languages import LANGUAGES, keep_language
from workgate.web.pages import Pages, own_path, redirect
from workgate.web.signin import SIGN_IN_PATH, SIGN_OUT_PATH


class AccountPages:
    """Pages about oneself."""

    def __init__(self, *, applications: ApplicationStore, browsers: Browsers, pages: Pages) -> None:
        self._applications = applications
        self._browsers = browsers
        self._pages = pages

    async def home(self, request: Request, visitor: Visitor) -> Response:
        """Say who is signed in, and offer to sign out."""
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
        return self._pages.render(request, "home.html", visitor.environment, context)

    async def logo(self, request: Request, visitor: Visitor) -> Response:
        """Give an application's logo, as an image and nothing else."""
        found = await self._applications.logo(visitor.environment.environment_id, request.path_params["client_id"])
        return logo_response(found)


def logo_response(found: tuple[str, bytes] | None) -> Response:
    """Answer with a logo, as an image and nothing else; None: there is none."""
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


async def choose_language(request: Request) -> Response:
    """Show the page that one came from in another language, and all others from now on.

    It is a link, so nothing of the page is lost, however long its address is, and no form's policy stands in the way.
    """
    language = LANGUAGES.get(request.query_params.get("to", ""))
    response = redirect(own_path(request.query_params.get("next")), after_post=False)
    # What another site links to must not decide it. Browsers that do not say where a request began are believed.
    if language is not None and request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}:
        keep_language(request, response, language)
    return response
