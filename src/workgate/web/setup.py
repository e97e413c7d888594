"""Setup pages of an environment's applications: the list, creating, changing, copying to another lane and deleting."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.oauth import Application, ApplicationType
from workgate.domain.problems import NotFound, Problem
from workgate.domain.texts import N_, Text
from workgate.service.applications import OtherLane, Registered, Registry
from workgate.service.central import CentralApplications
from workgate.service.connections import Connections
from workgate.web import setup_forms as forms
from workgate.web.entrance import Administrator
from workgate.web.multipart import Posted, posted_form
from workgate.web.pages import redirect
from workgate.web.setup_page import (
    SETUP_PATH,
    TOO_OLD,
    TYPE_NAMES,
    SetupPages,
    application_path,
    seen,
    setup_context,
)

PAGE_SIZE = 20
_DESCRIPTIONS: Mapping[ApplicationType, Text] = {
    ApplicationType.WEB: N_("Runs on a server, which keeps a secret. Users sign in and allow it to act for them."),
    ApplicationType.SPA: N_("Runs in the browser and can keep no secret. Users sign in and allow it to act for them."),
    ApplicationType.MACHINE: N_(
        "A program without users at hand. It signs in with a key, as the user who added the key."
    ),
}
_SENT_TWICE = N_(
    "Since this form was opened, an application was created or deleted, perhaps by sending it twice. Nothing was "
    "created just now: look at the list, and send the form again if you want one more."
)


class ApplicationPages:
    """The pages under ``/setup/oauth2``, but for secrets and keys."""

    def __init__(
        self, *, setup: SetupPages, registry: Registry, connections: Connections, central: CentralApplications
    ) -> None:
        self._setup = setup
        self._registry = registry
        self._connections = connections
        self._central = central

    async def overview(self, request: Request, admin: Administrator) -> Response:
        """List the environment's applications, a page at a time, from the one after ``after``."""
        registered = await self._registry.applications(admin.environment, by=admin.acting)
        ids: list[str] = [application.client_id for application in registered]
        after = request.query_params.get("after", "")
        begin = ids.index(after) + 1 if after in ids else 0
        shown = registered[begin : begin + PAGE_SIZE]
        more = begin + PAGE_SIZE < len(registered)
        context = {
            "applications": [
                {
                    **setup_context(application),
                    "count": await self._connections.count(admin.environment, application.client_id, by=admin.acting),
                }
                for application in shown
            ],
            "used": len(registered),
            "most": self._registry.at_most,
            "next_page": f"{SETUP_PATH}?after={shown[-1].client_id}" if more else None,
            "first_page": SETUP_PATH if begin else None,
        }
        return self._setup.page(request, admin, "setup_list.html", context, here=SETUP_PATH)

    async def choose(self, request: Request, admin: Administrator) -> Response:
        """Ask for the type, which never changes."""
        registered = await self._registry.applications(admin.environment, by=admin.acting)
        types = [
            {"path": f"{SETUP_PATH}/new/{kind.value}", "name": TYPE_NAMES[kind], "description": _DESCRIPTIONS[kind]}
            for kind in ApplicationType
        ]
        context = {"types": types, "used": len(registered), "most": self._registry.at_most}
        return self._setup.page(request, admin, "setup_new.html", context, here=f"{SETUP_PATH}/new")

    async def new(self, request: Request, admin: Administrator) -> Response:
        """Show the empty form of a type."""
        kind = _type_of(request)
        return await self._form_of_new(request, admin, kind, forms.values_of_new(kind))

    async def create(self, request: Request, admin: Administrator) -> Response:
        """Create what was entered; show its secret, or the form again with what is wrong."""
        kind = _type_of(request)
        posted = await self._posted(request)
        if posted is None:
            return self._setup.too_large(request, admin)
        values = forms.values_typed(kind, posted)
        if not self._setup.is_own(posted.texts, admin):
            return await self._form_of_new(request, admin, kind, values, problem=TOO_OLD, status=403)
        there = await self._registry.applications(admin.environment, by=admin.acting)
        if posted.texts.get("seen", "") != _seen(there):
            return await self._form_of_new(request, admin, kind, values, problem=_SENT_TWICE, status=409)
        try:
            new = forms.new_application(kind, posted)
            registered = await self._registry.register(admin.environment, new, by=admin.acting)
        except Problem as problem:
            return await self._form_of_new(request, admin, kind, values, problem=problem, status=422)
        return self._registered(request, admin, registered, lane=None)

    async def show(self, request: Request, admin: Administrator) -> Response:
        """Show an application with everything that can be changed."""
        application = await self._application(request, admin)
        return await self._form(request, admin, application, forms.values_of(application))

    async def change(self, request: Request, admin: Administrator) -> Response:
        """Save what was entered, or show the form again with what is wrong."""
        application = await self._application(request, admin)
        posted = await self._posted(request)
        if posted is None:
            return self._setup.too_large(request, admin)
        values = forms.values_typed(application.type, posted)
        if not self._setup.is_own(posted.texts, admin):
            return await self._form(request, admin, application, values, problem=TOO_OLD, status=403)
        try:
            changes = forms.changes(application.type, posted)
            await self._registry.update(admin.environment, application.client_id, changes, by=admin.acting)
        except NotFound:
            raise
        except Problem as problem:
            return await self._form(request, admin, application, values, problem=problem, status=422)
        return redirect(f"{application_path(application.client_id)}?done=saved", after_post=True)

    async def ask_to_delete(self, request: Request, admin: Administrator) -> Response:
        """Say what will stop working, and ask."""
        return await self._question(request, admin, await self._application(request, admin))

    async def delete(self, request: Request, admin: Administrator) -> Response:
        """Delete an application."""
        application = await self._application(request, admin)
        if await self._setup.fields(request, admin) is None:
            return await self._question(request, admin, application, problem=TOO_OLD, status=403)
        await self._registry.delete(admin.environment, application.client_id, by=admin.acting)
        return redirect(f"{SETUP_PATH}?done=deleted", after_post=True)

    async def choose_lane(self, request: Request, admin: Administrator) -> Response:
        """Show the lanes that an application can be copied to."""
        return await self._lanes(request, admin, await self._application(request, admin))

    async def copy(self, request: Request, admin: Administrator) -> Response:
        """Copy an application to a lane; show the secret that it has there."""
        application = await self._application(request, admin)
        form = await self._setup.fields(request, admin, "lane", "seen")
        if form is None:
            return await self._lanes(request, admin, application, problem=TOO_OLD, status=403)
        lanes = await self._registry.lanes(admin.environment, by=admin.acting)
        there = {other.lane: _seen(other.applications) for other in lanes if other.applications is not None}
        lane = form.get("lane", "")
        if lane in there and form.get("seen", "") != there[lane]:
            return await self._lanes(request, admin, application, problem=_SENT_TWICE, status=409)
        try:
            registered = await self._registry.promote(admin.environment, application.client_id, lane, by=admin.acting)
        except Problem as problem:
            if problem.field == "lane":
                problem = Problem("choose one of these lanes")
            return await self._lanes(request, admin, application, problem=problem.text, status=422)
        return self._registered(request, admin, registered, lane=lane)

    async def _application(self, request: Request, admin: Administrator) -> Application:
        client_id = request.path_params["client_id"]
        return await self._registry.application(admin.environment, client_id, by=admin.acting)

    async def _installations(self, application: Application) -> int | None:
        """How many other organisations installed it; None: they cannot."""
        return await self._central.installations(application) if application.is_central else None

    async def _posted(self, request: Request) -> Posted | None:
        return await posted_form(request, texts=forms.TEXT_FIELDS, files=forms.FILE_FIELDS)

    async def _form_of_new(
        self,
        request: Request,
        admin: Administrator,
        kind: ApplicationType,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        registered = await self._registry.applications(admin.environment, by=admin.acting)
        context = {
            **_form_context(kind, values),
            "application": None,
            "type_name": TYPE_NAMES[kind],
            "seen": _seen(registered),
        }
        here = f"{SETUP_PATH}/new/{kind.value}"
        return self._setup.page(request, admin, "setup_form.html", context, here=here, problem=problem, status=status)

    async def _form(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        values: Mapping[str, str],
        *,
        problem: Problem | Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        count = await self._connections.count(admin.environment, application.client_id, by=admin.acting)
        context = {
            **_form_context(application.type, values),
            "application": setup_context(application),
            "customer_id": admin.environment.customer_id,
            "count": count,
            "installations": await self._installations(application),
            "seen": "",
        }
        here = application_path(application.client_id)
        return self._setup.page(request, admin, "setup_form.html", context, here=here, problem=problem, status=status)

    async def _question(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        count = await self._connections.count(admin.environment, application.client_id, by=admin.acting)
        context = {
            "application": setup_context(application),
            "count": count,
            "installations": await self._installations(application),
            "secrets": len(application.secrets),
        }
        here = application_path(application.client_id, "delete")
        return self._setup.page(request, admin, "setup_delete.html", context, here=here, problem=problem, status=status)

    async def _lanes(
        self,
        request: Request,
        admin: Administrator,
        application: Application,
        *,
        problem: Text | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        lanes = await self._registry.lanes(admin.environment, by=admin.acting)
        context = {
            "application": setup_context(application),
            "lanes": [self._lane(other) for other in lanes],
            "most": self._registry.at_most,
        }
        here = application_path(application.client_id, "copy")
        return self._setup.page(request, admin, "setup_copy.html", context, here=here, problem=problem, status=status)

    def _lane(self, other: OtherLane) -> dict[str, object]:
        there = other.applications
        return {
            "lane": other.lane,
            "used": None if there is None else len(there),
            "open": there is not None and len(there) < self._registry.at_most,
            "seen": _seen(there or ()),
        }

    def _registered(
        self, request: Request, admin: Administrator, registered: Registered, *, lane: str | None
    ) -> Response:
        """Show what was created: the one time that its secret can be read."""
        application = registered.application
        if lane is None and registered.client_secret is None:
            return redirect(f"{application_path(application.client_id)}?done=created", after_post=True)
        context = {
            "application": setup_context(application),
            "client_secret": registered.client_secret,
            "lane": lane,
            "new_application": True,
        }
        return self._setup.page(request, admin, "setup_secret_shown.html", context, here=SETUP_PATH)


def _type_of(request: Request) -> ApplicationType:
    try:
        return ApplicationType(request.path_params["type"])
    except ValueError:
        raise NotFound("there is no such type") from None


def _seen(applications: Sequence[Application]) -> str:
    return seen(application.client_id for application in applications)


def _form_context(kind: ApplicationType, values: Mapping[str, str]) -> dict[str, object]:
    fields = forms.FIELDS[kind]
    return {
        "kind": kind.value,
        "fields": fields,
        "values": values,
        "absolute": forms.expiry_options(values.get("refresh_absolute_seconds", ""), never=True),
        "inactivity": forms.expiry_options(values.get("refresh_inactivity_seconds", ""), never=False),
    }
