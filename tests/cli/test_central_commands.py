"""The commands about applications for every organisation: as a shell sees them, beside a running server."""

from collections.abc import Iterator

import pytest
from tests.browser import World, a_world
from tests.central import central
from tests.processes import Ran, forked

ACME, GLOBEX = ("--org", "acme"), ("--org", "globex")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running server; the commands work on its database, beside it."""
    with a_world() as made:
        yield made


def typed(world: World, *args: str) -> Ran:
    url = f"sqlite:///{world.stand_in.folder / 'workgate.db'}"
    return forked("app", *args, "--database", url, folder=world.stand_in.folder)


def test_from_the_operator_to_the_user(world: World) -> None:
    client_id = world.web.application.client_id
    browser = central(world)
    assert browser.ask(world.web).status_code == 400
    assert typed(world, "available", *GLOBEX).out == "no applications\n"
    assert typed(world, "central", client_id, "on", *ACME, "--json").json["is_central"] is True
    assert typed(world, "show", client_id, *ACME, "--json").json["is_central"] is True
    page = browser.ask(world.web)
    assert browser.choose(page, "globex").status_code == 422
    assert typed(world, "available", *GLOBEX).out == f"{client_id}             ClientApp, of acme\n"
    made = typed(world, "install", client_id, *GLOBEX, "--json").json
    assert (made["owner_domain"], made["installed"] is not None) == ("acme", True)
    assert made == typed(world, "available", *GLOBEX, "--json").json["applications"][0]
    assert typed(world, "install", client_id, *GLOBEX).out == "ClientApp, of acme, is installed\n"
    assert browser.choose(page, "globex").status_code == 303
    assert typed(world, "list", *GLOBEX, "--json").json == {"applications": []}
    assert typed(world, "connections", client_id, *GLOBEX, "--json").json["users"] == 0
    assert typed(world, "uninstall", client_id, *GLOBEX, "--json").json == {"client_id": client_id, "uninstalled": True}
    assert browser.choose(page, "globex").status_code == 422
    typed(world, "install", client_id, *GLOBEX)
    off = typed(world, "central", client_id, "off", *ACME)
    assert off.out == f"{client_id} is for its own organisation only\n"
    assert browser.choose(page, "globex").status_code == 400
    assert "has not installed" in typed(world, "uninstall", client_id, *GLOBEX).err


def test_what_is_refused(world: World) -> None:
    machine = typed(world, "central", world.machine.application.client_id, "on", *ACME)
    assert machine.code == 1
    assert "its keys speak for users of its own organisation" in machine.err
    assert typed(world, "central", world.web.application.client_id, "perhaps", *ACME).code == 2
    for command in ("delete", "show", "promote"):
        typed(world, "central", world.web.application.client_id, "on", *ACME)
        typed(world, "install", world.web.application.client_id, *GLOBEX)
        more = ("--to", "my") if command == "promote" else ()
        ran = typed(world, command, world.web.application.client_id, *GLOBEX, *more)
        assert ran.code == 1
        assert "globex.my has no application with the client_id" in ran.err
