"""Who may open the setup pages, the value that guards their forms, and what every one of them shows."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.accounts import Environment, Session
from workgate.domain.oauth import Application, ApplicationType
from workgate.domain.problems import NotAllowed, NotFound, Problem
from workgate.domain.texts import N_, Text
from workgate.service.acting import Acting
from workgate.web.browser import Browsers, Visitor, posted_fields
from workgate.web.pages import Pages, path_and_query, redirect
from workgate.web.signin import application_context, sign_in_address

SETUP_PATH = "/setup/oauth2"
TYPE_NAMES: Mapping[ApplicationType, Text] = {
    ApplicationType.WEB: N_("Web application"),
    ApplicationType.SPA: N_("Single page application"),
    ApplicationType.MACHINE: N_("Machine to machine"),
}
DONE: Mapping[str, Text] = {
    "created": N_("The application was created."),
    "saved": N_("Your changes are saved."),
    "deleted": N_("The application was deleted."),
    "noted": N_("The note is saved."),
    "secret-deleted": N_("The secret was deleted."),
    "key-added": N_("The key was added."),
    "key-deleted": N_("The key was deleted."),
    "installed": N_("The application is installed: your users can connect it."),
    "uninstalled": N_("The application is not installed any more."),
}
"""What a page that was led to says of what was done: its address names it, and can name nothing else."""
TOO_OLD = N_(
    "This page was open for too long, or belongs to an earlier sign-in. Nothing was changed: send it once more."
)


@dataclass(frozen=True, slots=True)
class Administrator:
    """Whoever is signed in and administers the environment."""

    environment: Environment
    session: Session
    acting: Acting


Handler = Callable[[Request, Administrator], Awaitable[Response]]


class SetupAccess:
    """Lets administrators pass, and renders for them."""

    def __init__(self, *, browsers: Browsers, pages: Pages) -> None:
        self._browsers = browsers
        self._pages = pages

    def only(self, handler: Handler) -> Callable[[Request, Visitor], Awaitable[Response]]:
        """Make a page that only administrators reach; whoever is not signed in does so first."""

        async def guarded(request: Request, visitor: Visitor) -> Response:
            if visitor.session is None:
                reading = request.method in {"GET", "HEAD"}
                target = path_and_query(request) if reading else SETUP_PATH
                return redirect(sign_in_address(target), after_post=not reading)
            administrator = Administrator(
                visitor.environment, visitor.session, Acting(visitor.session.user, visitor.address)
            )
            try:
                administrator.acting.must_administer(visitor.environment)
                return await handler(request, administrator)
            except NotAllowed:
                return self._not_allowed(request, visitor.environment)
            except NotFound:
                return self._not_found(request, visitor.environment)

        return guarded

    async def fields(self, request: Request, administrator: Administrator, *names: str) -> Mapping[str, str] | None:
        """Read a posted form; None: it is not a form of this sign-in."""
        form = await posted_fields(request, "csrf", *names)
        return form if self.is_own(form, administrator) else None

    def is_own(self, form: Mapping[str, str], administrator: Administrator) -> bool:
        """Tell whether what was posted is a form that was made for this sign-in."""
        return self._browsers.is_form_of_session(form.get("csrf", ""), administrator.session)

    def page(
        self,
        request: Request,
        administrator: Administrator,
        template: str,
        context: Mapping[str, Any],
        *,
        here: str,
        problem: Problem | Text | None = None,
        status: int = 200,
    ) -> Response:
        """Render a setup page.

        Args:
            request: what is answered.
            administrator: who looks at it.
            template: the file's name.
            context: what the template says it needs, besides what is given here.
            here: the page's own path, for whoever comes to it by a post.
            problem: what was wrong with what was posted.
            status: the HTTP status.
        """
        reading = request.method in {"GET", "HEAD"}
        text, field = (problem.text, problem.field) if isinstance(problem, Problem) else (problem, None)
        shared = {
            "setup_path": SETUP_PATH,
            "csrf": self._browsers.form_of_session(administrator.session),
            "done": DONE.get(request.query_params.get("done", "")) if reading else None,
            "problem": text if field is None else None,
            "error": {field: text} if field is not None else {},
        }
        return self._pages.render(
            request, template, administrator.environment, {**shared, **context}, status=status, here=here
        )

    def too_large(self, request: Request, administrator: Administrator) -> Response:
        """Answer a form that was not read to its end."""
        return self._pages.error(
            request,
            administrator.environment,
            status=413,
            title=N_("That is too much at once"),
            text=N_("The form was larger than anything it asks for, so it was not read. Nothing was changed."),
            hint=N_("Go back with your browser, where your entries still are. A logo can have up to 256 KB."),
        )

    def _not_found(self, request: Request, environment: Environment) -> Response:
        return self._pages.error(
            request,
            environment,
            status=404,
            title=N_("There is no such application here"),
            text=N_("It, or the part of it that you asked for, does not exist in this organisation and lane."),
            hint=N_("It may have been deleted meanwhile: go back to the list of applications."),
            start=True,
        )

    def _not_allowed(self, request: Request, environment: Environment) -> Response:
        return self._pages.error(
            request,
            environment,
            status=403,
            title=N_("This page is for administrators"),
            text=N_("Your account may not look after the applications of this organisation in this lane."),
            hint=N_("Ask an administrator of your organisation, or sign in with another account."),
            start=True,
        )


def seen(ids: Iterable[object]) -> str:
    """What a form that creates something has seen of what there is: by it, one that is sent twice is known."""
    return hashlib.sha256(" ".join(sorted(map(str, ids))).encode()).hexdigest()[:16]


def application_path(client_id: str, *more: str) -> str:
    """The setup page of an application, or one below it."""
    return "/".join((SETUP_PATH, client_id, *more))


def setup_context(application: Application) -> dict[str, object]:
    """What the setup pages show of an application on top, and where its pages are."""
    path = application_path(application.client_id)
    kind = application.type
    return {
        **application_context(application),
        "client_id": application.client_id,
        "type": kind.value,
        "type_name": TYPE_NAMES[kind],
        "created_at": application.created_at,
        "path": path,
        "secrets_path": None if application.is_public else f"{path}/secrets",
        "keys_path": f"{path}/keys" if kind is ApplicationType.MACHINE else None,
    }
