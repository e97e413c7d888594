"""What administrators do to applications, and who may not; what users take back (SECURITY 16, 19, 25; contract §2)."""

import base64
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.browser import REDIRECT_URI, Browser, World, authorize_params
from tests.signing import private_key, private_pem, public_pem

import workgate.cli
from workgate.domain.audit import AuditEvent, AuditFilter
from workgate.domain.oauth import ApplicationType
from workgate.domain.people import PersonChanges
from workgate.domain.problems import NotAllowed, NotFound, Problem
from workgate.service.acting import OPERATOR, Acting
from workgate.service.applications import Registered
from workgate.service.definitions import ApplicationChanges, NewApplication
from workgate.service.mailed_links import Mailing
from workgate.service.people import NewUser
from workgate.service.sign_in_rules import RulesChanges

OURS = Path(workgate.cli.__file__).with_name("assets") / "clientapp-logo.png"
NEW = NewApplication(name="New", type=ApplicationType.WEB, redirect_uris=[REDIRECT_URI])


def as_ann(world: World) -> Acting:
    """Ann is an administrator of acme in lane my."""
    return Acting(world.ann, "192.0.2.1")


def actions(world: World, by: Acting) -> dict[str, Coroutine[Any, Any, Any]]:
    """Everything that only administrators may do."""
    workgate, acme = world.stand_in.workgate, world.acme
    registry, keys, connections, audit = (
        workgate.services.registry,
        workgate.services.application_keys,
        workgate.services.connections,
        workgate.services.audit_queries,
    )
    web, robot = world.web.application.client_id, world.machine.application.client_id
    secret = str(world.web.application.secrets[0].secret_id)
    return {
        "list": registry.applications(acme, by=by),
        "read": registry.application(acme, web, by=by),
        "create": registry.register(acme, NEW, by=by),
        "update": registry.update(acme, web, ApplicationChanges(name="Mine"), by=by),
        "delete": registry.delete(acme, web, by=by),
        "promote": registry.promote(acme, web, "preview", by=by),
        "add secret": registry.add_secret(acme, web, "", by=by),
        "note secret": registry.note_secret(acme, web, secret, "x", by=by),
        "delete secret": registry.delete_secret(acme, web, secret, by=by),
        "list keys": keys.keys(acme, robot, by=by),
        "add key": keys.add(acme, robot, public_pem(private_key()), by=by),
        "generate key": keys.generate(acme, robot, by=by),
        "delete key": keys.delete(acme, robot, "1", by=by),
        "connections": connections.of_application(acme, web, by=by),
        "count": connections.count(acme, web, by=by),
        "withdraw of": connections.withdraw_of(acme, web, world.bob.user_id, by=by),
        "audit": audit.page(acme, AuditFilter(), by=by),
        "reference": audit.reference(acme, "AAAA-0000", by=by),
        **actions_on_people(world, by),
    }


def actions_on_people(world: World, by: Acting) -> dict[str, Coroutine[Any, Any, Any]]:
    """The same of people, and of how they sign in."""
    workgate, acme, bob = world.stand_in.workgate, world.acme, world.bob
    people, sign_in, providers = (
        workgate.services.people,
        workgate.services.sign_in,
        workgate.services.identity_providers,
    )
    return {
        "people": people.people(acme, by=by),
        "person": people.person(acme, bob.user_id, by=by),
        "person named": people.named(acme, "bob", by=by),
        "create person": people.create(acme, NewUser(username="new"), by=by),
        "change person": people.change(acme, bob.user_id, PersonChanges(is_admin=True), by=by),
        "unlock": people.unlock(acme, bob.user_id, by=by),
        "end sessions": people.end_sessions(acme, bob.user_id, by=by),
        "rules": sign_in.rules(acme, by=by),
        "change rules": sign_in.change(acme, RulesChanges(history=1), by=by),
        "providers": providers.providers(acme, by=by),
        "provider states": providers.states(acme, by=by),
        "provider": providers.provider(acme, "1", by=by),
        "delete provider": providers.delete(acme, "1", by=by),
        "invite": workgate.services.mailed_links.invite(acme, bob, by=by, mailing=Mailing("http://localhost", str)),
        "reset second steps": workgate.services.second_steps.reset(acme, bob, by=by),
        "federations": workgate.services.federations.of(acme, bob, by=by),
    }


@pytest.mark.spec("Workgate", "administrators", "only an active administrator of the same environment acts")
def test_who_may_not(shared: World) -> None:
    for user in (
        shared.bob,
        shared.ann._replace(is_active=False),
        shared.ann._replace(environment_id=shared.globex.environment_id),
        shared.ann._replace(environment_id=shared.preview.environment_id),
    ):
        for action in actions(shared, Acting(user, None)).values():
            with pytest.raises(NotAllowed):
                shared.stand_in.run(action)
    registry = shared.stand_in.workgate.services.registry
    found = registry.application(shared.acme, shared.web.application.client_id, by=OPERATOR)
    assert shared.stand_in.run(found) == shared.web.application


