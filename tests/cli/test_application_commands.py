"""The commands about applications, keys and connections, and what the audit log is asked: as a shell sees them."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser import REDIRECT_URI, World, a_world
from tests.processes import Ran, forked
from tests.signing import certificate_pem, private_key, private_pem, signed_by_pyjwt

EXCHANGE = "/integrations/oauth2/api/v1/jwt/exchange"
ACME = ("--org", "acme")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running server; the commands work on its database, beside it."""
    with a_world(applications_per_environment=100) as made:
        yield made


def beside(world: World, *args: str, **more: Any) -> Ran:
    """Run a command on the world's database, with --json."""
    return as_typed(world, *args, "--json", **more)


def as_typed(world: World, *args: str, **more: Any) -> Ran:
    url = f"sqlite:///{world.stand_in.folder / 'workgate.db'}"
    return forked(*args, "--database", url, folder=world.stand_in.folder, **more)


def exchange(world: World, app: dict[str, Any], pem: str) -> int:
    claims = {"iss": world.acme.customer_id, "sub": world.ann.user_id, "exp": world.clock.now() // 1000 + 60}
    claims["jti"] = world.stand_in.workgate.entropy(8).hex()
    data = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    return world.http().post(EXCHANGE, data={**data, "jwt_token": signed_by_pyjwt(claims, pem)}).status_code


def test_a_machine_with_keys(world: World) -> None:
    folder = world.stand_in.folder
    (folder / "robot.pem").write_text(certificate_pem(private_key()))
    create = ("app", "create", "Robot", *ACME, "--type", "machine", "--public-key")
    app = beside(world, *create, "robot.pem", "--key-user", "ann").json
    assert exchange(world, app, private_pem(private_key())) == 200
    client_id = app["client_id"]
    (first,) = beside(world, "app", "key", "list", client_id, *ACME).json["keys"]
    assert (first["user_id"], first["bits"]) == (world.ann.user_id, 2048)
    assert first["last_used"] is not None
    args = ("app", "key", "generate", client_id, *ACME, "--user", "ann", "--out", "made.pem", "--note", "made")
    made = beside(world, *args).json
    assert stat.S_IMODE((folder / "made.pem").stat().st_mode) == 0o600
    assert exchange(world, app, (folder / "made.pem").read_text()) == 200
    again = beside(world, *args)
    assert again.code == 1
    assert "made.pem" in again.complaint
    (folder / "other.pem").write_text(certificate_pem(private_key("other")))
    added = beside(world, "app", "key", "add", client_id, "other.pem", *ACME, "--user", "ann").json
    for key in (first, made, added):
        deleted = beside(world, "app", "key", "delete", client_id, key["id"], *ACME).json
        assert deleted == {"client_id": client_id, "id": key["id"], "deleted": True}
    assert beside(world, "app", "key", "list", client_id, *ACME).json == {"keys": []}
    assert exchange(world, app, private_pem(private_key())) == 400


def test_a_machine_whose_key_is_no_good_is_not_created(world: World) -> None:
    (world.stand_in.folder / "private.pem").write_text(private_pem(private_key()))
    create = ("app", "create", "No robot", *ACME, "--type", "machine", "--public-key", "private.pem")
    assert "private key" in beside(world, *create, "--key-user", "ann").complaint
    assert "go together" in beside(world, *create).complaint
    listed = beside(world, "app", "list", *ACME).json["applications"]
    assert "No robot" not in [row["name"] for row in listed]


def test_update_and_promote(world: World) -> None:
    client_id = world.web.application.client_id
    options = ("--name", "Renamed", "--redirect-uri", REDIRECT_URI, "--refresh-absolute", "90d", "--no-logo")
    changed = beside(world, "app", "update", client_id, *ACME, *options, "--description", "new").json
    assert (changed["name"], changed["description"]) == ("Renamed", "new")
    assert changed["refresh_absolute_seconds"] == 90 * 86_400
    never = beside(world, "app", "update", client_id, *ACME, "--refresh-absolute", "never").json
    assert (never["refresh_absolute_seconds"], never["name"]) == (None, "Renamed")
    copy = beside(world, "app", "promote", client_id, *ACME, "--to", "preview").json
    assert copy["client_id"] != client_id
    assert copy["client_secret"]
    assert copy["name"] == "Renamed"
    shown = beside(world, "app", "show", copy["client_id"], *ACME, "--lane", "preview").json
    assert shown["secrets"][0]["safe_to_delete"] is False
    assert "no lane 'sb01'" in beside(world, "app", "promote", client_id, *ACME, "--to", "sb01").complaint


def test_note_of_a_secret(world: World) -> None:
    client_id = world.plain.application.client_id
    (secret,) = beside(world, "app", "show", client_id, *ACME).json["secrets"]
    noted = beside(world, "app", "secret", "note", client_id, secret["id"], "for the host", *ACME).json
    assert noted["note"] == "for the host"
    assert (
        "64 are the most" in beside(world, "app", "secret", "note", client_id, secret["id"], "x" * 65, *ACME).complaint
    )


def test_connections(world: World) -> None:
    client_id = world.plain.application.client_id
    world.connect(world.plain)
    found = beside(world, "app", "connections", client_id, *ACME).json
    assert (found["users"], found["expiring"], found["more"], found["following"]) == (1, 0, False, None)
    assert found["connections"][0]["username"] == "ann"
    assert "1 users" in as_typed(world, "app", "connections", client_id, *ACME).out


def test_audit_list_and_export(world: World) -> None:
    client_id = beside(world, "app", "create", "Seen", *ACME, "--type", "web", "--redirect-uri", REDIRECT_URI).json[
        "client_id"
    ]
    beside(world, "app", "update", client_id, *ACME, "--name", "Seen again")
    listed = beside(world, "audit", "list", *ACME, "--app", client_id).json
    assert [row["event"] for row in listed["events"]] == ["application_changed", "application_created"]
    assert listed["following"] is None
    first = beside(world, "audit", "list", *ACME, "--app", client_id, "--limit", "1").json
    before = ("--before", first["following"])
    rest = beside(world, "audit", "list", *ACME, "--app", client_id, *before).json["events"]
    assert [row["event"] for row in rest] == ["application_created"]
    exported = as_typed(world, "audit", "export", *ACME, "--app", client_id, "--event", "application_created")
    assert exported.code == 0
    (line,) = exported.out.splitlines()
    assert json.loads(line)["reason"] == "Seen"
    for options in (("--from", "2200-01-01"), ("--to", "2001-01-01"), ("--actor", "ann"), ("--address", "192.0.2.1")):
        assert beside(world, "audit", "list", *ACME, "--app", client_id, *options).json["events"] == []
    world.browser().sign_in("ann")
    world.stand_in.sweep()
    assert beside(world, "audit", "list", *ACME, "--actor", "ann", "--event", "signed_in").json["events"]


def test_files_stay_where_they_are(tmp_path: Path, world: World) -> None:
    """A key that could not be added leaves no file."""
    out = tmp_path / "key.pem"
    args = ("app", "key", "generate", world.web.application.client_id, *ACME, "--user", "ann", "--out", str(out))
    assert "it has no keys" in beside(world, *args).complaint
    assert not out.exists()
