"""The admin API: who may call it, what it refuses and how it says so (SECURITY 16, 23, 25, 28; contract §2.1, §3.3)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.admin_calls import APPLICATIONS, AUDIT, JSON, MINE, NEW, caller, error, session_of
from tests.browser import PASSWORD, World, a_world, at_once
from tests.signing import private_key, private_pem, public_pem

import workgate.cli
from workgate.web.api import ADMIN_PATH
from workgate.web.api.operations import Operation
from workgate.web.api.routes import OPERATIONS

LOGO = Path(workgate.cli.__file__).with_name("assets") / "clientapp-logo.png"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Acme's Ann and preview's Paula are administrators, Bob is not."""
    with a_world(client_failures=100_000, applications_per_environment=1000) as made:
        made.stand_in.create_user(made.preview, "paula", PASSWORD, is_admin=True)
        yield made


@pytest.fixture(scope="module")
def ann(world: World) -> httpx.Client:
    return caller(world)


def address_of(world: World, operation: Operation) -> str:
    """An operation's address with what exists filled in, of acme in lane my."""
    secret_id = str(world.web.application.secrets[0].secret_id)
    parts = {"client_id": world.web.application.client_id, "secret_id": secret_id, "key_id": "1", "provider_id": "1"}
    return ADMIN_PATH + operation.path.format(**parts, user_id=world.bob.user_id)


def named(operation: Operation) -> str:
    return operation.name


# --- who may


@pytest.mark.spec("Workgate", "admin API", "without a live session nothing is answered")
@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_without_a_session(world: World, operation: Operation) -> None:
    address = address_of(world, operation)
    for headers in ({}, {"sessionID": "wgs_nothing"}, {"Authorization": "Bearer wgs_nothing"}, {"sessionID": ""}):
        answer = world.http().request(operation.method, address, headers=headers)
        error(answer, 401, "not_signed_in")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.spec("Workgate", "admin API", "only administrators get past the rights; a refusal is on the audit log")
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.everybody], ids=named)
def test_who_is_no_administrator(world: World, ann: httpx.Client, operation: Operation) -> None:
    answer = caller(world, "bob").request(operation.method, address_of(world, operation), json={"odd": "body"})
    reference = error(answer, 403, "not_allowed")["reference"]
    world.stand_in.sweep()  # what was handed over for the audit log is there now
    (event,) = ann.get(AUDIT, params={"reference": reference.lower()}).json()["events"]
    assert (event["event"], event["actor"]) == ("administration_refused", world.bob.user_id)
    assert event["reason"].startswith(operation.name)


@pytest.mark.spec("OWASP ASVS", "V10", "another environment's session is none, and its applications are not there")
@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_another_environment(world: World, operation: Operation) -> None:
    here = session_of(world)
    for environment in (world.preview, world.globex):
        answer = world.http(environment).request(
            operation.method, address_of(world, operation), headers={"sessionID": here}
        )
        error(answer, 401, "not_signed_in")
    if "{client_id}" in operation.path:
        bodies: dict[str, Any] = {"note_secret": {"note": "x"}, "copy_application": {"lane": "my"}}
        bodies["add_key"] = {"public_key": public_pem(private_key())}
        body: dict[str, Any] = {"json": bodies.get(operation.name, {})}
        if operation.name == "set_logo":
            body = {"content": LOGO.read_bytes(), "headers": {"Content-Type": "image/png"}}
        there = caller(world, "paula", world.preview)
        error(there.request(operation.method, address_of(world, operation), **body), 404, "not_found")
    assert caller(world).get(f"{APPLICATIONS}/{world.web.application.client_id}").json()["name"] == "ClientApp"


@pytest.mark.spec("Workfront", "3.3", "a cookie alone can only read")
def test_a_cookie_alone(world: World) -> None:
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    client_id = world.web.application.client_id
    assert browser.http.get(APPLICATIONS).status_code == 200
    assert browser.http.get(f"{AUDIT}/export").status_code == 200
    for method, address in (
        ("POST", APPLICATIONS),
        ("PATCH", f"{APPLICATIONS}/{client_id}"),
        ("DELETE", f"{APPLICATIONS}/{client_id}"),
        ("DELETE", f"{MINE}/{client_id}"),
    ):
        # As a form of another site would send it, and as a script of our own would.
        for headers in ({"Content-Type": "text/plain"}, JSON, {"X-HTTP-Method-Override": "GET", **JSON}):
            refused = browser.http.request(method, address, json=NEW, headers=headers)
            assert "cookie alone" in error(refused, 403, "not_allowed")["message"]
    session_id = session_of(world)
    old = world.http()
    assert old.get(APPLICATIONS, headers={"Cookie": f"attask={session_id}%23signature"}).status_code == 200
    assert error(old.post(APPLICATIONS, json=NEW, headers={"Cookie": f"attask={session_id}"}), 403, "not_allowed")
    good = {"Cookie": f"attask={session_id}", "sessionID": "wgs_nothing"}
    error(old.get(APPLICATIONS, headers=good), 401, "not_signed_in")