@pytest.mark.spec("Workfront", "2.1", "every field can be changed, and counts from the next request on")
def test_update(shared: World, ann: Browser) -> None:
    run, registry, by = shared.stand_in.run, shared.stand_in.workgate.services.registry, as_ann(shared)
    app = shared.stand_in.create_app(shared.acme, "Before")
    client_id, other = app.application.client_id, "https://elsewhere.example/callback"
    changes = ApplicationChanges(
        name=" After ",
        redirect_uris=[other],
        rotate_refresh_tokens=False,
        refresh_absolute_seconds=600,
        refresh_inactivity_seconds=60,
        code_seconds=60,
        description="what it does",
        description_url="https://after.example/",
        developer_name="Dev",
        developer_email="dev@after.example",
        privacy_url="https://after.example/privacy",
        logo=OURS.read_bytes(),
    )
    changed = run(registry.update(shared.acme, client_id, changes, by=by))
    assert changed == run(registry.application(shared.acme, client_id, by=by))
    assert (changed.name, changed.redirect_uris, changed.has_logo) == ("After", (other,), True)
    assert (changed.type, changed.secrets) == (app.application.type, app.application.secrets)
    assert ann.authorize(**authorize_params(app)).status_code == 400
    assert "After" in ann.authorize(**authorize_params(Registered(changed, app.client_secret))).text
    wanted = AuditFilter(client_id=client_id, event=AuditEvent.APPLICATION_CHANGED)
    (record,) = run(shared.stand_in.workgate.services.audit_queries.page(shared.acme, wanted, by=by)).records
    assert (record.actor, record.address) == (shared.ann.user_id, "192.0.2.1")
    assert (record.reason or "").startswith("name, redirect_uris, rotate_refresh_tokens")
    again = run(registry.update(shared.acme, client_id, ApplicationChanges(logo=None), by=by))
    assert (again.has_logo, again.name) == (False, "After")
    assert run(registry.update(shared.acme, client_id, ApplicationChanges(name="After"), by=by)) == again


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"name": " "}, "name", "1 to 100 characters"),
    ({"name": "a\x00b"}, "name", "control characters"),
    ({"redirect_uris": []}, "redirect_uris", "at least one redirect URL"),
    ({"redirect_uris": ["/relative"]}, "redirect_uris", "begin with a scheme"),
    ({"redirect_uris": ["https://a.example/#x"]}, "redirect_uris", "leave out the fragment"),
    ({"redirect_uris": ["https://a.example/*"]}, "redirect_uris", "leave out the wildcard"),
    ({"redirect_uris": ["https://8.8.8.8/"]}, "redirect_uris", "public IP addresses"),
    ({"redirect_uris": [REDIRECT_URI, REDIRECT_URI]}, "redirect_uris", "named twice"),
    ({"code_seconds": 600}, "code_seconds", "120 seconds, or 60"),
    ({"refresh_absolute_seconds": 0}, "refresh_absolute_seconds", "at least one second"),
    ({"refresh_inactivity_seconds": 2**31}, "refresh_inactivity_seconds", "at least one second"),
    ({"description": "x" * 1001}, "description", "1000 characters"),
    ({"developer_name": "x" * 101}, "developer_name", "100 characters"),
    ({"developer_email": "nobody"}, "developer_email", "name@example.com"),
    ({"privacy_url": "javascript:alert(1)"}, "privacy_url", "begin with https://"),
    ({"description_url": "https://a b"}, "description_url", "begin with https://"),
    ({"logo": b"<svg/>"}, "logo", "PNG, JPEG or WebP"),
]


@pytest.mark.spec("Workfront", "2.1", "what cannot be registered is refused with the rule and the field")
@pytest.mark.parametrize(("fields", "field", "rule"), WRONG)
def test_wrong_fields(shared: World, fields: dict[str, Any], field: str, rule: str) -> None:
    run, registry, by = shared.stand_in.run, shared.stand_in.workgate.services.registry, as_ann(shared)
    client_id = shared.plain.application.client_id
    values = {"name": "New", "type": ApplicationType.WEB, "redirect_uris": [REDIRECT_URI], **fields}
    for work in (
        registry.register(shared.acme, NewApplication(**values), by=by),
        registry.update(shared.acme, client_id, ApplicationChanges(**fields), by=by),
    ):
        with pytest.raises(Problem, match=rule) as refused:
            run(work)
        assert refused.value.field == field
    assert run(registry.application(shared.acme, client_id, by=by)) == shared.plain.application


