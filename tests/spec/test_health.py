"""What load balancers ask: does it live, is it ready. And what a node answers whose clock was set."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.browser import INTROSPECT, PROJECTS, TOKEN, World, a_world

from workgate.ops.settings import Settings
from workgate.server import Workgate
from workgate.service.health import WatchedClock
from workgate.testing import StandIn
from workgate.web.api import ADMIN_PATH


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """A client of a Workgate without anything in it."""
    with StandIn() as stand_in, stand_in.client() as client:
        yield client


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("host", ["localhost", "nowhere.my.localhost", "10.0.0.7:8400", "no host at all!", ""])
def test_on_any_host_and_before_there_is_an_environment(path: str, host: str, http: httpx.Client) -> None:
    answer = http.get(path, headers={"Host": host})
    assert answer.status_code == 200
    assert answer.json() == ({"live": True} if path == "/livez" else {"ready": True})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_methods(path: str, http: httpx.Client) -> None:
    assert http.head(path).status_code == 200
    answer = http.post(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_node_that_is_about_to_stop(world: World) -> None:
    world.stand_in.workgate.health.draining = True
    answer = world.http().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reasons": ["draining"]})
    assert world.http().get("/livez").status_code == 200


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    with a_world(folder=tmp_path) as world:
        ring, http = tmp_path / "workgate.keys", world.http()
        good = ring.read_text()
        ring.write_text("not a key ring")
        world.stand_in.workgate.refresh_keys()
        assert http.get("/readyz").json() == {"ready": False, "reasons": ["keys"]}
        assert world.works(world.connect(world.web)["access_token"])  # with the ring that it has
        ring.write_text(good + " ")
        world.stand_in.workgate.refresh_keys()
        assert http.get("/readyz").json() == {"ready": True}


def test_a_clock_that_was_set(tmp_path: Path) -> None:
    """From the first request on nothing is answered that depends on the time; after the next upkeep it is again."""
    wall = {"offset": 0}
    clock = WatchedClock(lambda: time.time_ns() + wall["offset"], time.monotonic_ns)

    async def scenario() -> None:
        opened = Workgate(Settings(database_url=f"sqlite:///{tmp_path / 'workgate.db'}"), clock=clock)
        await opened.services.administration.create_environments("acme", ["my"], name="Acme")
        await opened.health.settle()  # as it does when it begins
        transport = httpx.ASGITransport(opened.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            statuses = {path: (await http.post(path)).status_code for path in (TOKEN, INTROSPECT)}
            statuses |= {path: (await http.get(path)).status_code for path in (PROJECTS, "/login")}
            assert set(statuses.values()) <= {200, 400, 401, 415}
            for hours in (1, -1):
                wall["offset"] = hours * 3_600_000_000_000
                for path in (TOKEN, INTROSPECT):
                    refused = await http.post(path)
                    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
                assert (await http.get(PROJECTS)).status_code == 503
                refused = await http.get(f"{ADMIN_PATH}/applications")
                assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
                assert refused.headers["retry-after"] == "2"
                assert (await http.get("/login")).status_code == 503
                assert (await http.get("/readyz")).json() == {"ready": False, "reasons": ["clock"]}
                assert (await http.get("/livez")).status_code == 200
                await opened.health.settle()
                for path, status in statuses.items():
                    method = "POST" if path in {TOKEN, INTROSPECT} else "GET"
                    assert (await http.request(method, path)).status_code == status
        await opened.close()

    asyncio.run(scenario())
