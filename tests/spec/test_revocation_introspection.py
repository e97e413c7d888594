"""Revoking and introspecting: each client its own tokens only (SECURITY 21; contract §2.6)."""

import json
from typing import Any

import httpx
import pytest
from tests.browser import INTROSPECT, REDIRECT_URI, REVOKE, Browser, World, authorize_params

from workgate.service.applications import Registered

KINDS = pytest.mark.parametrize("kind", ["web", "spa", "plain"])


def ask(world: World, path: str, registered: Registered, params: dict[str, str]) -> httpx.Response:
    client: dict[str, str] = {"client_id": registered.application.client_id}
    if registered.client_secret is not None:
        client["client_secret"] = registered.client_secret
    return world.http().post(path, data={**client, **params})


def revoke(world: World, registered: Registered, token: str, **more: str) -> None:
    answer = ask(world, REVOKE, registered, {"token": token, **more})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {}
    assert answer.headers["cache-control"] == "no-store"


def introspect(world: World, registered: Registered, token: str) -> dict[str, Any]:
    answer = ask(world, INTROSPECT, registered, {"token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def is_dead(world: World, registered: Registered, pair: dict[str, Any]) -> bool:
    refused = world.refresh(registered, pair["refresh_token"]).status_code == 400
    return refused and not world.works(pair["access_token"])


@pytest.mark.spec("RFC 7009", "2.1", "revoking the refresh token ends its sessions; again is no error")
@KINDS
@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "nonsense"])
def test_revoke_refresh_token(shared: World, ann: Browser, kind: str, hint: str) -> None:
    registered: Registered = getattr(shared, kind)
    first = shared.connect(registered, ann)
    bystander = shared.connect(registered, ann)
    second = shared.refresh(registered, first["refresh_token"]).json()
    for _ in range(2):
        revoke(shared, registered, second["refresh_token"], token_type_hint=hint)
        for pair in (first, second):
            assert is_dead(shared, registered, pair)
    assert shared.works(bystander["access_token"])
    assert shared.refresh(registered, bystander["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 7009", "2.1", "a rotated refresh token can still be revoked, with what came after it")
def test_revoke_rotated_token(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.web, ann)
    second = shared.refresh(shared.web, first["refresh_token"]).json()
    revoke(shared, shared.web, first["refresh_token"])
    assert is_dead(shared, shared.web, second)


@pytest.mark.spec("RFC 7009", "2.1", "revoking an access token ends that session only; again is no error")
@KINDS
def test_revoke_access_token(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    pair = shared.connect(registered, ann)
    for _ in range(2):
        revoke(shared, registered, pair["access_token"])
        assert not shared.works(pair["access_token"])
    assert shared.works(shared.refresh(registered, pair["refresh_token"]).json()["access_token"])


@pytest.mark.spec("RFC 7009", "2.1", "a client revokes its own tokens only")
def test_revoke_tokens_of_others(shared: World, ann: Browser) -> None:
    pairs = {kind: shared.connect(getattr(shared, kind), ann) for kind in ("web", "spa", "plain")}
    cookie = ann.http.cookies["workgate_session"]
    for thief in (shared.web, shared.spa, shared.plain, shared.machine):
        for kind, pair in pairs.items():
            if thief is not getattr(shared, kind):
                for token in (pair["access_token"], pair["refresh_token"]):
                    revoke(shared, thief, token)
        revoke(shared, thief, cookie)
    for kind, pair in pairs.items():
        assert shared.works(pair["access_token"])
        assert shared.refresh(getattr(shared, kind), pair["refresh_token"]).status_code == 200
    assert ann.http.get("/").status_code == 200


@pytest.mark.spec("RFC 7009", "2.1", "a client revokes its own tokens only, in its own environment")
def test_revoke_from_another_environment(shared: World, ann: Browser) -> None:
    pair = shared.connect(shared.web, ann)
    abroad = shared.stand_in.create_app(shared.preview, "ClientApp")
    client = {"client_id": abroad.application.client_id, "client_secret": abroad.client_secret or ""}
    http = shared.http(shared.preview)
    for token in (pair["access_token"], pair["refresh_token"]):
        assert http.post(REVOKE, data={**client, "token": token}).json() == {}
        assert http.post(INTROSPECT, data={**client, "token": token}).json() == {"active": False}
    assert shared.works(pair["access_token"])
    assert shared.refresh(shared.web, pair["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 7009", "2.2", "an unknown token is no error")
def test_revoke_unknown_token(shared: World, ann: Browser) -> None:
    code = ann.code(shared.web, **authorize_params(shared.web))
    for token in ("x", "wgr_" + "A" * 56, "wgs_" + "_" * 56, code, "\u00fc"):
        revoke(shared, shared.web, token)
    assert shared.redeem(shared.web, code).status_code == 200
    missing = ask(shared, REVOKE, shared.web, {})
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


@pytest.mark.spec("RFC 7009", "2.1", "revoking needs the client's authentication")
def test_revoke_unauthenticated(shared: World, ann: Browser) -> None:
    pair, http = shared.connect(shared.web, ann), shared.http()
    named = {"client_id": shared.web.application.client_id}
    for client in ({}, named, {**named, "client_secret": "wrong"}):
        answer = http.post(REVOKE, data={**client, "token": pair["refresh_token"]})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert shared.refresh(shared.web, pair["refresh_token"]).status_code == 200


@pytest.mark.spec("Workfront contract", "2.6", "revoke as a public sample sends it: JSON with refresh_token")
def test_revoke_as_the_sample_does(shared: World, ann: Browser) -> None:
    pair = shared.connect(shared.spa, ann)
    sample = {
        "client_id": shared.spa.application.client_id,
        "refresh_token": pair["refresh_token"],
        "redirect_uri": REDIRECT_URI,
    }
    answer = shared.http().post(REVOKE, json=sample)
    assert (answer.status_code, answer.json()) == (200, {})
    assert is_dead(shared, shared.spa, pair)


@pytest.mark.spec("RFC 7662", "2.2", "a live token is described to its client")
@pytest.mark.parametrize("kind", ["web", "plain"])
def test_introspect(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    consented = shared.clock.now() // 1000
    pair = shared.connect(registered, ann)
    common = {
        "active": True,
        "client_id": registered.application.client_id,
        "username": "ann",
        "sub": shared.ann.user_id,
        "wid": shared.ann.user_id,
        "iat": consented,
        "iss": shared.stand_in.url,
    }
    session = {**common, "token_type": "sessionID", "exp": consented + pair["expires_in"]}
    assert introspect(shared, registered, pair["access_token"]) == session
    assert introspect(shared, registered, pair["refresh_token"]) == {**common, "token_type": "refresh_token"}
    shared.clock.advance(100)
    assert introspect(shared, registered, pair["access_token"])["exp"] == session["exp"]


@pytest.mark.spec("RFC 7662", "2.2", "a dead, foreign or unknown token is inactive, and nothing more is said")
def test_introspect_inactive(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.web, ann)
    second = shared.refresh(shared.web, first["refresh_token"]).json()
    foreign = shared.connect(shared.spa, ann)
    code = ann.code(shared.web)
    tokens = [foreign["access_token"], foreign["refresh_token"], first["refresh_token"], code, "x"]
    tokens += [ann.http.cookies["workgate_session"], second["access_token"][:-1] + "!"]
    for token in tokens:
        assert introspect(shared, shared.web, token) == {"active": False}
    for token in (second["access_token"], second["refresh_token"]):
        assert introspect(shared, shared.plain, token) == {"active": False}
        assert introspect(shared, shared.web, token)["active"] is True
    shared.clock.advance(61)
    assert introspect(shared, shared.web, first["access_token"]) == {"active": False}
    revoke(shared, shared.web, second["refresh_token"])
    for token in (second["access_token"], second["refresh_token"]):
        assert introspect(shared, shared.web, token) == {"active": False}


@pytest.mark.spec("RFC 7662", "2.2", "a token that expired is inactive")
def test_introspect_expired(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Expiring", refresh_absolute_seconds=10 * 86400)
    pair = shared.connect(app, ann)
    refresh = introspect(shared, app, pair["refresh_token"])
    assert refresh["exp"] == refresh["iat"] + 10 * 86400
    shared.clock.advance(shared.acme.session_idle_seconds + 1)
    assert introspect(shared, app, pair["access_token"]) == {"active": False}
    assert introspect(shared, app, pair["refresh_token"])["active"] is True
    shared.clock.advance(10 * 86400)
    assert introspect(shared, app, pair["refresh_token"]) == {"active": False}


@pytest.mark.spec("RFC 7662", "2.1", "introspection is for authenticated clients only")
def test_introspect_unauthenticated(shared: World, ann: Browser) -> None:
    pair, http = shared.connect(shared.spa, ann), shared.http()
    named = {"client_id": shared.web.application.client_id}
    public = {"client_id": shared.spa.application.client_id}
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    for client in ({}, named, {**named, "client_secret": "wrong"}, public):
        answer = http.post(INTROSPECT, data={**client, "token": pair["access_token"]})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "active" not in answer.json()
    assert http.post(INTROSPECT, data={"token": pair["access_token"]}, headers=bearer).status_code == 401
    missing = ask(shared, INTROSPECT, shared.web, {})
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


@pytest.mark.spec("RFC 7662", "4", "asking does not keep a session alive")
def test_introspection_is_no_use(shared: World, ann: Browser) -> None:
    pair = shared.connect(shared.web, ann)
    half = shared.acme.session_idle_seconds // 2 + 1
    shared.clock.advance(half)
    assert introspect(shared, shared.web, pair["access_token"])["active"] is True
    shared.clock.advance(half)
    assert introspect(shared, shared.web, pair["access_token"]) == {"active": False}
    assert not shared.works(pair["access_token"])


@pytest.mark.spec("Workfront contract", "2.4", "the access token is a session: header, query, cookie (WF-39)")
def test_access_token_is_a_session(shared: World, ann: Browser) -> None:
    token = shared.connect(shared.web, ann)["access_token"]
    http, me = shared.http(), "/attask/api/v14.0/user?id=$$USER"
    carriers: list[dict[str, Any]] = [
        {"headers": {"sessionID": token}},
        {"headers": {"SESSIONID": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
    ]
    for carrier in carriers:
        assert shared.ann.user_id in json.dumps(http.get(me, **carrier).json())
    assert shared.ann.user_id in json.dumps(http.get(f"{me}&sessionID={token}").json())
    http.cookies.set("attask", token)
    assert shared.ann.user_id in json.dumps(http.get(me).json())
    anonymous = shared.http().get(me)
    assert anonymous.status_code == 401
    assert "You are not currently logged in." in anonymous.text
