"""Operations on users, and on the rules by which they sign in."""

from msgspec import Struct

from workgate.domain.people import PersonChanges
from workgate.domain.problems import NotFound
from workgate.service.mailed_links import Mailing
from workgate.service.people import NewUser
from workgate.service.shown_people import (
    ShownFederation,
    ShownInvitation,
    ShownRules,
    ShownUser,
    show_federation,
    show_invitation,
    show_rules,
    show_user,
)
from workgate.service.sign_in_rules import RulesChanges
from workgate.web.api.bodies import FederationBody, NewUserBody, Nothing, RulesBody, UserChangesBody, UserQuery, given
from workgate.web.api.calls import AdminServices, Call
from workgate.web.languages import LANGUAGES

_ENGLISH = LANGUAGES["en"]


class UserList(Struct, frozen=True, kw_only=True):
    """Some of the users, by user name; ``following`` asks for more, even after an empty page of a search."""

    users: list[ShownUser]
    following: str | None


class FederationList(Struct, frozen=True, kw_only=True):
    """The subjects of identity providers that stand for a user."""

    federations: list[ShownFederation]


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


async def invite_user(services: AdminServices, call: Call[Nothing, None]) -> ShownInvitation:
    """Make a link by which a user sets a password, and mail it; an earlier one works no more.

    Of a user without a password it works for seven days, else for an hour. What cannot be mailed is in the answer.
    """
    person = await services.people.person(call.environment, call.path["user_id"], by=call.acting)
    mailing = Mailing(call.origin, _ENGLISH.say)
    invited = await services.mailed_links.invite(call.environment, person.user, by=call.acting, mailing=mailing)
    return show_invitation(invited)


async def reset_second_steps(services: AdminServices, call: Call[Nothing, None]) -> None:
    """Remove all second steps of a user who lost them; the password then signs in alone."""
    person = await services.people.person(call.environment, call.path["user_id"], by=call.acting)
    await services.second_steps.reset(call.environment, person.user, by=call.acting)


async def list_federations(services: AdminServices, call: Call[Nothing, None]) -> FederationList:
    """List the subjects of identity providers that stand for a user."""
    person = await services.people.person(call.environment, call.path["user_id"], by=call.acting)
    found = await services.federations.of(call.environment, person.user, by=call.acting)
    return FederationList(federations=[show_federation(one) for one in found])


async def add_federation(services: AdminServices, call: Call[Nothing, FederationBody]) -> FederationList:
    """Let a subject of an identity provider stand for a user."""
    environment, by, body = call.environment, call.acting, call.body
    person = await services.people.person(environment, call.path["user_id"], by=by)
    provider = await services.identity_providers.provider(environment, body.provider_id, by=by)
    await services.federations.federate(environment, provider, body.subject, person.user, by=by)
    found = await services.federations.of(environment, person.user, by=by)
    return FederationList(federations=[show_federation(one) for one in found])


async def remove_federation(services: AdminServices, call: Call[Nothing, FederationBody]) -> None:
    """Let a subject of an identity provider stand for nobody any more. Sessions that it opened live on."""
    environment, by, body = call.environment, call.acting, call.body
    person = await services.people.person(environment, call.path["user_id"], by=by)
    provider = await services.identity_providers.provider(environment, body.provider_id, by=by)
    found = await services.federations.of(environment, person.user, by=by)
    if (provider.provider_id, body.subject) not in {(one.provider_id, one.subject) for one in found}:
        raise NotFound("this federation ID does not stand for this user")
    await services.federations.unfederate(environment, provider, body.subject, by=by)


async def show_sign_in_rules(services: AdminServices, call: Call[Nothing, None]) -> ShownRules:
    """Show how people sign in."""
    return show_rules(await services.sign_in.rules(call.environment, by=call.acting))


async def change_sign_in_rules(services: AdminServices, call: Call[Nothing, RulesBody]) -> ShownRules:
    """Change how people sign in; what is not named stays. SSO only without exempt administrators needs a tested one."""
    changes = RulesChanges(**given(call.body))
    return show_rules(await services.sign_in.change(call.environment, changes, by=call.acting))


async def _shown(services: AdminServices, call: Call[object, object], user_id: str) -> ShownUser:
    return show_user(await services.people.person(call.environment, user_id, by=call.acting), services.clock.now())
