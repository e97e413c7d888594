"""The admin API of users and of the rules by which they sign in: the same rules as on the setup pages."""

from functools import partial

import pytest
from tests.admin_calls import caller, error
from tests.browser import PASSWORD, World, at_once

from workgate.domain.sso import ProviderKind
from workgate.service.acting import OPERATOR
from workgate.web.api import ADMIN_PATH

USERS, RULES = f"{ADMIN_PATH}/users", f"{ADMIN_PATH}/sign-in-rules"


@pytest.mark.spec("Workgate", "admin API", "users are listed, searched, created, changed and helped")
def test_users(world: World) -> None:
    http = caller(world)
    created = http.post(USERS, json={"username": "dora", "first_name": "Dora", "email": "dora@example.com"})
    assert created.status_code == 201
    dora = created.json()
    assert (dora["has_password"], dora["is_admin"], dora["is_active"]) == (False, False, True)
    assert error(http.post(USERS, json={"username": "DORA"}), 409, "conflict")["field"] == "username"
    assert [user["username"] for user in http.get(USERS, params={"limit": 2}).json()["users"]] == ["ann", "bob"]
    first = http.get(USERS, params={"limit": 1}).json()
    assert first["following"] == world.ann.user_id
    after = http.get(USERS, params={"limit": 1, "after": first["following"]}).json()
    assert [user["username"] for user in after["users"]] == ["bob"]
    assert [user["id"] for user in http.get(USERS, params={"search": "DORA exam"}).json()["users"]] == [dora["id"]]
    one = f"{USERS}/{dora['id']}"
    changed = http.patch(one, json={"last_name": "Zo\u00eb", "sso_only": True})
    assert changed.json() == {**dora, "last_name": "Zo\u00eb", "sso_only": True}
    assert http.get(one).json() == changed.json()
    assert error(http.post(f"{one}/invitations"), 409, "conflict")
    assert http.patch(one, json={"sso_only": False}).status_code == 200
    invited = http.post(f"{one}/invitations")
    assert (invited.status_code, invited.json()["mailed"]) == (201, False)
    assert "/reset?link=wgl_" in invited.json()["link"]
    for part in ("lock", "sessions", "second-steps"):
        assert http.delete(f"{one}/{part}").status_code == 204


@pytest.mark.spec("Workgate", "admin API", "nobody locks himself out, and the last administrator stays")
def test_oneself(world: World) -> None:
    http = caller(world)
    me = f"{USERS}/{world.ann.user_id}"
    for changes in ({"is_active": False}, {"is_admin": False}, {"sso_only": True}):
        assert error(http.patch(me, json=changes), 409, "conflict")["field"] in changes
    second = world.stand_in.create_user(world.acme, "second", PASSWORD, is_admin=True)
    calls = {second.user_id: caller(world), world.ann.user_id: caller(world, "second")}
    demote = {"is_admin": False}
    answers = at_once([partial(http.patch, f"{USERS}/{user_id}", json=demote) for user_id, http in calls.items()])
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])


@pytest.mark.spec("Workgate", "admin API", "federation IDs are connected with users, and removed")
def test_federations(shared: World) -> None:
    protocol = {"issuer": "https://login.example", "client_id": "c", "client_authentication": "none"}
    providers = shared.stand_in.workgate.services.identity_providers
    provider = shared.stand_in.run(providers.create(shared.acme, ProviderKind.OIDC, "There", protocol, by=OPERATOR))
    http = caller(shared)
    path = f"{USERS}/{shared.bob.user_id}/federations"
    body = {"provider_id": str(provider.provider_id), "subject": "s-1"}
    added = http.post(path, json=body)
    assert (added.status_code, added.json()["federations"][0]["subject"]) == (201, "s-1")
    assert error(http.post(path, json=body), 409, "conflict")["field"] == "subject"
    assert http.get(path).json() == added.json()
    of_ann = f"{USERS}/{shared.ann.user_id}/federations/remove"
    error(http.post(of_ann, json=body), 404, "not_found")
    error(http.post(path, json={**body, "provider_id": "1"}), 404, "not_found")
    error(http.post(path, json={**body, "subject": ""}), 400, "invalid")
    assert http.post(f"{path}/remove", json=body).status_code == 204
    error(http.post(f"{path}/remove", json=body), 404, "not_found")


@pytest.mark.spec("Workgate", "admin API", "the rules of signing in are shown and changed, within their limits")
def test_rules(world: World) -> None:
    http = caller(world)
    rules = http.get(RULES).json()
    assert (rules["sso"], rules["minimum_length"]) == ("none", 8)
    changed = http.patch(RULES, json={"minimum_length": 12, "expires_days": 90, "sso": "optional"}).json()
    assert changed == {**rules, "minimum_length": 12, "expires_days": 90, "sso": "optional"}
    assert http.patch(RULES, json={"expires_days": None}).json()["expires_days"] is None
    assert http.get(RULES).json() == {**changed, "expires_days": None}
    for body, field in (
        ({"minimum_length": 7}, "minimum_length"),
        ({"kinds": 5}, "kinds"),
        ({"lock_minutes": 0}, "lock_minutes"),
        ({"sso": "all"}, "sso"),
        ({"history": "1"}, "history"),
    ):
        assert error(http.patch(RULES, json=body), 400, "invalid")["field"] == field
    locked_out = {"sso": "only", "administrators_exempt": False}
    assert error(http.patch(RULES, json=locked_out), 409, "conflict")["field"] == "sso"
