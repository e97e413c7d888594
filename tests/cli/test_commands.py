"""Every command of the contract (DESIGN.md §6): one JSON object on standard output, its names, and what it does."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.authenticators import a_person
from tests.browser import PASSWORD, REDIRECT_URI, World, a_world
from tests.processes import Ran, ServerProcess, forked, workgate

import workgate.cli as workgate_cli
from workgate.opening import SystemClock
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered

HEX = re.compile(r"[0-9a-f]{32}")
ACME = ("--org", "acme")
LOGIN = "/attask/api/login"
A_LOGO = Path(workgate_cli.__file__).with_name("assets") / "clientapp-logo.png"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running server; the commands work on its database, beside it."""
    with a_world(applications_per_environment=100) as made:
        yield made


def beside(world: World, *args: str, **more: Any) -> Ran:
    """Run a command on the world's database, with --json."""
    url = f"sqlite:///{world.stand_in.folder / 'workgate.db'}"
    return forked(*args, "--json", "--database", url, folder=world.stand_in.folder, **more)


def log_in(world: World, username: str, password: str = PASSWORD) -> int:
    return world.http().post(LOGIN, data={"username": username, "password": password}).status_code


def ids_of(world: World) -> list[str]:
    listed = beside(world, "app", "list", *ACME).json["applications"]
    return [row["client_id"] for row in listed]


def test_an_organisation_from_nothing(tmp_path: Path) -> None:
    """The first steps of every user, with the default database in the current folder."""
    org = workgate(
        "org", "create", "acme", "--name", "Acme", "--lane", "my", "--lane", "preview", "--json", folder=tmp_path
    )
    lanes = org.json["environments"]
    assert [row["lane"] for row in lanes] == ["my", "preview"]
    assert all(HEX.fullmatch(row["customer_id"]) for row in lanes)
    assert org.json["customer_id"] == lanes[0]["customer_id"] != lanes[1]["customer_id"]
    assert (org.json["domain"], org.json["name"]) == ("acme", "Acme")
    args = ("user", "create", "ann", *ACME, "--lane", "preview", "--password-stdin", "--admin", "--json")
    user = workgate(*args, "--first-name", "Ann", "--email", "ann@acme.example", folder=tmp_path, stdin=PASSWORD + "\n")
    assert user.json.keys() == {"id", "username", "admin"}
    assert HEX.fullmatch(user.json["id"])
    assert (user.json["username"], user.json["admin"]) == ("ann", True)
    (tmp_path / "logo.png").write_bytes(A_LOGO.read_bytes())
    app_args = ("app", "create", "ClientApp", *ACME, "--lane", "preview", "--type", "web", "--logo", "logo.png")
    uris = [REDIRECT_URI, "https://b.example/"]
    options = [word for uri in uris for word in ("--redirect-uri", uri)]
    app = workgate(*app_args, *options, "--json", folder=tmp_path).json
    assert HEX.fullmatch(app["client_id"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", app["client_secret"])
    assert app["redirect_uris"] == uris
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "logo.png",
        "workgate.db",
        "workgate.db-next",
        "workgate.db-turn",
        "workgate.keys",
    ]
    with ServerProcess(tmp_path) as server, server.client() as http:
        host = {"Host": "acme.preview.localhost"}
        answer = http.post(LOGIN, data={"username": "ann", "password": PASSWORD}, headers=host)
        assert answer.json()["data"]["userID"] == user.json["id"]
        assert answer.json()["data"]["customerID"] == lanes[1]["customer_id"]
        assert server.stop() in {0, -15}
        assert server.printed == ""


def test_where_the_database_is(tmp_path: Path) -> None:
    """The variable names it, and the option wins over the variable."""
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("first.db", "second.db"))
    assert forked("org", "create", "acme", "--json", folder=tmp_path, database_url=first).json
    args = ("org", "create", "acme", "--json", "--database", second)
    assert forked(*args, folder=tmp_path, database_url=first).json
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(("-next", "-turn")))
    assert names == ["first.db", "first.keys", "second.db", "second.keys"]
    complaint = forked("org", "create", "acme", "--json", folder=tmp_path, database_url=first).complaint
    assert complaint == "workgate: the environment acme.my exists already"


def test_for_people(tmp_path: Path) -> None:
    """Without --json: lines for a person, the same facts."""
    ran = forked("org", "create", "acme", folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"acme\.my  customer_id [0-9a-f]{32}\n", ran.out)
    assert workgate("--help", folder=tmp_path).out.startswith("Usage: workgate")


