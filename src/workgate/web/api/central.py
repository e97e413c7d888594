"""Operations on applications of other organisations: which are offered, installing and uninstalling one."""

from workgate.domain.central import CentralApplication
from workgate.service.descriptions import OfferedApplication, show_offered
from workgate.web.api.bodies import Nothing, PageQuery
from workgate.web.api.calls import AdminServices, Call, OfferedList, page_of


async def list_offered(services: AdminServices, call: Call[PageQuery, None]) -> OfferedList:
    """List the applications that other organisations offer to every organisation of the lane."""
    found = await services.central.available(call.environment, by=call.acting)
    page, following = page_of(found, _place, after=call.query.after, limit=call.query.limit)
    return OfferedList(applications=[show_offered(one) for one in page], following=following)


async def show_offered_application(services: AdminServices, call: Call[Nothing, None]) -> OfferedApplication:
    """Show one of them."""
    return show_offered(await services.central.one(call.environment, call.client_id, by=call.acting))


async def install_application(services: AdminServices, call: Call[Nothing, None]) -> OfferedApplication:
    """Install one: users can connect it from now on. Done twice, it is as if done once."""
    return show_offered(await services.central.install(call.environment, call.client_id, by=call.acting))


async def uninstall_application(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Uninstall one: its codes, tokens and sessions of this environment end at once."""
    await services.central.uninstall(call.environment, call.client_id, by=call.acting)


def _place(offered: CentralApplication) -> str:
    return offered.application.client_id
