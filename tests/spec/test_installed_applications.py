"""Applications that other organisations have installed: their owner's in everything, and gone at once when they are."""

from collections.abc import Iterator

import pytest
from tests.administering import png
from tests.browser import AUTHORIZE, PROJECTS, REDIRECT_URI, TOKEN, World, authorize_params
from tests.central import Installed, a_crowded_world, authorize, connected, dead, install, share, uninstall

from workgate.domain.audit import AuditEvent
from workgate.domain.oauth import ConsentPolicy
from workgate.service.acting import OPERATOR
from workgate.service.definitions import ApplicationChanges


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A world in which globex has an administrator, too."""
    with a_crowded_world() as made:
        yield made


@pytest.fixture(params=["web", "spa"])
def sync(shared: World, request: pytest.FixtureRequest) -> Installed:
    app = shared.stand_in.create_app(shared.acme, "Sync", kind=request.param)
    return connected(shared, install(shared, share(shared, app)))


@pytest.fixture
def web(shared: World) -> Installed:
    return connected(shared, install(shared, share(shared, shared.stand_in.create_app(shared.acme, "Sync"))))


def last_change(world: World, client_id: str) -> tuple[AuditEvent, bool]:
    """The newest record of globex that tells of installing; and whether somebody of globex did it."""
    workgate = world.stand_in.workgate
    world.stand_in.run(workgate.database.engine.flush())
    found = world.stand_in.run(workgate.database.audit.latest(world.globex.environment_id, 100))
    kinds = (AuditEvent.APPLICATION_INSTALLED, AuditEvent.APPLICATION_UNINSTALLED)
    record = next(one for one in found if one.client_id == client_id and one.event in kinds)
    return record.event, record.actor is not None


@pytest.mark.spec(
    "Workgate", "installed applications", "uninstalled in the middle of a flow: nothing comes of it, nor later"
)
def test_uninstalled_in_the_middle(shared: World, sync: Installed) -> None:
    code, params = sync.code(), authorize_params(sync.app)
    consent = sync.ann.authorize(**params)
    uninstall(shared, sync.app)
    refused = sync.ann.decide(consent)
    assert (refused.status_code, "location" in refused.headers) == (400, False)
    assert sync.redeem(code).json()["error"] == "invalid_client"
    assert dead(sync)
    # Installed again, it has nothing of what it had.
    install(shared, sync.app)
    assert sync.redeem(code).json()["error"] == "invalid_grant"
    assert dead(sync)
    assert connected(shared, sync.app).works()


@pytest.mark.spec(
    "Workgate", "installed applications", "its owner deletes it, or it is made unavailable: gone everywhere at once"
)
@pytest.mark.parametrize("how", ["delete", "central off"])
def test_the_owner_takes_it_back(shared: World, sync: Installed, how: str) -> None:
    registry, code = shared.stand_in.workgate.services.registry, sync.code()
    own = shared.connect(sync.app)
    asked, session = authorize_params(sync.app), {"sessionID": sync.pair["access_token"]}
    with shared.another_node() as other, other.client(shared.globex) as elsewhere:
        assert elsewhere.get(AUTHORIZE, params=asked).status_code == 302
        if how == "delete":
            shared.stand_in.run(registry.delete(shared.acme, sync.client_id, by=OPERATOR))
        else:
            share(shared, sync.app, shared=False)
        assert elsewhere.get(AUTHORIZE, params=asked).status_code == 400
        assert elsewhere.get(PROJECTS, headers=session).status_code == 401
    assert authorize(shared, sync.app).status_code == 400
    assert sync.redeem(code).json()["error"] == "invalid_client"
    assert dead(sync)
    assert last_change(shared, sync.client_id) == (AuditEvent.APPLICATION_UNINSTALLED, False)
    # For the owner's own users it is what it was, if it is.
    assert shared.works(own["access_token"]) == (how != "delete")
    if how != "delete":
        share(shared, sync.app)
        assert authorize(shared, sync.app).status_code == 400  # until it is installed again
        install(shared, sync.app)
        assert sync.redeem(code).json()["error"] == "invalid_grant"
        assert dead(sync)


@pytest.mark.spec(
    "Workgate", "installed applications", "a secret that its owner deletes is refused everywhere at once, on every node"
)
def test_a_deleted_secret(shared: World, web: Installed) -> None:
    registry = shared.stand_in.workgate.services.registry
    _, second = shared.stand_in.run(registry.add_secret(shared.acme, web.client_id, "", by=OPERATOR))
    first = str(web.app.client_secret)
    with shared.another_node() as other, other.client(shared.globex) as elsewhere:

        def refresh_there(secret: str) -> int:
            grant = {"grant_type": "refresh_token", "refresh_token": web.pair["refresh_token"]}
            answer = elsewhere.post(TOKEN, data=grant, auth=(web.client_id, secret))
            if answer.status_code == 200:
                web.pair = dict(answer.json())
            return answer.status_code

        assert [refresh_there(first), web.refresh().status_code, refresh_there(second)] == [200, 200, 200]
        found = shared.stand_in.run(registry.application(shared.acme, web.client_id, by=OPERATOR))
        secret_id = str(found.secrets[0].secret_id)
        shared.stand_in.run(registry.delete_secret(shared.acme, web.client_id, secret_id, by=OPERATOR))
        assert refresh_there(first) == 401
        assert web.refresh().status_code == 401
        assert refresh_there(second) == 200
        assert web.refresh(auth=(web.client_id, second)).status_code == 200


@pytest.mark.spec("Workgate", "installed applications", "what its owner changes holds at the next request")
def test_the_owner_changes_it(shared: World, sync: Installed) -> None:
    registry = shared.stand_in.workgate.services.registry
    other = "https://other.example/callback"
    changes = ApplicationChanges(
        name="Renamed", redirect_uris=[other], refresh_inactivity_seconds=60, consent=ConsentPolicy.NEVER, logo=png()
    )
    shared.stand_in.run(registry.update(shared.acme, sync.client_id, changes, by=OPERATOR))
    assert authorize(shared, sync.app).status_code == 400
    params = authorize_params(sync.app, redirect_uri=other)
    # That its owner's users are not asked is no reason not to ask others.
    page = sync.ann.authorize(**params)
    assert page.status_code == 200
    assert "Allow <bdi>Renamed</bdi> to use your account?" in page.text
    assert f"/integrations/oauth2/logo/{sync.client_id}" in page.text
    assert "<bdi>Renamed</bdi>" in sync.ann.http.get("/account/connected-apps").text
    shared.clock.advance(61)
    assert sync.refresh().json()["error"] == "invalid_grant"


def test_the_last_use_of_a_secret_is_its_owners(shared: World, web: Installed) -> None:
    registry = shared.stand_in.workgate.services.registry
    shared.clock.advance(3600)
    assert web.refresh().status_code == 200
    shared.stand_in.run(shared.stand_in.workgate.database.engine.flush())
    found = shared.stand_in.run(registry.application(shared.acme, web.client_id, by=OPERATOR))
    assert found.secrets[0].last_used_at == shared.clock.now()


@pytest.mark.spec("RFC 6749", "3.2.1", "an installed application proves who it is as at its owner's")
def test_client_authentication_at_globex(shared: World, web: Installed) -> None:
    code = web.code()
    for auth in ((web.client_id, "wrong"), (web.client_id, str(shared.web.client_secret))):
        assert web.redeem(code, auth=auth).status_code == 401
    no_secret = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "client_id": web.client_id,
    }
    assert shared.http(shared.globex).post(TOKEN, data=no_secret).status_code == 401
    assert web.redeem(code).status_code == 200


def test_pages_of_its_origin_may_call_the_installing_environment(shared: World) -> None:
    spa = shared.stand_in.create_app(shared.acme, "Board", kind="spa", redirect_uris=["https://board.example/back"])
    headers = {"Origin": "https://board.example", "Access-Control-Request-Method": "POST"}

    def allowed() -> bool:
        answer = shared.http(shared.globex).options(TOKEN, headers=headers)
        return bool(answer.headers.get("access-control-allow-origin") == "https://board.example")

    assert not allowed()
    install(shared, share(shared, spa))
    assert allowed()
    changes = ApplicationChanges(redirect_uris=["https://elsewhere.example/back"])
    registry = shared.stand_in.workgate.services.registry
    shared.stand_in.run(registry.update(shared.acme, spa.application.client_id, changes, by=OPERATOR))
    assert not allowed()
    changes = ApplicationChanges(redirect_uris=["https://board.example/back"])
    shared.stand_in.run(registry.update(shared.acme, spa.application.client_id, changes, by=OPERATOR))
    assert allowed()
    uninstall(shared, spa)
    assert not allowed()
