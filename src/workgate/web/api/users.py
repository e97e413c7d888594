"""Operations on users, and on the rules by which they sign in."""

from msgspec import Struct

from workgate.domain.people import PersonChanges
from workgate.service.people import NewUser
from workgate.service.shown_people import ShownRules, ShownUser, show_rules, show_user
from workgate.service.sign_in_rules import RulesChanges
from workgate.web.api.bodies import NewUserBody, Nothing, RulesBody, UserChangesBody, UserQuery, given
from workgate.web.api.calls import AdminServices, Call


class UserList(Struct, frozen=True, kw_only=True):
    """Some of the users, by user name; ``following`` asks for more, even after an empty page of a search."""

    users: list[ShownUser]
    following: str | None


async def list_users(services: AdminServices, call: Call[UserQuery, None]) -> UserList:
    """List the environment's users, or those in whose names or e-mail address all words of a search occur."""
    query = call.query
    page = await services.people.people(
        call.environment, search=query.search, after=query.after, limit=query.limit, by=call.acting
    )
    now = services.clock.now()
    return UserList(users=[show_user(person, now) for person in page.people], following=page.following)


async def create_user(services: AdminServices, call: Call[Nothing, NewUserBody]) -> ShownUser:
    """Create a user, who has no password yet: send an invitation to set one."""
    user = await services.people.create(call.environment, NewUser(**given(call.body)), by=call.acting)
    return await _shown(services, call, user.user_id)


async def show_one_user(services: AdminServices, call: Call[Nothing, None]) -> ShownUser:
    """Show a user."""
    return await _shown(services, call, call.path["user_id"])


async def change_user(services: AdminServices, call: Call[Nothing, UserChangesBody]) -> ShownUser:
    """Change fields of a user; what is not named stays. Disabling or enabling one ends all the user's sessions.

    Nobody disables himself or takes his own administrator right away, and the last active administrator stays.
    """
    changes = PersonChanges(**given(call.body))
    person = await services.people.change(call.environment, call.path["user_id"], changes, by=call.acting)
    return show_user(person, services.clock.now())


async def unlock_user(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Let passwords of a user be looked at again, after too many wrong ones."""
    await services.people.unlock(call.environment, call.path["user_id"], by=call.acting)


async def end_sessions_of_user(services: AdminServices, call: Call[Nothing, None]) -> None:
    """End every session of a user. Applications that the user allowed can fetch new tokens."""
    await services.people.end_sessions(call.environment, call.path["user_id"], by=call.acting)


async def show_sign_in_rules(services: AdminServices, call: Call[Nothing, None]) -> ShownRules:
    """Show how people sign in."""
    return show_rules(await services.sign_in.rules(call.environment, by=call.acting))


async def change_sign_in_rules(services: AdminServices, call: Call[Nothing, RulesBody]) -> ShownRules:
    """Change how people sign in; what is not named stays. SSO only without exempt administrators needs a tested one."""
    changes = RulesChanges(**given(call.body))
    return show_rules(await services.sign_in.change(call.environment, changes, by=call.acting))


async def _shown(services: AdminServices, call: Call[object, object], user_id: str) -> ShownUser:
    return show_user(await services.people.person(call.environment, user_id, by=call.acting), services.clock.now())
