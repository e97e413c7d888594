"""Nothing of one environment is worth anything in another, nor in another lane of the same one (SECURITY 25)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.browser import (
    AUTHORIZE,
    CONSENT,
    INTROSPECT,
    PASSWORD,
    PROJECTS,
    REVOKE,
    TOKEN,
    Browser,
    World,
    a_world,
    authorize_params,
    form_fields,
)

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import new_object_id
from workgate.domain.objects import StoredObject
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered

LOGIN = "/attask/api/login"


@dataclass
class Room:
    """An environment with a browser that is signed in there as Ann, an application, and a project."""

    world: World
    environment: Environment
    app: Registered
    project_id: str

    def http(self) -> httpx.Client:
        """A fresh client at this environment."""
        return self.world.http(self.environment)

    def signed_in(self) -> Browser:
        """Ann's browser."""
        browser = self.world.browser(self.environment)
        assert browser.sign_in().status_code == 303
        return browser

    def post(self, path: str, app: Registered | None = None, **params: str) -> httpx.Response:
        """Post as an application, by default this room's own."""
        registered = app or self.app
        assert registered.client_secret is not None
        auth = (registered.application.client_id, registered.client_secret)
        return self.http().post(path, data=params, auth=auth)

    def redeem(self, code: str, app: Registered | None = None) -> httpx.Response:
        """Exchange a code."""
        redirect_uri = self.app.application.redirect_uris[0]
        return self.post(TOKEN, app, grant_type="authorization_code", code=code, redirect_uri=redirect_uri)

    def refresh(self, token: str, app: Registered | None = None) -> httpx.Response:
        """Use a refresh token."""
        return self.post(TOKEN, app, grant_type="refresh_token", refresh_token=token)

    def pair(self) -> dict[str, Any]:
        """Connect Ann with the application."""
        answer = self.redeem(self.signed_in().code(self.app))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def a_room(world: World, environment: Environment) -> Room:
    workgate = world.stand_in.workgate
    now = world.clock.now()
    project_id = new_object_id(now, workgate.entropy)
    name = f"Secret of {environment.domain}.{environment.lane}"
    project = StoredObject(environment.environment_id, "PROJ", project_id, name, now, {"status": "CUR"})
    world.stand_in.insert([project])
    app = world.stand_in.create_app(environment, "Connector")
    return Room(world, environment, app, project_id)


@pytest.fixture(scope="module")
def rooms() -> Iterator[dict[str, Room]]:
    """Three environments whose people, passwords and applications have the same names."""
    with a_world(client_failures=100_000) as world:
        yield {name: a_room(world, getattr(world, name)) for name in ("acme", "preview", "globex")}


@pytest.fixture(params=["acme to preview", "preview to acme", "acme to globex", "globex to preview"])
def pair_of_rooms(rooms: dict[str, Room], request: pytest.FixtureRequest) -> tuple[Room, Room]:
    """Where something is from, and where it is tried: lane against lane, organisation against organisation."""
    home, _, away = str(request.param).partition(" to ")
    return rooms[home], rooms[away]