@pytest.mark.spec("RFC 6750", "2.1", "a session is taken as a bearer token, but never from the address")
def test_carriers(world: World) -> None:
    session_id = session_of(world)
    http = world.http()
    bearer = {"Authorization": f"bearer {session_id}"}
    made = http.post(APPLICATIONS, json=NEW, headers=bearer)
    assert made.status_code == 201
    assert http.delete(f"{APPLICATIONS}/{made.json()['client_id']}", headers=bearer).status_code == 204
    error(http.get(APPLICATIONS, params={"sessionID": session_id}), 401, "not_signed_in")


@pytest.mark.spec("Workgate", "admin API", "what stops being an administrator or signed in stops at the next call")
def test_the_end_of_a_session(world: World) -> None:
    http = caller(world)
    assert http.get(APPLICATIONS).status_code == 200
    http.get("/attask/api/logout")
    error(http.get(APPLICATIONS), 401, "not_signed_in")


# --- what it does


@pytest.mark.spec("Workfront", "2.1", "an application from creation to deletion")
def test_an_application(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={**NEW, "description": "what it does"})
    assert made.status_code == 201
    app = made.json()
    address = f"{APPLICATIONS}/{app['client_id']}"
    shown = ann.get(address).json()
    assert shown == {name: value for name, value in app.items() if name != "client_secret"}
    assert shown["customer_id"] == world.acme.customer_id
    assert app["client_secret"] not in ann.get(address).text
    changed = ann.patch(address, json={"name": "Other", "refresh_absolute_seconds": 60, "consent": "never"}).json()
    assert changed == shown | {"name": "Other", "refresh_absolute_seconds": 60, "consent": "never"}
    assert ann.patch(address, json={"refresh_absolute_seconds": None}).json()["refresh_absolute_seconds"] is None
    assert ann.delete(address).status_code == 204
    for refused in (ann.get(address), ann.delete(address), ann.patch(address, json={})):
        error(refused, 404, "not_found")


@pytest.mark.spec("Workfront", "2.1", "a single page application has no secret and always rotates, whatever is asked")
def test_a_single_page_application(ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={**NEW, "type": "spa", "rotate_refresh_tokens": False}).json()
    assert "client_secret" not in made
    assert (made["secrets"], made["rotate_refresh_tokens"]) == ([], True)
    error(ann.post(f"{APPLICATIONS}/{made['client_id']}/secrets", json={}), 409, "conflict")
    assert ann.patch(f"{APPLICATIONS}/{made['client_id']}", json={"rotate_refresh_tokens": False}).json() == made


@pytest.mark.spec("Workfront", "2.2", "secrets: several at once, shown once, a note, a deletion")
def test_secrets(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={"name": "Robot", "type": "machine"}).json()
    secrets = f"{APPLICATIONS}/{made['client_id']}/secrets"
    added = ann.post(secrets, json={"note": "the second"}).json()
    assert added["mask"] == "*" * 16 + added["client_secret"][-4:]
    listed = ann.get(secrets)
    assert [secret["note"] for secret in listed.json()["secrets"]] == ["", "the second"]
    assert added["client_secret"] not in listed.text
    noted = ann.patch(f"{secrets}/{added['id']}", json={"note": "in use"}).json()
    assert noted == listed.json()["secrets"][1] | {"note": "in use"}
    assert error(ann.patch(f"{secrets}/{added['id']}", json={"note": "x" * 65}), 400, "invalid")["field"] == "note"
    callers = [caller(world), caller(world)]
    deleted = at_once([partial(http.delete, f"{secrets}/{added['id']}") for http in callers])
    assert sorted(answer.status_code for answer in deleted) == [204, 404]
    for _ in range(19):
        assert ann.post(secrets, json={}).status_code == 201
    error(ann.post(secrets, json={}), 409, "conflict")


