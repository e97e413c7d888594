"""A node's clock jumps: it is not ready until it is right again, so that nothing expired is accepted there."""

import random
import time
from pathlib import Path

import httpx
import pytest
from tests.database.clock import MovedClock, library
from tests.database.cluster import a_folder
from tests.database.daemon import eventually
from tests.database.proxies import haproxy
from tests.faults.conftest import Fleet, StartNodes
from tests.faults.history import History, Outcome
from tests.faults.load import Load, a_client, a_pair, audited
from tests.faults.site import Node

pytestmark = pytest.mark.faults
TEN_MINUTES = 600


def readiness(node: Node) -> tuple[int, str]:
    """What a node says of itself."""
    answer = httpx.get(f"{node.url}/readyz", trust_env=False, timeout=10)
    return answer.status_code, answer.text


def a_clock(folder: Path) -> MovedClock:
    """A clock that is right until it is moved."""
    if library() is None:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    return MovedClock(folder)


@pytest.mark.parametrize("jump", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
def test_a_clock_jumps(fleet: Fleet, start_nodes: StartNodes, chance: random.Random, tmp_path: Path, jump: int) -> None:
    clock, history, installation = a_clock(tmp_path), History(), fleet.installation
    nodes = [*start_nodes(1, installation), *start_nodes(1, installation, environ=clock.environ)]
    with a_folder() as folder, haproxy([node.port for node in nodes], folder) as entrance:
        eventually(lambda: len(entrance.up()) == 2, "both are ready")
        with a_client(installation, [nodes[1].url], history, chance) as client:
            code, (other, pair) = client.authorize(), a_pair(client)
            assert code is not None
            clock.move(jump)
            asked = [client.redeem(code), client.refresh(other, pair[1]), client.check(other, pair[0])]
        assert {op.outcome for op in asked} == {Outcome.UNKNOWN}, "a node answers at a time that nobody compared"
        eventually(lambda: readiness(nodes[1])[0] == 503, "the node with the wrong clock is not ready")
        assert "clock" in readiness(nodes[1])[1]
        eventually(lambda: entrance.up() == {"node0"}, "the proxy sends it nothing")
        since = time.monotonic()
        with Load(installation, [entrance.url], history, chance).running():
            history.wait_for(50)
        assert history.count(Outcome.UNKNOWN, Outcome.NOT_SENT, since=since) == 0
        with a_client(installation, [entrance.url], History(), chance) as client:
            code = client.authorize()
            assert code is not None
            fleet.cluster.sql("UPDATE authorizations SET code_expires_at = consented_at - 60000", fleet.database)
            assert {client.redeem(code).outcome for _ in range(4)} == {Outcome.REFUSED}
        clock.move(0)
        eventually(lambda: len(entrance.up()) == 2, "the node with the right clock is ready")
        audited(installation, [node.url for node in nodes], history, chance)


@pytest.mark.parametrize("off", [TEN_MINUTES, -TEN_MINUTES], ids=["ahead", "behind"])
def test_a_node_begins_with_a_wrong_clock(
    fleet: Fleet, start_nodes: StartNodes, chance: random.Random, tmp_path: Path, off: int
) -> None:
    history, installation = History(), fleet.installation
    clock = a_clock(tmp_path)
    clock.move(off)
    (right,), (wrong,) = start_nodes(1, installation), start_nodes(1, installation, environ=clock.environ)
    assert readiness(wrong)[0] == 503
    with (
        a_client(installation, [right.url], history, chance) as client,
        a_client(installation, [wrong.url], history, chance) as astray,
    ):
        code, (other, pair) = client.authorize(), a_pair(client)
        assert code is not None
        asked = [astray.redeem(code), astray.refresh(other, pair[1]), astray.check(other, pair[0])]
    assert {op.outcome for op in asked} == {Outcome.UNKNOWN}, "a node answers at a time that nobody compared"
