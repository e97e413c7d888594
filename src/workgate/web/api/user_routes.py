"""The rows of the admin API's table that are about users and how they sign in."""

from workgate.service.shown_people import ShownInvitation, ShownRules, ShownUser
from workgate.service.shown_providers import ShownProvider
from workgate.web.api import providers, users
from workgate.web.api.bodies import (
    FederationBody,
    NewProviderBody,
    NewUserBody,
    PageQuery,
    ProviderChangesBody,
    RulesBody,
    UserChangesBody,
    UserQuery,
)
from workgate.web.api.operations import LARGEST_PROVIDER, Operation

_ONE = "/users/{user_id}"
_FEDERATIONS = _ONE + "/federations"
_RULES = "/sign-in-rules"
_PROVIDERS = "/identity-providers"
_PROVIDER = _PROVIDERS + "/{provider_id}"

USER_OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path="/users", handler=users.list_users, query=UserQuery, answer=users.UserList),
    Operation(
        method="POST",
        path="/users",
        handler=users.create_user,
        body=NewUserBody,
        status=201,
        answer=ShownUser,
        conflicts=True,
    ),
    Operation(method="GET", path=_ONE, handler=users.show_one_user, answer=ShownUser),
    Operation(
        method="PATCH",
        path=_ONE,
        handler=users.change_user,
        body=UserChangesBody,
        answer=ShownUser,
        conflicts=True,
    ),
    Operation(method="DELETE", path=_ONE + "/lock", handler=users.unlock_user, status=204),
    Operation(method="DELETE", path=_ONE + "/sessions", handler=users.end_sessions_of_user, status=204),
    Operation(
        method="POST",
        path=_ONE + "/invitations",
        handler=users.invite_user,
        status=201,
        answer=ShownInvitation,
        conflicts=True,
    ),
    Operation(method="DELETE", path=_ONE + "/second-steps", handler=users.reset_second_steps, status=204),
    Operation(method="GET", path=_FEDERATIONS, handler=users.list_federations, answer=users.FederationList),
    Operation(
        method="POST",
        path=_FEDERATIONS,
        handler=users.add_federation,
        body=FederationBody,
        status=201,
        answer=users.FederationList,
        conflicts=True,
    ),
    Operation(
        method="POST", path=_FEDERATIONS + "/remove", handler=users.remove_federation, body=FederationBody, status=204
    ),
    Operation(method="GET", path=_RULES, handler=users.show_sign_in_rules, answer=ShownRules),
    Operation(
        method="PATCH",
        path=_RULES,
        handler=users.change_sign_in_rules,
        body=RulesBody,
        answer=ShownRules,
        conflicts=True,
    ),
    Operation(
        method="GET", path=_PROVIDERS, handler=providers.list_providers, query=PageQuery, answer=providers.ProviderList
    ),
    Operation(
        method="POST",
        path=_PROVIDERS,
        handler=providers.create_provider,
        body=NewProviderBody,
        largest=LARGEST_PROVIDER,
        status=201,
        answer=ShownProvider,
        conflicts=True,
        limited=True,
    ),
    Operation(method="GET", path=_PROVIDER, handler=providers.show_one_provider, answer=ShownProvider),
    Operation(
        method="PATCH",
        path=_PROVIDER,
        handler=providers.change_provider,
        body=ProviderChangesBody,
        largest=LARGEST_PROVIDER,
        answer=ShownProvider,
        conflicts=True,
    ),
    Operation(method="DELETE", path=_PROVIDER, handler=providers.delete_provider, status=204, conflicts=True),
)
