"""Setup pages of other organisations' applications: which there are, and installing and uninstalling one.

Both ask first, on pages of their own that say what follows, and can be repeated without harm.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.central import CentralApplication
from workgate.domain.texts import Text
from workgate.service.central import CentralApplications
from workgate.service.connections import Connections
from workgate.web.account import logo_response
from workgate.web.entrance import Administrator
from workgate.web.pages import redirect
from workgate.web.setup_page import SETUP_PATH, TOO_OLD, SetupPages, application_path, setup_context

AVAILABLE_PATH = f"{SETUP_PATH}/available"
PAGE_SIZE = 20


class AvailablePages:
    """The pages under ``/setup/oauth2/available``."""

    def __init__(self, *, setup: SetupPages, central: CentralApplications, connections: Connections) -> None:
        self._setup = setup
        self._central = central
        self._connections = connections

    async def overview(self, request: Request, admin: Administrator) -> Response:
        """List what other organisations offer, a page at a time, from the one after ``after``."""
        offered = await self._central.available(admin.environment, by=admin.acting)
        ids: list[str] = [one.application.client_id for one in offered]
        after = request.query_params.get("after", "")
        begin = ids.index(after) + 1 if after in ids else 0
        shown = offered[begin : begin + PAGE_SIZE]
        more = begin + PAGE_SIZE < len(offered)
        context = {
            "applications": [_context(one) for one in shown],
            "next_page": f"{AVAILABLE_PATH}?after={shown[-1].application.client_id}" if more else None,
            "first_page": AVAILABLE_PATH if begin else None,
        }
        return self._setup.page(request, admin, "setup_available.html", context, here=AVAILABLE_PATH)

    async def logo(self, request: Request, admin: Administrator) -> Response:
        """Give the logo of one that need not be installed."""
        client_id = request.path_params["client_id"]
        return logo_response(await self._central.logo(admin.environment, client_id, by=admin.acting))

    async def ask_to_install(self, request: Request, admin: Administrator) -> Response:
        """Say what installing means, and ask."""
        return self._question(request, admin, await self._one(request, admin), "install")

    async def install(self, request: Request, admin: Administrator) -> Response:
        """Install it."""
        offered = await self._one(request, admin)
        if await self._setup.fields(request, admin) is None:
            return self._question(request, admin, offered, "install", problem=TOO_OLD, status=403)
        await self._central.install(admin.environment, offered.application.client_id, by=admin.acting)
        return redirect(f"{AVAILABLE_PATH}?done=installed", after_post=True)

    async def ask_to_uninstall(self, request: Request, admin: Administrator) -> Response:
        """Say what will stop working, and ask."""
        return await self._uninstall_question(request, admin, await self._one(request, admin))

    async def uninstall(self, request: Request, admin: Administrator) -> Response:
        """Uninstall it."""
        offered = await self._one(request, admin)
        if await self._setup.fields(request, admin) is None:
            return await self._uninstall_question(request, admin, offered, problem=TOO_OLD, status=403)
        if offered.installed_at is not None:
            await self._central.uninstall(admin.environment, offered.application.client_id, by=admin.acting)
        return redirect(f"{AVAILABLE_PATH}?done=uninstalled", after_post=True)

    async def _one(self, request: Request, admin: Administrator) -> CentralApplication:
        return await self._central.one(admin.environment, request.path_params["client_id"], by=admin.acting)

    async def _uninstall_question(
        self,
        request: Request,
        admin: Administrator,
        offered: CentralApplication,
        *,
        problem: Text | None = None,
        status: int = 200,
    ) -> Response:
        if offered.installed_at is None:
            return redirect(AVAILABLE_PATH, after_post=request.method == "POST")
        client_id = offered.application.client_id
        count = await self._connections.count(admin.environment, client_id, by=admin.acting)
        return self._question(
            request, admin, offered, "uninstall", problem=problem, status=status, more={"count": count}
        )

    def _question(
        self,
        request: Request,
        admin: Administrator,
        offered: CentralApplication,
        what: str,
        *,
        problem: Text | None = None,
        status: int = 200,
        more: Mapping[str, object] | None = None,
    ) -> Response:
        here = f"{AVAILABLE_PATH}/{offered.application.client_id}/{what}"
        context = {"application": _context(offered), "form_action": here, **(more or {})}
        return self._setup.page(
            request, admin, f"setup_{what}.html", context, here=here, problem=problem, status=status
        )


def _context(offered: CentralApplication) -> dict[str, object]:
    application = offered.application
    path = f"{AVAILABLE_PATH}/{application.client_id}"
    return {
        **setup_context(application),
        "logo_url": f"{path}/logo" if application.has_logo else None,
        "owner_name": offered.owner_name,
        "owner_domain": offered.owner_domain,
        "installed_at": offered.installed_at,
        "install_path": f"{path}/install",
        "uninstall_path": f"{path}/uninstall",
        "connections_path": application_path(application.client_id, "connections"),
    }
