"""Operations on applications: list, create, show, change, delete, their logos, and the copy to another lane."""

from collections.abc import Mapping

from workgate.domain.oauth import Application
from workgate.domain.problems import NotFound
from workgate.service.definitions import ApplicationChanges
from workgate.service.descriptions import (
    NewlyRegistered,
    ShownApplication,
    show_application,
    show_registered,
)
from workgate.web.api.bodies import ChangesBody, CopyBody, NewApplicationBody, Nothing, PageQuery
from workgate.web.api.calls import AdminServices, ApplicationList, Call, Picture, page_of


async def list_applications(services: AdminServices, call: Call[PageQuery, None]) -> ApplicationList:
    """List the environment's applications."""
    found = await services.registry.applications(call.environment, by=call.acting)
    page, following = page_of(found, _place, after=call.query.after, limit=call.query.limit)
    return ApplicationList(applications=[_shown(services, call, one) for one in page], following=following)


async def create_application(services: AdminServices, call: Call[Nothing, NewApplicationBody]) -> NewlyRegistered:
    """Create an application; its client secret, if its type has one, is shown this once."""
    made = await services.registry.register(call.environment, call.body.definition(), by=call.acting)
    customer_id = call.environment.customer_id
    return show_registered(made.application, made.client_secret, services.clock.now(), customer_id)


async def show_one(services: AdminServices, call: Call[Nothing, None]) -> ShownApplication:
    """Show an application."""
    return _shown(services, call, await _application(services, call))


async def change_application(services: AdminServices, call: Call[Nothing, ChangesBody]) -> ShownApplication:
    """Change fields of an application; what is not named stays. Of two who change one at once, the last one wins."""
    return await _changed(services, call, call.body.fields())


async def delete_application(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Delete an application: its codes, tokens and sessions end at once."""
    await services.registry.delete(call.environment, call.client_id, by=call.acting)


async def copy_application(services: AdminServices, call: Call[Nothing, CopyBody]) -> NewlyRegistered:
    """Create the same definition in another lane, with a client_id and a secret of its own, shown this once.

    Whoever asks must be an administrator there too, under the same user name.
    """
    made = await services.registry.promote(call.environment, call.client_id, call.body.lane, by=call.acting)
    return show_registered(made.application, made.client_secret, services.clock.now())


async def show_logo(services: AdminServices, call: Call[Nothing, None]) -> Picture:
    """Give an application's logo, as it is shown at consent."""
    application = await _application(services, call)
    found = await services.applications.logo(call.environment.environment_id, application.client_id)
    if found is None:
        raise NotFound("the application has no logo")
    return Picture(*found)


async def set_logo(services: AdminServices, call: Call[Nothing, bytes]) -> ShownApplication:
    """Give an application a logo: PNG, JPEG or WebP, at most 256 KB; it is written anew as a small PNG."""
    return await _changed(services, call, {"logo": call.body})


async def delete_logo(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Take an application's logo away."""
    if not (await _application(services, call)).has_logo:
        raise NotFound("the application has no logo")
    await _changed(services, call, {"logo": None})


async def _application(services: AdminServices, call: Call[Nothing, None]) -> Application:
    return await services.registry.application(call.environment, call.client_id, by=call.acting)


async def _changed(
    services: AdminServices,
    call: Call[Nothing, ChangesBody] | Call[Nothing, bytes] | Call[Nothing, None],
    fields: Mapping[str, object],
) -> ShownApplication:
    changes = ApplicationChanges(**fields)  # type: ignore[arg-type] # a body's fields have its fields' types
    changed = await services.registry.update(call.environment, call.client_id, changes, by=call.acting)
    return _shown(services, call, changed)


def _shown(services: AdminServices, call: Call[object, object], application: Application) -> ShownApplication:
    return show_application(application, services.clock.now(), call.environment.customer_id)


def _place(application: Application) -> str:
    return f"{application.created_at:015}.{application.client_id}"
