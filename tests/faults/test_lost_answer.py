"""An answer is lost on its way: asking again gives the same one, byte for byte, and nothing happened twice."""

import base64
import random
import socket
from urllib.parse import urlencode

import pytest
from tests.browser import TOKEN
from tests.database.cluster import OWNER
from tests.database.wire import a_wire
from tests.faults.conftest import Fleet, StartNode
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import a_client, audited
from tests.faults.site import Installation, Node

pytestmark = pytest.mark.faults
CHAINS = 12


def refresh_and_hang_up(node: Node, installation: Installation, refresh_token: str) -> None:
    """Send a whole request and close the connection without reading the answer."""
    body = urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token})
    basic = base64.b64encode(f"{installation.client_id}:{installation.client_secret}".encode()).decode()
    head = (
        f"POST {TOKEN} HTTP/1.1",
        f"Host: 127.0.0.1:{node.port}",
        f"Authorization: Basic {basic}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
        connection.sendall("\r\n".join((*head, "", body)).encode())


def test_a_client_that_hung_up_asks_again(embedded: Installation, start_node: StartNode, chance: random.Random) -> None:
    history, node = History(), start_node(embedded)
    with a_client(embedded, [node.url], history, chance) as client:
        for _ in range(CHAINS):
            code = client.authorize()
            assert code is not None
            pair = client.redeem(code).pair
            assert pair is not None
            history.begin(Kind.REFRESH, code, pair[1])
            refresh_and_hang_up(node, embedded, pair[1])
            again = [client.refresh(code, pair[1]) for _ in range(chance.randrange(1, 4))]
            assert {operation.outcome for operation in again} == {Outcome.ACCEPTED}
    audited(embedded, [node.url], history, chance)


def test_the_database_answers_a_commit_in_vain(fleet: Fleet, start_node: StartNode, chance: random.Random) -> None:
    """The node cannot know whether it happened, says so, and gives the pair that it then was to who asks again."""
    history, committed = History(), 0
    with a_wire(fleet.cluster.port) as wire:
        installation = fleet.installation.at(f"postgresql://{OWNER}@127.0.0.1:{wire.port}/{fleet.database}")
        node = start_node(installation)
        with a_client(installation, [node.url], history, chance) as client:
            for _ in range(CHAINS):
                code = client.authorize()
                assert code is not None
                pair = client.redeem(code).pair
                assert pair is not None
                wire.swallow(r"UPDATE authorizations.*generation")
                lost = client.refresh(code, pair[1])
                assert wire.has_swallowed(5), "the test is out of date: no statement looks like a rotation"
                committed += lost.outcome is Outcome.UNKNOWN
                again = [client.refresh(code, pair[1]) for _ in range(3)]
                assert {operation.outcome for operation in again} == {Outcome.ACCEPTED}, again
        audited(installation, [node.url], history, chance)
        generations = fleet.cluster.sql("SELECT count(*) FROM authorizations WHERE generation = 3", fleet.database)
        assert generations == str(CHAINS)
        node.stop()
    assert committed == CHAINS
