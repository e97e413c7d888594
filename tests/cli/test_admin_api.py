"""The admin API and the commands are two ways to the same thing: what the one makes, the other shows, in one form."""

from collections.abc import Iterator

import httpx
import pytest
from tests.admin_calls import APPLICATIONS, AUDIT, NEW, caller
from tests.browser import World, a_world
from tests.processes import Ran, forked
from tests.signing import private_key, public_pem

ACME = ("--org", "acme")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A running server; the commands work on its database, beside it."""
    with a_world(applications_per_environment=100) as made:
        yield made


@pytest.fixture(scope="module")
def ann(world: World) -> httpx.Client:
    return caller(world)


def beside(world: World, *args: str) -> Ran:
    """Run a command on the world's database."""
    folder = world.stand_in.folder
    return forked(*args, *ACME, "--database", f"sqlite:///{folder / 'workgate.db'}", "--json", folder=folder)


@pytest.mark.spec("Workgate", "admin API", "what the API makes, the commands show, and the other way round")
def test_one_behaviour(world: World, ann: httpx.Client) -> None:
    made = ann.post(APPLICATIONS, json={**NEW, "type": "machine", "redirect_uris": [], "description": "of both"}).json()
    client_id, address = made["client_id"], f"{APPLICATIONS}/{made['client_id']}"
    ann.post(f"{address}/secrets", json={"note": "of the API"})
    ann.post(f"{address}/keys", json={"public_key": public_pem(private_key()), "note": "mine"})
    beside(world, "app", "update", client_id, "--name", "Changed")
    beside(world, "app", "secret", "add", client_id, "--note", "of the command")
    shown = ann.get(address).json()
    assert beside(world, "app", "show", client_id).json == shown
    assert shown["name"] == "Changed"
    assert [secret["note"] for secret in shown["secrets"]] == ["", "of the API", "of the command"]
    keys = ann.get(f"{address}/keys").json()
    assert beside(world, "app", "key", "list", client_id).json["keys"] == keys["keys"]
    connections = ann.get(f"{address}/connections").json()
    assert beside(world, "app", "connections", client_id).json == connections
    world.stand_in.sweep()
    assert ann.get(AUDIT, params={"client_id": client_id}).json() == (
        beside(world, "audit", "list", "--app", client_id).json
    )


@pytest.mark.spec("Workgate", "admin API", "what is refused is refused in the same words")
def test_one_refusal(world: World, ann: httpx.Client) -> None:
    refused = ann.post(APPLICATIONS, json={**NEW, "redirect_uris": ["https://a.example/#x"]}).json()
    assert refused["field"] == "redirect_uris"
    create = ("app", "create", "New", "--type", "web", "--redirect-uri", "https://a.example/#x")
    assert beside(world, *create).complaint.endswith(refused["message"])
