"""What every setup page shows, the value that guards its forms, and the addresses of those of an application."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.oauth import Application, ApplicationType
from workgate.domain.problems import Problem
from workgate.domain.texts import N_, Text
from workgate.web.browser import Browsers, posted_fields
from workgate.web.entrance import Administrator
from workgate.web.pages import Pages
from workgate.web.signin import application_context

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
TOO_OLD = N_(
    "This page was open for too long, or belongs to an earlier sign-in. Nothing was changed: send it once more."
)


class SetupPages:
    """Reads the forms of administrators, and renders for them.

    Args:
        browsers: tells whose form one is.
        pages: renders.
        done: what a page that was led to says of what was done: its address names it, and can name nothing else.
    """

    def __init__(self, *, browsers: Browsers, pages: Pages, done: Mapping[str, Text]) -> None:
        self._browsers = browsers
        self._pages = pages
        self._done = done

    async def fields(self, request: Request, administrator: Administrator, *names: str) -> Mapping[str, str] | None:
        """Read a posted form; None: it is not a form of this sign-in."""
        form, own = await self.read(request, administrator, *names)
        return form if own else None

    async def read(self, request: Request, administrator: Administrator, *names: str) -> tuple[Mapping[str, str], bool]:
        """Read a posted form, and tell whether it is one of this sign-in; what was typed can be shown again anyway."""
        form = await posted_fields(request, "csrf", *names)
        return form, self.is_own(form, administrator)

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
            "done": self._done.get(request.query_params.get("done", "")) if reading else None,
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