@pytest.mark.spec("Workfront", "2.1", "public keys are added, made and deleted; the private half is shown once")
def test_keys(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={"name": "Robot", "type": "machine"}).json()
    keys = f"{APPLICATIONS}/{made['client_id']}/keys"
    added = ann.post(keys, json={"public_key": public_pem(private_key()), "note": "mine"}).json()
    assert (added["user_id"], added["bits"]) == (world.ann.user_id, 2048)
    again = error(ann.post(keys, json={"public_key": public_pem(private_key())}), 409, "conflict")
    assert again["field"] == "public_key"
    for pem in (private_pem(private_key()), "-----BEGIN CERTIFICATE-----\0", "", "\N{SNOWMAN}"):
        assert error(ann.post(keys, json={"public_key": pem}), 400, "invalid")["field"] == "public_key"
    pair = ann.post(f"{keys}/generate", json={}).json()
    assert pair["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    listed = ann.get(keys)
    assert listed.json()["keys"] == [added, {name: value for name, value in pair.items() if name != "private_key"}]
    assert "PRIVATE" not in listed.text
    assert ann.delete(f"{keys}/{added['id']}").status_code == 204
    error(ann.delete(f"{keys}/{added['id']}"), 404, "not_found")
    assert ann.get(f"{APPLICATIONS}/{world.web.application.client_id}/keys").json()["keys"] == []
    error(ann.post(f"{APPLICATIONS}/{world.web.application.client_id}/keys/generate", json={}), 409, "conflict")


@pytest.mark.spec("Workfront", "2.1", "a logo is written anew; what is no picture is refused")
def test_logo(world: World, ann: httpx.Client) -> None:
    client_id = world.plain.application.client_id
    logo = f"{APPLICATIONS}/{client_id}/logo"
    for refused in (ann.get(logo), ann.delete(logo)):
        error(refused, 404, "not_found")
    picture = {"Content-Type": "image/png"}
    assert ann.put(logo, content=LOGO.read_bytes(), headers=picture).json()["has_logo"] is True
    shown = ann.get(logo)
    assert shown.headers["content-type"] == "image/png"
    assert shown.content == ann.get(f"/integrations/oauth2/logo/{client_id}").content
    assert error(ann.put(logo, content=b"<svg/>", headers=picture), 400, "invalid")["field"] == "logo"
    error(ann.put(logo, content=b"<svg/>", headers={"Content-Type": "image/svg+xml"}), 415, "wrong_media_type")
    error(ann.put(logo, content=b"x" * (256 * 1024 + 1), headers=picture), 413, "too_large")
    assert ann.delete(logo).status_code == 204
    assert ann.get(f"{APPLICATIONS}/{client_id}").json()["has_logo"] is False


@pytest.mark.spec("Workgate", "lanes", "a copy in another lane needs an administrator there, and shares nothing")
def test_copies(world: World, ann: httpx.Client) -> None:
    copies = f"{APPLICATIONS}/{world.web.application.client_id}/copies"
    assert "reference" in error(ann.post(copies, json={"lane": "preview"}), 403, "not_allowed")
    error(ann.post(copies, json={"lane": "sandbox"}), 404, "not_found")
    for lane in ("my", "a\0b", "", "MY", 3):
        assert error(ann.post(copies, json={"lane": lane}), 400, "invalid")["field"] == "lane"
    world.stand_in.create_user(world.acme, "paula", PASSWORD, is_admin=True)
    copied = caller(world, "paula").post(copies, json={"lane": "preview"}).json()
    assert copied["client_id"] != world.web.application.client_id
    assert copied["client_secret"] != world.web.client_secret
    there = caller(world, "paula", world.preview).get(f"{APPLICATIONS}/{copied['client_id']}").json()
    assert there["customer_id"] == world.preview.customer_id
    error(ann.get(f"{APPLICATIONS}/{copied['client_id']}"), 404, "not_found")


@pytest.mark.spec("Workgate", "connected apps", "who connected an application is listed, and withdrawn by either")
def test_connections(world: World, ann: httpx.Client) -> None:
    app = world.stand_in.create_app(world.acme, "Connected")
    client_id = app.application.client_id
    users = f"{APPLICATIONS}/{client_id}/connections"
    browsers = {name: world.browser() for name in ("ann", "bob")}
    tokens = {}
    for name, browser in browsers.items():
        assert browser.sign_in(name).status_code == 303
        tokens[name] = world.connect(app, browser)
    listed = ann.get(users, params={"limit": 1}).json()
    assert (listed["users"], len(listed["connections"])) == (2, 1)
    rest = ann.get(users, params={"limit": 5, "after": listed["following"]}).json()
    assert {one["username"] for one in listed["connections"] + rest["connections"]} == {"ann", "bob"}
    assert rest["following"] is None
    bob = caller(world, "bob")
    (mine,) = bob.get(MINE).json()["connections"]
    assert (mine["client_id"], mine["name"]) == (client_id, "Connected")
    assert bob.delete(f"{MINE}/{client_id}").status_code == 204
    error(bob.delete(f"{MINE}/{client_id}"), 404, "not_found")
    assert not world.works(tokens["bob"]["access_token"])
    assert world.works(tokens["ann"]["access_token"])
    assert ann.delete(f"{users}/{world.ann.user_id}").status_code == 204
    error(ann.delete(f"{users}/{world.ann.user_id}"), 404, "not_found")
    assert not world.works(tokens["ann"]["access_token"])
    assert ann.get(users).json()["users"] == 0