@pytest.mark.spec("Workfront", "2.2", "secrets are exchanged without a moment in which none works")
def test_secret_rotation(shared: World, ann: Browser) -> None:
    run, registry, by = shared.stand_in.run, shared.stand_in.workgate.services.registry, as_ann(shared)
    app = shared.stand_in.create_app(shared.acme, "Rotating")
    client_id, old = app.application.client_id, str(app.application.secrets[0].secret_id)
    pair = shared.connect(app, ann)
    secret, text = run(registry.add_secret(shared.acme, client_id, "the next one", by=by))
    assert secret.last_four == text[-4:]
    second = Registered(app.application, text)
    for one in (app, second):
        pair = shared.refresh(one, pair["refresh_token"]).json()
    noted = run(registry.note_secret(shared.acme, client_id, str(secret.secret_id), "x" * 64, by=by))
    assert noted.note == "x" * 64
    with pytest.raises(Problem, match="65 characters"):
        run(registry.note_secret(shared.acme, client_id, old, "x" * 65, by=by))
    run(registry.delete_secret(shared.acme, client_id, old, by=by))
    assert shared.refresh(app, pair["refresh_token"]).status_code == 401
    assert shared.refresh(second, pair["refresh_token"]).status_code == 200
    with pytest.raises(NotFound):
        run(registry.delete_secret(shared.acme, client_id, old, by=by))
    with pytest.raises(NotFound):
        run(registry.note_secret(shared.acme, client_id, old, "x", by=by))
    with pytest.raises(Problem, match="never has a secret"):
        run(registry.add_secret(shared.acme, shared.spa.application.client_id, "", by=by))


@pytest.mark.spec("RFC 9700", "4.14.2", "rotation cannot be switched off for public clients, by a change neither")
def test_single_page_applications_rotate(shared: World) -> None:
    registry, client_id = shared.stand_in.workgate.services.registry, shared.spa.application.client_id
    changes = ApplicationChanges(rotate_refresh_tokens=False)
    changed = shared.stand_in.run(registry.update(shared.acme, client_id, changes, by=as_ann(shared)))
    assert changed.rotates is True


@pytest.mark.spec("Workfront", "2.1", "at most ten applications in an environment, and deleting one makes room")
def test_ten_at_most(world: World) -> None:
    run, registry, by = world.stand_in.run, world.stand_in.workgate.services.registry, as_ann(world)
    while len(run(registry.applications(world.acme, by=by))) < 10:
        run(registry.register(world.acme, NEW, by=by))
    with pytest.raises(Problem, match=r"acme\.my has 10 applications, which is the most"):
        run(registry.register(world.acme, NEW, by=by))
    run(registry.delete(world.acme, world.web.application.client_id, by=by))
    run(registry.register(world.acme, NEW, by=by))


@pytest.mark.spec("Workfront", "1.4", "a copy in another lane has an ID and a secret of its own; neither works here")
def test_promote(world: World) -> None:
    run, workgate, by = world.stand_in.run, world.stand_in.workgate, as_ann(world)
    registry, client_id = workgate.services.registry, world.web.application.client_id
    run(registry.update(world.acme, client_id, ApplicationChanges(logo=OURS.read_bytes(), description="d"), by=by))
    with pytest.raises(NotAllowed, match=r"acme\.preview"):  # Ann is no administrator there
        run(registry.promote(world.acme, client_id, "preview", by=by))
    boss, boss_there = (
        world.stand_in.create_user(environment, "boss", is_admin=True) for environment in (world.acme, world.preview)
    )
    by = Acting(boss, "192.0.2.1")
    copy = run(registry.promote(world.acme, client_id, "preview", by=by))
    assert copy.application.client_id != client_id
    assert copy.client_secret not in {None, world.web.client_secret}
    source = run(registry.application(world.acme, client_id, by=by))
    for name in ("name", "type", "redirect_uris", "rotate_refresh_tokens", "consent", "description", "has_logo"):
        assert getattr(copy.application, name) == getattr(source, name)
    browser = world.browser(world.preview)
    assert browser.sign_in().status_code == 303
    code = browser.code(copy)
    assert world.redeem(copy, code).status_code == 401
    params = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    assert world.token(world.web, params, world.preview).status_code == 401
    assert world.token(copy, params, world.preview).status_code == 200
    wanted = AuditFilter(event=AuditEvent.APPLICATION_CREATED, client_id=copy.application.client_id)
    (record,) = run(workgate.services.audit_queries.page(world.preview, wanted, by=OPERATOR)).records
    assert record.actor == boss_there.user_id
    for lane, reason in (("my", "already"), ("sb01", "no lane 'sb01'")):
        with pytest.raises(Problem, match=reason):
            run(registry.promote(world.acme, client_id, lane, by=by))


