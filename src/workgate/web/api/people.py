"""Operations on connections: for whom an application may act, and which applications may act for me."""

from workgate.domain.problems import NotFound
from workgate.service.descriptions import ShownConnections, show_connected, show_connections
from workgate.web.api.bodies import Nothing, PageQuery
from workgate.web.api.calls import AdminServices, Call, ConnectedList, page_of


async def list_connections(services: AdminServices, call: Call[PageQuery, None]) -> ShownConnections:
    """List the users for whom an application may act."""
    connections = services.connections
    count = await connections.count(call.environment, call.client_id, by=call.acting)
    page = await connections.of_application(
        call.environment, call.client_id, after=call.query.after, limit=call.query.limit, by=call.acting
    )
    return show_connections(count, page.connections, page.following)


async def withdraw_connection(services: AdminServices, call: Call[Nothing, None]) -> None:
    """End what a user allowed an application: its tokens and sessions for that user end at once."""
    user_id = call.path["user_id"]
    if not await services.connections.withdraw_of(call.environment, call.client_id, user_id, by=call.acting):
        raise NotFound("the application may not act for that user: there is nothing to withdraw")


async def list_my_connections(services: AdminServices, call: Call[PageQuery, None]) -> ConnectedList:
    """List the applications that may act for me. Every user may ask."""
    found = await services.connections.of_user(call.environment, call.user)
    page, following = page_of(found, lambda one: one.client_id, after=call.query.after, limit=call.query.limit)
    return ConnectedList(connections=[show_connected(one) for one in page], following=following)


async def withdraw_my_connection(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Take back what I allowed an application: its tokens and sessions for me end at once. Every user may."""
    if not await services.connections.withdraw(call.environment, call.client_id, by=call.acting):
        raise NotFound("that application may not act for you: there is nothing to withdraw")