@pytest.mark.spec("Workfront", "1.4", "a code is worth nothing in another environment, and is not burnt there")
def test_code(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    code = home.signed_in().code(home.app)
    assert away.redeem(code).json()["error"] == "invalid_grant"
    assert away.redeem(code, home.app).json()["error"] == "invalid_client"
    assert home.redeem(code, away.app).json()["error"] == "invalid_client"
    assert home.redeem(code).status_code == 200


@pytest.mark.spec("Workfront", "1.4", "a refresh token is worth nothing in another environment, and is not burnt there")
def test_refresh_token(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    token = home.pair()["refresh_token"]
    assert away.refresh(token).json()["error"] == "invalid_grant"
    assert away.refresh(token, home.app).json()["error"] == "invalid_client"
    assert home.refresh(token, away.app).json()["error"] == "invalid_client"
    assert home.refresh(token).status_code == 200


@pytest.mark.spec("Workfront", "1.4", "a session is worth nothing in another environment, whoever opened it")
def test_session(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    browser = home.signed_in()
    login = home.http().post(LOGIN, data={"username": "ann", "password": PASSWORD}).json()["data"]["sessionID"]
    sessions = [browser.http.cookies["workgate_session"], login, home.pair()["access_token"]]
    for session_id in sessions:
        for carrier in (
            {"headers": {"sessionID": session_id}},
            {"params": {"sessionID": session_id}},
            {"headers": {"Cookie": f"attask={session_id}"}},
            {"headers": {"Authorization": f"Bearer {session_id}"}},
        ):
            assert away.http().get(PROJECTS, **carrier).status_code == 401
            assert home.http().get(PROJECTS, **carrier).status_code == 200
        # Nor does logging out elsewhere end it.
        assert away.http().get("/attask/api/logout", headers={"sessionID": session_id}).status_code == 200
        assert home.world.works(session_id, home.environment)


@pytest.mark.spec("Workfront", "1.4", "a browser's sign-in is worth nothing in another environment")
def test_browser(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    cookie = home.signed_in().http.cookies["workgate_session"]
    stranger = away.http()
    stranger.cookies.set("workgate_session", cookie)
    assert stranger.get("/").status_code == 302
    answer = stranger.get(AUTHORIZE, params=authorize_params(away.app))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/login?")


@pytest.mark.spec("Workfront", "1.4", "an application of another environment is unknown: an error page, no redirect")
def test_application(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    answer = away.signed_in().authorize(**authorize_params(home.app))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "Connector" not in answer.text
    workgate = away.world.stand_in.workgate
    listed = away.world.stand_in.run(workgate.services.registry.applications(away.environment, by=OPERATOR))
    assert home.app.application.client_id not in [application.client_id for application in listed]
    stored = workgate.database.applications
    client_id, secret = home.app.application.client_id, home.app.application.secrets[0]
    record = workgate.audit.entry(AuditEvent.SECRET_DELETED, away.environment)
    deleted = stored.delete_secret(away.environment.environment_id, client_id, secret.secret_id, record=record)
    assert away.world.stand_in.run(deleted) is False
    deleted = stored.delete_application(away.environment.environment_id, client_id, record=record)
    assert away.world.stand_in.run(deleted) is False
    assert home.redeem(home.signed_in().code(home.app)).status_code == 200


@pytest.mark.spec("Workfront", "1.4", "a consent form of one environment does nothing in another")
def test_consent_form(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    at_home = home.signed_in()
    page = at_home.authorize(**authorize_params(home.app))
    fields = {**form_fields(page.text, CONSENT), "decision": "allow"}
    assert away.signed_in().http.post(CONSENT, data=fields).status_code == 403
    assert at_home.decide(page).status_code == 303


@pytest.mark.spec("Workfront", "1.4", "a user of one environment is nobody in another")
def test_user(rooms: dict[str, Room]) -> None:
    acme, preview = rooms["acme"], rooms["preview"]
    bob = {"username": "bob", "password": PASSWORD}
    assert acme.http().post(LOGIN, data=bob).status_code == 200
    assert preview.http().post(LOGIN, data=bob).status_code == 401
    session = {"sessionID": preview.pair()["access_token"]}
    answer = preview.http().get(f"/attask/api/user/{acme.world.ann.user_id}", headers=session)
    assert answer.status_code == 404
    assert "Ann" not in answer.text


@pytest.mark.spec("Workfront", "1.4", "passwords, locks and disabling are of one environment alone")
def test_state_of_a_user(rooms: dict[str, Room]) -> None:
    acme, preview = rooms["acme"], rooms["preview"]
    stand_in, administration = acme.world.stand_in, acme.world.stand_in.workgate.services.administration
    for room in (acme, preview):
        stand_in.create_user(room.environment, "eve", PASSWORD)
    sessions = {
        name: rooms[name].http().post(LOGIN, data={"username": "eve", "password": PASSWORD}).json()["data"]["sessionID"]
        for name in ("acme", "preview")
    }
    for _ in range(5):
        assert preview.http().post(LOGIN, data={"username": "eve", "password": "wrong"}).status_code == 401
    assert acme.http().post(LOGIN, data={"username": "eve", "password": PASSWORD}).status_code == 200
    stand_in.set_password(preview.environment, "eve", "another good password")
    stand_in.run(administration.set_active(preview.environment, "eve", active=False))
    assert acme.world.works(sessions["acme"], acme.environment)
    assert not preview.world.works(sessions["preview"], preview.environment)
    assert acme.http().post(LOGIN, data={"username": "eve", "password": PASSWORD}).status_code == 200


@pytest.mark.spec("Workfront", "1.4", "objects of one environment are not found in another")
def test_objects(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    http, session = away.http(), {"sessionID": away.pair()["access_token"]}
    for path, params in (
        (f"/attask/api/proj/{home.project_id}", {}),
        ("/attask/api/proj", {"id": home.project_id}),
        ("/attask/api/proj", {"id": f"{away.project_id},{home.project_id}"}),
    ):
        answer = http.get(path, params=params, headers=session)
        assert answer.status_code == 404
        assert "Secret of" not in answer.text
    found = http.get(PROJECTS, headers=session).json()["data"]
    assert [row["ID"] for row in found] == [away.project_id]
    for filters in ({"ID": home.project_id}, {"customerID": home.environment.customer_id}):
        assert http.get(PROJECTS, params=filters, headers=session).json() == {"data": []}


@pytest.mark.spec("RFC 7009", "2.1", "a token of another environment cannot be revoked")
def test_revocation(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    pair = home.pair()
    for token in (pair["refresh_token"], pair["access_token"]):
        assert away.post(REVOKE, token=token).status_code == 200
        assert away.post(REVOKE, home.app, token=token).status_code == 401
    assert home.world.works(pair["access_token"], home.environment)
    assert home.refresh(pair["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 7662", "4", "introspection says nothing about another environment's tokens")
def test_introspection(pair_of_rooms: tuple[Room, Room]) -> None:
    home, away = pair_of_rooms
    pair = home.pair()
    for token in (pair["refresh_token"], pair["access_token"]):
        assert away.post(INTROSPECT, token=token).json() == {"active": False}
        assert home.post(INTROSPECT, token=token).json()["active"] is True


@pytest.mark.spec("RFC 9207", "2", "each environment is an issuer of its own, and the redirect names it")
def test_issuers(rooms: dict[str, Room]) -> None:
    issuers = {room.http().get("/.well-known/oauth-authorization-server").json()["issuer"] for room in rooms.values()}
    port = rooms["acme"].world.stand_in.port
    names = ("acme.my", "acme.preview", "globex.my")
    assert issuers == {f"http://{name}.localhost:{port}" for name in names}


@pytest.mark.spec("Workfront", "1.3", "a host of no environment answers nothing, whatever is sent along")
@pytest.mark.parametrize("host", ["nobody.my.localhost", "acme.sb01.localhost", "oauth.my.localhost"])
def test_unknown_host(rooms: dict[str, Room], host: str) -> None:
    acme = rooms["acme"]
    access_token = acme.pair()["access_token"]
    with acme.world.stand_in.client(headers={"Host": host}) as http:
        assert http.get(PROJECTS, headers={"sessionID": access_token}).status_code == 404
        assert http.get("/login").status_code == 404
        # The central host knows applications, but none that is not for every organisation.
        refused = 400 if host.startswith("oauth.") else 404
        assert http.get(AUTHORIZE, params=authorize_params(acme.app)).status_code == refused
        assert http.post(TOKEN, data={"grant_type": "refresh_token"}).status_code == 404
        assert http.get("/.well-known/oauth-authorization-server").status_code == 404


@pytest.mark.spec("Workfront", "1.3", "the default environment is one environment, not all of them")
def test_default_host(rooms: dict[str, Room]) -> None:
    world = rooms["acme"].world
    assert world.works(rooms["acme"].pair()["access_token"])
    assert not world.works(rooms["preview"].pair()["access_token"])