@pytest.mark.spec("Workfront", "2.1", "a key is its user's; its private half is shown once and kept nowhere")
def test_keys(shared: World) -> None:
    run, workgate, by = shared.stand_in.run, shared.stand_in.workgate, as_ann(shared)
    keys, acme, client_id = workgate.services.application_keys, shared.acme, shared.machine.application.client_id
    made = run(keys.generate(acme, client_id, note="made", by=by))
    assert made.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE KEY" not in repr(made)
    lines = made.private_key.splitlines()[1:-1]
    run(workgate.database.engine.flush())
    for file in shared.stand_in.folder.iterdir():
        stored = file.read_bytes()
        assert base64.b64decode("".join(lines))[-600:] not in stored
        assert lines[5].encode() not in stored
    added = run(keys.add(acme, client_id, public_pem(private_key()), by=by))
    assert [key.user_id for key in run(keys.keys(acme, client_id, by=by))] == [shared.ann.user_id] * 2
    for work, reason in (
        (keys.add(acme, client_id, public_pem(private_key()), by=by), "has this key already"),
        (keys.add(acme, client_id, private_pem(private_key()), by=by), "private key"),
        (keys.add(acme, client_id, public_pem(private_key("b")), owner=shared.bob, by=by), "let that user add it"),
        (keys.add(acme, client_id, public_pem(private_key("b")), by=OPERATOR), "name the user"),
        (keys.generate(acme, shared.web.application.client_id, by=by), "it has no keys"),
    ):
        with pytest.raises(Problem, match=reason):
            run(work)
    run(keys.delete(acme, client_id, str(added.key_id), by=by))
    with pytest.raises(NotFound):
        run(keys.delete(acme, client_id, str(added.key_id), by=by))


@pytest.mark.spec("ASVS 5.0", "10.7.3", "a user sees what was allowed and takes it back; dead on the next call")
def test_connected_applications(shared: World) -> None:
    run, workgate = shared.stand_in.run, shared.stand_in.workgate
    connections, by = workgate.services.connections, as_ann(shared)
    app = shared.stand_in.create_app(shared.acme, "Connected", refresh_inactivity_seconds=86_400)
    client_id, began = app.application.client_id, shared.clock.now()
    held = {}
    for username in ("ann", "bob"):
        browser = shared.browser()
        assert browser.sign_in(username).status_code == 303
        held[username] = shared.connect(app, browser)
    shared.clock.advance(120)
    assert shared.works(held["bob"]["access_token"])
    run(workgate.database.engine.flush())
    (bobs,) = run(connections.of_user(shared.acme, shared.bob))
    assert (bobs.application, bobs.since, bobs.last_token_at) == ("Connected", began, began)
    assert bobs.last_used_at == shared.clock.now()
    assert bobs.expires_at == shared.clock.now() + 86_400_000
    count = run(connections.count(shared.acme, client_id, by=by))
    assert (count.users, count.expiring, count.more) == (2, 2, False)
    page = run(connections.of_application(shared.acme, client_id, limit=1, by=by))
    rest = run(connections.of_application(shared.acme, client_id, after=page.following or "", by=by))
    assert {one.username for one in (*page.connections, *rest.connections)} == {"ann", "bob"}
    assert rest.following is None

    assert run(connections.withdraw(shared.acme, client_id, by=Acting(shared.bob, "192.0.2.7"))) == 1
    assert run(connections.withdraw(shared.acme, client_id, by=Acting(shared.bob, None))) == 0
    assert not shared.works(held["bob"]["access_token"])
    assert shared.refresh(app, held["bob"]["refresh_token"]).status_code == 400
    assert list(run(connections.of_user(shared.acme, shared.bob))) == []
    assert shared.works(held["ann"]["access_token"])
    assert run(connections.withdraw_of(shared.acme, client_id, shared.ann.user_id, by=by)) == 1
    assert not shared.works(held["ann"]["access_token"])
    with pytest.raises(NotAllowed):
        run(connections.withdraw(shared.acme, client_id, by=OPERATOR))
    for event, actor in (
        (AuditEvent.CONNECTION_WITHDRAWN_BY_ADMIN, shared.ann.user_id),
        (AuditEvent.CONNECTION_WITHDRAWN, shared.bob.user_id),
    ):
        wanted = AuditFilter(client_id=client_id, event=event)
        (record,) = run(workgate.services.audit_queries.page(shared.acme, wanted, by=by)).records
        assert record.actor == actor