def test_application_types(world: World) -> None:
    redirect = ("--redirect-uri", REDIRECT_URI)
    spa = beside(world, "app", "create", "Spa", *ACME, "--type", "spa", *redirect, "--no-rotate-refresh-tokens").json
    assert "client_secret" not in spa
    assert spa["secrets"] == []
    assert spa["rotate_refresh_tokens"] is True
    machine = beside(world, "app", "create", "Robot", *ACME, "--type", "machine").json
    assert machine["client_secret"]
    assert machine["redirect_uris"] == []
    options = ("--no-rotate-refresh-tokens", "--refresh-absolute", "90d", "--refresh-inactivity", "12h")
    web = beside(world, "app", "create", "Web", *ACME, "--type", "web", *redirect, *options, "--consent", "never").json
    assert web["rotate_refresh_tokens"] is False
    assert web["refresh_absolute_seconds"] == 90 * 86_400
    assert web["refresh_inactivity_seconds"] == 12 * 3600
    assert (web["code_seconds"], web["consent"], web["type"]) == (120, "never", "web")


def test_application_commands(world: World) -> None:
    made = beside(world, "app", "create", "Short", *ACME, "--type", "web", "--redirect-uri", REDIRECT_URI).json
    client_id, client_secret = made["client_id"], made["client_secret"]
    assert client_id in ids_of(world)
    shown = beside(world, "app", "show", client_id, *ACME).json
    assert shown["client_id"] == client_id
    assert shown["customer_id"] == world.acme.customer_id
    assert shown["name"] == "Short"
    assert "client_secret" not in shown
    (first,) = shown["secrets"]
    assert first["mask"] == "*" * 16 + client_secret[-4:]
    assert first["last_used"] is None
    added = beside(world, "app", "secret", "add", client_id, *ACME, "--note", "for the new host").json
    assert added["client_id"] == client_id
    assert added["client_secret"] != client_secret
    assert added["note"] == "for the new host"
    deleted = beside(world, "app", "secret", "delete", client_id, first["id"], *ACME).json
    assert deleted == {"client_id": client_id, "id": first["id"], "deleted": True}
    left = beside(world, "app", "show", client_id, *ACME).json["secrets"]
    assert [secret["id"] for secret in left] == [added["id"]]
    assert beside(world, "app", "delete", client_id, *ACME).json == {"client_id": client_id, "deleted": True}
    assert client_id not in ids_of(world)


def test_an_application_of_a_command_works(world: World) -> None:
    made = beside(world, "app", "create", "New", *ACME, "--type", "web", "--redirect-uri", REDIRECT_URI).json
    registry = world.stand_in.workgate.services.registry
    application = world.stand_in.run(registry.application(world.acme, made["client_id"], by=OPERATOR))
    pair = world.connect(Registered(application, made["client_secret"]))
    assert world.works(pair["access_token"])
    (secret,) = beside(world, "app", "show", made["client_id"], *ACME).json["secrets"]
    assert secret["last_used"] is not None


def test_user_commands(world: World) -> None:
    created = beside(world, "user", "create", "eve", *ACME, "--password", PASSWORD).json
    assert (created["username"], created["admin"]) == ("eve", False)
    assert log_in(world, "eve") == 200
    stdin = "another good password\n"
    changed = beside(world, "user", "password", "eve", *ACME, "--password-stdin", stdin=stdin).json
    assert changed == {"username": "eve"}
    assert log_in(world, "eve") == 401
    assert log_in(world, "eve", "another good password") == 200
    assert log_in(world, "eve", "another good password") == 200
    assert beside(world, "user", "disable", "eve", *ACME).json == {"username": "eve", "active": False}
    assert log_in(world, "eve", "another good password") == 401
    assert beside(world, "user", "enable", "eve", *ACME).json == {"username": "eve", "active": True}
    assert log_in(world, "eve", "another good password") == 200
    beside(world, "user", "password", "eve", *ACME, "--password", "password1", "--any-password")
    assert log_in(world, "eve", "password1") == 200


def test_resetting_second_steps(world: World) -> None:
    tess = a_person(world, "tess")
    tess.set_up_app()
    assert log_in(world, "tess") == 401
    assert beside(world, "user", "reset-second-steps", "tess", *ACME).json == {"username": "tess", "reset": True}
    assert log_in(world, "tess") == 200
    assert beside(world, "user", "reset-second-steps", "tess", *ACME).json == {"username": "tess", "reset": False}


