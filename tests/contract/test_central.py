"""What the stores promise of applications that several environments have installed, on every engine."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.contract.kit import START, Stores, at

from workgate.domain.accounts import Environment, User, why_dead
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds
from workgate.domain.oauth import Application, ApplicationType, AuthorizationStatus, ClientSecret, ConsentPolicy

ROUNDS = 20


@pytest.fixture
def gus(stores: Stores) -> Iterator[User]:
    """A user of globex."""
    yield stores.user("gus", stores.globex)


def give(stores: Stores, app: Application, *, central: bool = True) -> bool:
    return stores.run(giving(stores, app, central=central))


async def giving(stores: Stores, app: Application, *, central: bool) -> bool:
    where = app.environment_id
    record = stores.record(AuditEvent.APPLICATION_CHANGED, where)
    return await stores.database.central.set_central(where, app.client_id, central=central, record=record)


async def installing(stores: Stores, app: Application, where: Environment | None = None) -> bool:
    environment_id = (where or stores.globex).environment_id
    record = stores.record(AuditEvent.APPLICATION_INSTALLED, environment_id)
    return await stores.database.central.install(environment_id, app.client_id, now=at(1), record=record)


async def uninstalling(stores: Stores, app: Application, where: Environment | None = None) -> bool:
    environment_id = (where or stores.globex).environment_id
    record = stores.record(AuditEvent.APPLICATION_UNINSTALLED, environment_id)
    return await stores.database.central.uninstall(environment_id, app.client_id, now=at(2), record=record)


def deleting(stores: Stores, app: Application) -> bool:
    record = stores.record(AuditEvent.APPLICATION_DELETED)
    return stores.run(stores.database.applications.delete_application(app.environment_id, app.client_id, record=record))


def a_secret(stores: Stores) -> ClientSecret:
    return ClientSecret(stores.ids.next(START), os.urandom(32), "abcd", "", START, None)


def add_secret(stores: Stores, app: Application, where: EnvironmentId) -> ClientSecret | None:
    secret = a_secret(stores)
    record = stores.record(AuditEvent.SECRET_ADDED, where)
    added = stores.run(stores.database.applications.add_secret(where, app.client_id, secret, record=record))
    return secret if added else None


def at_globex(stores: Stores, app: Application, version: int | None = None) -> Application | None:
    found = stores.database.applications.application(stores.globex.environment_id, app.client_id, version=version)
    return stores.run(found)


@pytest.fixture
def app(stores: Stores) -> Application:
    """An application of acme that globex installed, with a secret."""
    made = stores.application(name="Sync", consent=ConsentPolicy.NEVER, description="d")
    assert give(stores, made)
    assert add_secret(stores, made, stores.acme.environment_id)
    assert stores.run(installing(stores, made))
    return made


def test_what_is_installed_is_its_owners(stores: Stores, app: Application) -> None:
    own = stores.run(stores.database.applications.application(stores.acme.environment_id, app.client_id))
    here = at_globex(stores, app)
    assert own is not None
    assert own.is_central
    assert not own.is_installed
    assert here == replace(
        own,
        environment_id=stores.globex.environment_id,
        owner_environment_id=stores.acme.environment_id,
        created_at=at(1),
        consent=ConsentPolicy.ALWAYS,
        is_central=False,
    )
    assert here.home_id == stores.acme.environment_id
    applications = stores.database.applications
    assert stores.run(applications.applications(stores.globex.environment_id)) == []
    assert stores.run(applications.installed(stores.globex.environment_id)) == [here]
    assert own in stores.run(applications.applications(stores.acme.environment_id))
    assert stores.run(applications.installed(stores.acme.environment_id)) == []
    assert stores.run(stores.database.central.installations(stores.acme.environment_id, app.client_id)) == 1
    # Installed twice, given twice: nothing happens.
    count = stores.count("audit_events")
    assert not stores.run(installing(stores, app))
    assert not give(stores, app)
    assert stores.count("audit_events") == count


def test_what_is_available(stores: Stores, app: Application) -> None:
    central, globex = stores.database.central, stores.globex.environment_id
    other = stores.application(name="Another")
    give(stores, other)
    stores.application(name="Private")
    preview = stores.environment("acme", "preview")
    give(stores, stores.application(preview, name="Preview"))
    mine = stores.application(stores.globex, name="Mine")
    give(stores, mine)
    found = stores.run(central.available(globex))
    assert [(one.application.name, one.installed_at) for one in found] == [("Another", None), ("Sync", at(1))]
    assert {(one.owner_domain, one.owner_name) for one in found} == {("acme", "Acme")}
    assert [one.application.secrets for one in found] == [(), ()]
    assert [one.application.name for one in stores.run(central.available(stores.acme.environment_id))] == ["Mine"]
    assert stores.run(central.available(preview.environment_id)) == []
    inlane = stores.run(central.in_lane("my", app.client_id))
    assert inlane is not None
    assert (inlane.application.client_id, inlane.owner_domain) == (app.client_id, "acme")
    for lane, client_id in (
        ("preview", app.client_id),
        ("my", "0" * 32),
        ("my", ""),
        ("my", "a\0b"),
        ("", app.client_id),
    ):
        assert stores.run(central.in_lane(lane, client_id)) is None
    serves = [("acme", "my", True), ("globex", "my", True), ("acme", "preview", False), ("nobody", "my", False)]
    for domain, lane, expected in serves:
        assert stores.run(central.serves(domain, lane, app.client_id)) is expected
    assert not stores.run(central.serves("globex", "my", other.client_id))
    assert not stores.run(central.serves("globex", "my", stores.app.client_id))
    assert not stores.run(central.serves("a\0b", "my", app.client_id))


@pytest.mark.parametrize("kind", ["not central", "own", "another lane's", "unknown", "machine"])
def test_what_cannot_be_installed(stores: Stores, kind: str) -> None:
    preview = stores.environment("acme", "preview")
    where = {"own": stores.globex, "another lane's": preview}.get(kind, stores.acme)
    machine = {"type": ApplicationType.MACHINE, "redirect_uris": ()} if kind == "machine" else {}
    made = stores.application(where, **machine)
    assert give(stores, made) == (kind != "machine")
    if kind == "not central":
        give(stores, made, central=False)
    if kind == "unknown":
        made = replace(made, client_id=ClientId("0" * 32))
    count = stores.count("applications")
    assert not stores.run(installing(stores, made))
    assert not stores.run(uninstalling(stores, made))
    assert stores.count("applications") == count


def test_changes_reach_everybody_who_remembers(stores: Stores, app: Application, gus: User) -> None:
    """With the version that the row of a code tells, as the token endpoint asks."""
    pending = stores.pending(gus, app)
    applications = stores.database.applications

    def remembered() -> Application | None:
        version = stores.read(pending.authorization_id, gus).registry_version
        return at_globex(stores, app, version)

    first = remembered()
    assert first is not None
    assert remembered() is first  # not read again
    changed = replace(app, name="Renamed", redirect_uris=("https://b.example/",), refresh_inactivity_seconds=7)
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert stores.run(applications.update_application(changed, ("image/png", b"\x89"), keep_logo=False, record=record))
    second = remembered()
    assert second is not None
    assert (second.name, second.redirect_uris, second.has_logo) == ("Renamed", ("https://b.example/",), True)
    assert second.consent is ConsentPolicy.ALWAYS
    assert stores.run(applications.logo(stores.globex.environment_id, app.client_id)) == ("image/png", b"\x89")
    added = add_secret(stores, app, stores.acme.environment_id)
    assert added is not None
    third = remembered()
    assert third is not None
    assert [secret.secret_id for secret in third.secrets][1:] == [added.secret_id]
    ids = (stores.acme.environment_id, app.client_id)
    record = stores.record(AuditEvent.SECRET_DELETED)
    assert stores.run(applications.delete_secret(*ids, added.secret_id, record=record))
    fourth = remembered()
    assert fourth is not None
    assert len(fourth.secrets) == 1
    assert give(stores, app, central=False)
    assert remembered() is None
    # What its sessions are judged by is the same in the row of globex.
    assert remembered() is None


def test_sessions_follow_the_owners_settings(stores: Stores, app: Application, gus: User) -> None:
    active = stores.active(gus, app)
    changed = replace(app, rotate_refresh_tokens=False, refresh_inactivity_seconds=7)
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    assert stores.run(stores.database.applications.update_application(changed, None, keep_logo=True, record=record))
    session = stores.run(stores.database.sessions.session(gus.environment_id, active.authorization_id, 1))
    assert session is not None
    assert (session.rotates, session.inactivity_seconds) == (False, 7)
    assert session.registry_version == stores.read(active.authorization_id, gus).registry_version


def test_what_is_of_no_concern_stays_remembered(stores: Stores, app: Application, gus: User) -> None:
    pending = stores.pending(gus, app)
    before = stores.read(pending.authorization_id, gus).registry_version
    assert add_secret(stores, stores.app, stores.acme.environment_id)
    assert stores.read(pending.authorization_id, gus).registry_version == before


def test_spa_origins_of_what_is_installed(stores: Stores) -> None:
    spa = stores.application(type=ApplicationType.SPA, redirect_uris=("https://spa.example/back",))
    uris, globex = stores.database.applications.spa_redirect_uris, stores.globex.environment_id
    assert stores.run(uris(globex)) == ()
    give(stores, spa)
    stores.run(installing(stores, spa))
    assert stores.run(uris(globex)) == ("https://spa.example/back",)
    record = stores.record(AuditEvent.APPLICATION_CHANGED)
    changed = replace(spa, redirect_uris=("https://new.example/",))
    stores.run(stores.database.applications.update_application(changed, None, keep_logo=True, record=record))
    assert stores.run(uris(globex)) == ("https://new.example/",)
    stores.run(uninstalling(stores, spa))
    assert stores.run(uris(globex)) == ()


def test_uninstalling_ends_all_and_installing_brings_nothing_back(stores: Stores, app: Application, gus: User) -> None:
    active, pending, elsewhere = stores.active(gus, app), stores.pending(gus, app), stores.active(stores.ann, app)

    def dead() -> bool:
        session = stores.run(stores.database.sessions.session(gus.environment_id, active.authorization_id, 1))
        assert session is not None
        return why_dead(session, START, 60) is not None

    assert not dead()
    assert stores.run(uninstalling(stores, app))
    assert not stores.run(uninstalling(stores, app))
    assert at_globex(stores, app) is None
    assert dead()
    assert stores.run(installing(stores, app))
    assert dead()
    for one in (active, pending):
        assert stores.read(one.authorization_id, gus).status is AuthorizationStatus.REVOKED
    # Acme's own are not concerned.
    assert stores.read(elsewhere.authorization_id).status is AuthorizationStatus.ACTIVE


@pytest.mark.parametrize("how", ["delete", "keep"])
def test_the_owner_takes_it_from_everybody(stores: Stores, app: Application, gus: User, how: str) -> None:
    initech = stores.environment("initech")
    stores.run(installing(stores, app, initech))
    active = stores.active(gus, app)
    assert deleting(stores, app) if how == "delete" else give(stores, app, central=False)
    for environment in (stores.globex, initech):
        found = stores.database.applications.application(environment.environment_id, app.client_id)
        assert stores.run(found) is None
        (newest,) = stores.run(stores.database.audit.latest(environment.environment_id, 1))
        assert (newest.event, newest.client_id) == (AuditEvent.APPLICATION_UNINSTALLED, app.client_id)
        assert newest.actor is None
        assert newest.reason is not None
    session = stores.run(stores.database.sessions.session(gus.environment_id, active.authorization_id, 1))
    assert session is not None
    assert not session.application_exists
    if how == "keep":
        give(stores, app)
        stores.run(installing(stores, app))
        assert stores.read(active.authorization_id, gus).status is AuthorizationStatus.REVOKED
    stores.run(stores.database.sweeper.sweep(Milliseconds(START + 10**10)))
    assert stores.run(stores.database.authorizations.authorization(gus.environment_id, active.authorization_id)) is None


def test_nothing_of_it_can_be_changed_where_it_is_installed(stores: Stores, app: Application) -> None:
    applications, globex = stores.database.applications, stores.globex.environment_id
    here = at_globex(stores, app)
    assert here is not None
    assert add_secret(stores, app, globex) is None
    ids, secret_id = (globex, app.client_id), here.secrets[0].secret_id
    record = stores.record(AuditEvent.SECRET_NOTED, globex)
    assert not stores.run(applications.note_secret(*ids, secret_id, "mine", record=record))
    assert not stores.run(applications.delete_secret(*ids, secret_id, record=record))
    assert not stores.run(applications.delete_application(*ids, record=record))
    changed = replace(here, name="Mine", redirect_uris=("https://evil.example/",))
    assert not stores.run(applications.update_application(changed, None, keep_logo=False, record=record))
    assert not stores.run(stores.database.central.set_central(*ids, central=True, record=record))
    assert not stores.run(stores.database.central.set_central(*ids, central=False, record=record))
    assert at_globex(stores, app) == here
    # Nor is one's own application uninstalled.
    assert not stores.run(uninstalling(stores, app, stores.acme))


def test_it_takes_no_place(stores: Stores, app: Application) -> None:
    made = replace(app, environment_id=stores.globex.environment_id, client_id=ClientId("1" * 32))
    record = stores.record(AuditEvent.APPLICATION_CREATED, stores.globex.environment_id)
    create = stores.database.applications.create_application
    assert stores.run(create(made, None, at_most=1, record=record))


def test_whoever_installs_and_whoever_takes_back_wait_for_each_other(stores: Stores) -> None:
    """However they meet: nobody is left with what its owner has taken back, and none with words of yesterday."""
    others = [stores.environment(f"other{number}") for number in range(4)]
    applications = stores.database.applications
    for number in range(ROUNDS):
        app = stores.application(name="Before")
        give(stores, app)
        record = stores.record(AuditEvent.APPLICATION_CHANGED)
        if number % 2:
            owner = giving(stores, app, central=False)
        else:
            owner = applications.update_application(replace(app, name="After"), None, keep_logo=True, record=record)
        works = [installing(stores, app, other) for other in others]
        works.insert(number % 5, owner)
        done = stores.gather(works)
        assert done[number % 5]
        for other in others:
            found = stores.run(applications.application(other.environment_id, app.client_id))
            if number % 2:
                assert found is None
                assert app.client_id not in [
                    one.client_id for one in stores.run(applications.installed(other.environment_id))
                ]
            else:
                assert found is not None
                assert found.name == "After"
        rows = stores.run(stores.database.central.installations(app.environment_id, app.client_id))
        assert rows == (0 if number % 2 else len(others))


def test_changes_of_two_owners_at_once(stores: Stores, app: Application) -> None:
    """Each has installed what the other offers."""
    mine = stores.application(stores.globex, name="Mine")
    give(stores, mine)
    assert stores.run(installing(stores, mine, stores.acme))

    async def renaming(which: Application, name: str) -> bool:
        record = stores.record(AuditEvent.APPLICATION_CHANGED, which.environment_id)
        change = stores.database.applications.update_application
        return await change(replace(which, name=name), None, keep_logo=True, record=record)

    for number in range(ROUNDS):
        assert stores.gather([renaming(app, f"A{number}"), renaming(mine, f"B{number}")]) == [True, True]
    here = at_globex(stores, app)
    assert here is not None
    assert here.name == f"A{ROUNDS - 1}"
