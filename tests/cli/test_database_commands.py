"""``migrate`` and ``copy``: a schema is brought up to date, and an installation moves with everybody signed in."""

from pathlib import Path

import pytest
from tests.browser import Browser, World, a_world, worlds_on
from tests.database.cluster import Cluster
from tests.database.migrated import migrated
from tests.processes import ServerProcess, forked

from workgate.opening import SystemClock
from workgate.storage.migrate import HEAD

TABLES = {
    "application_keys",
    "application_secrets",
    "applications",
    "audit_events",
    "authorizations",
    "environments",
    "federated_users",
    "identity_providers",
    "installation",
    "mailed_links",
    "objects",
    "password_history",
    "recovery_codes",
    "second_factors",
    "sessions",
    "sign_in_requests",
    "sign_in_rules",
    "used_assertions",
    "used_jwts",
    "users",
}


def test_migrate(postgres_url: str, tmp_path: Path) -> None:
    keys = {"keys": f"file:{tmp_path / 'workgate.keys'}", "database_url": postgres_url}
    refused = forked("org", "create", "acme", "--name", "Acme", folder=tmp_path, **keys)
    assert "the database is empty: run 'workgate migrate'" in refused.complaint
    assert "the database is empty" in forked("serve", "--port", "0", folder=tmp_path, **keys).complaint
    before = forked("migrate", "--status", "--json", folder=tmp_path, **keys).json
    assert (before["revision"], before["head"]) == (None, HEAD)
    assert before["pending"][0] == "0001"
    planned = forked("migrate", "--dry-run", "--json", folder=tmp_path, **keys).json
    assert "CREATE TABLE authorizations" in planned["sql"]
    assert forked("migrate", "--status", "--json", folder=tmp_path, **keys).json == before
    done = forked("migrate", "--json", folder=tmp_path, **keys).json
    assert (done["revision"], done["applied"], done["pending"]) == (HEAD, before["pending"], [])
    assert "applied" not in forked("migrate", "--json", folder=tmp_path, **keys).json
    made = forked("org", "create", "acme", "--name", "Acme", "--json", folder=tmp_path, **keys).json
    assert made["domain"] == "acme"


def test_migrate_says_what_is_wrong(tmp_path: Path) -> None:
    nowhere = "postgresql://workgate:the-password@127.0.0.1:1/workgate"
    complaint = forked("migrate", "--database", nowhere, folder=tmp_path).complaint
    assert "cannot connect to the database" in complaint
    assert "the-password" not in complaint
    unnamed = forked("app", "list", "--org", "acme", "--database", nowhere, folder=tmp_path).complaint
    assert "WORKGATE_KEYS" in unnamed
    for address in ("mysql://x/y", "postgresql://x/y?pooler=session", "postgresql://x/y?connections=0", "sqlite:x"):
        complaint = forked("migrate", "--database", address, folder=tmp_path).complaint
        assert "database address" in complaint


def _tokens(world: World) -> tuple[Browser, dict[str, str]]:
    world.stand_in.clock.advance((SystemClock().now() - world.stand_in.clock.now()) / 1000)
    browser = world.browser()
    return browser, world.connect(world.web, browser)


def _goes_on(world: World, browser: Browser, pair: dict[str, str], folder: Path, database: str) -> None:
    """Whoever was signed in still is, at a server over the copy."""
    keys = f"file:{world.stand_in.folder.absolute() / 'workgate.keys'}"
    settings = {"database_url": database, "keys": keys, "default_environment": "acme.my"}
    with ServerProcess(folder, **settings) as server, server.client() as http:
        answer = http.get("/attask/api/v14.0/proj/search", headers={"sessionID": pair["access_token"]})
        assert answer.status_code == 200, answer.text
        asked = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        client = (world.web.application.client_id, world.web.client_secret or "")
        assert http.post("/integrations/oauth2/api/v1/token", data=asked, auth=client).status_code == 200
        http.cookies.update(dict(browser.http.cookies))
        assert "Ann Archer" in http.get("/").text


def test_copy_to_postgresql_and_back(postgres_url: str, tmp_path: Path) -> None:
    source_folder = tmp_path / "source"
    source_folder.mkdir()
    with a_world(folder=source_folder) as world:
        browser, pair = _tokens(world)
        world.stand_in.run(world.stand_in.workgate.database.engine.flush())
    source = f"sqlite:///{source_folder / 'workgate.db'}"
    there = forked("copy", "--from", source, "--to", postgres_url, "--json", folder=tmp_path).json["tables"]
    assert {row["table"] for row in there} == TABLES
    rows = {row["table"]: row["rows"] for row in there}
    assert (rows["installation"], rows["environments"], rows["users"]) == (1, 3, 4)
    assert rows["authorizations"] == 1
    assert rows["sessions"] == 2
    back = f"sqlite:///{tmp_path / 'back.db'}"
    again = forked("copy", "--from", postgres_url, "--to", back, "--json", folder=tmp_path).json["tables"]
    assert again == there
    in_use = forked("copy", "--from", source, "--to", postgres_url, folder=tmp_path).complaint
    assert "holds an installation already" in in_use
    _goes_on(world, browser, pair, tmp_path, postgres_url)


def test_copy_from_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    with worlds_on(lambda: migrated(postgres)), a_world(folder=tmp_path) as world:
        browser, pair = _tokens(world)
        source = world.stand_in.workgate.settings.database_url
    target = f"sqlite:///{tmp_path / 'copied.db'}"
    assert forked("copy", "--from", source, "--to", target, "--json", folder=tmp_path).json["tables"]
    _goes_on(world, browser, pair, tmp_path, target)


@pytest.mark.parametrize("source", ["sqlite:///missing.db", "sqlite:///empty.db"])
def test_nothing_to_copy(source: str, postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    complaint = forked("copy", "--from", source, "--to", postgres_url, folder=tmp_path).complaint
    assert "there is no database" in complaint or "the database to copy is empty" in complaint
    assert not (tmp_path / "missing.db").exists()


def test_a_node_without_the_others_key_ring_does_not_serve(postgres: Cluster, tmp_path: Path) -> None:
    with worlds_on(lambda: migrated(postgres)), a_world() as world:
        _tokens(world)
        url = world.stand_in.workgate.settings.database_url
    missing = tmp_path / "not-mounted.keys"
    settings = {"database_url": url, "keys": f"file:{missing}"}
    for command in (("serve", "--port", "0"), ("app", "list", "--org", "acme")):
        complaint = forked(*command, folder=tmp_path, **settings).complaint
        assert "there is no key file" in complaint
        assert "workgate keys create" in complaint
        assert not missing.exists()
    assert forked("keys", "create", "--json", folder=tmp_path, **settings).json["keys"] == [1]
    assert "there is a key ring already" in forked("keys", "create", folder=tmp_path, **settings).complaint
    with ServerProcess(tmp_path, **settings) as server, server.client() as http:
        assert http.get("/readyz").status_code == 200


@pytest.mark.parametrize("password", ["s3cr/et", "s3cr#et", "s3cr?et"])
def test_a_password_is_not_shown_where_it_makes_an_address_malformed(password: str, tmp_path: Path) -> None:
    address = f"postgresql://workgate:{password}@db.internal:5432/workgate"
    ran = forked("migrate", "--database", address, folder=tmp_path)
    assert ran.code != 0
    assert "s3cr" not in ran.err + ran.out