def test_withdrawing(world: World) -> None:
    client_id = world.plain.application.client_id
    pair = world.connect(world.plain)
    other = world.connect(world.web)
    assert beside(world, "user", "withdraw", "ann", *ACME, "--app", client_id).json == {"username": "ann", "ended": 1}
    assert not world.works(pair["access_token"])
    assert world.refresh(world.plain, pair["refresh_token"]).status_code == 400
    assert world.works(other["access_token"])
    assert beside(world, "user", "withdraw", "ann", *ACME, "--app", client_id).json["ended"] == 0


def test_audit_commands(world: World) -> None:
    refused = world.refresh(world.web, "wgr_" + "A" * 56).json()
    world.stand_in.sweep()  # the audit log is written in order: what was handed over before this is there now
    shown = beside(world, "audit", "show", refused["reference"].lower()).json
    assert shown["reference"] == refused["reference"]
    assert shown["event"] == "token_refused"
    assert shown["client_id"] == world.web.application.client_id
    assert shown["address"] == "127.0.0.1"
    assert "refresh token" in shown["reason"]
    listed = beside(world, "audit", "list", *ACME, "--limit", "3").json["events"]
    assert len(listed) == 3
    # Commands go by the machine's clock, so what they did comes before what the server did by its held one.
    listed = beside(world, "audit", "list", *ACME, "--event", "token_refused", "--limit", "1").json["events"]
    assert listed == [shown]


def ten_seconds_later(world: World) -> None:
    """Let the newest key be in use, as it would be after waiting, on the held clock and the machine's."""
    path = world.stand_in.folder / "workgate.keys"
    ring = json.loads(path.read_text())
    ring["keys"][-1]["used_from"] = 1
    path.write_text(json.dumps(ring))
    world.stand_in.workgate.refresh_keys()


def test_rotating_keys_signs_nobody_out(tmp_path: Path) -> None:
    with a_world(folder=tmp_path) as world:
        opened, now = world.stand_in.workgate, world.clock.now()
        pair = world.connect(world.web)
        browser = world.browser()
        browser.sign_in()
        code = browser.code(world.plain)
        assert beside(world, "keys", "rotate").json == {"id": 2, "keys": [1, 2]}
        opened.refresh_keys()
        assert opened.mint.ring.keys[-1].used_from > SystemClock().now()
        assert opened.mint.current_key(now) == 1
        assert world.works(pair["access_token"])
        ten_seconds_later(world)
        assert opened.mint.current_key(now) == 2
        assert world.works(pair["access_token"])
        assert browser.http.get("/").status_code == 200
        assert world.redeem(world.plain, code).status_code == 200
        renewed = world.refresh(world.web, pair["refresh_token"]).json()
        # The lost answer is still the same, although the key has changed.
        assert world.refresh(world.web, pair["refresh_token"]).json() == renewed
        assert world.works(renewed["access_token"])
        assert world.works(pair["access_token"])


def test_retiring_a_key_ends_what_it_made(tmp_path: Path) -> None:
    with a_world(folder=tmp_path) as world:
        opened = world.stand_in.workgate
        old = world.connect(world.web)
        assert "rotate first" in beside(world, "keys", "retire", "1").complaint
        assert beside(world, "keys", "rotate").json["keys"] == [1, 2]
        assert "rotate first" in beside(world, "keys", "retire", "1").complaint
        ten_seconds_later(world)
        kept = world.connect(world.spa)
        assert beside(world, "keys", "retire", "1").json == {"id": 1, "keys": [2]}
        opened.refresh_keys()
        assert not world.works(old["access_token"])
        assert world.refresh(world.web, old["refresh_token"]).status_code == 400
        assert world.works(kept["access_token"])
        assert "key 1 is not in the key ring" in beside(world, "keys", "retire", "1").complaint


def test_raising_the_epoch_ends_everything(world: World) -> None:
    browser = world.browser()
    code = browser.code(world.web)
    pair = world.connect(world.web, browser)
    assert beside(world, "epoch", "raise").json == {"epoch": 2}
    assert not world.works(pair["access_token"])
    assert world.refresh(world.web, pair["refresh_token"]).status_code == 400
    assert world.redeem(world.web, code).status_code == 400
    assert browser.http.get("/").status_code == 302
    assert world.works(world.connect(world.web)["access_token"])


def test_serving(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in forked("serve", "--port", port, folder=tmp_path).complaint
        assert f"127.0.0.1:{port}" in forked("serve", "--port", port, "--workers", "2", folder=tmp_path).complaint
    (tmp_path / "workgate.keys").write_text("not a key ring")
    (tmp_path / "workgate.keys").chmod(0o600)
    assert "key ring" in forked("serve", "--port", "0", folder=tmp_path).complaint
    assert "key ring" in forked("serve", "--port", "0", "--workers", "3", folder=tmp_path).complaint
