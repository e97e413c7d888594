"""The server is killed in the middle of its work: what it had acknowledged is true afterwards (DESIGN §4)."""

import random

import pytest
from tests.faults.conftest import StartNode
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import Load, a_client, audited
from tests.faults.site import Installation

pytestmark = pytest.mark.faults


def test_a_node_is_killed_at_some_moment(embedded: Installation, start_node: StartNode, chance: random.Random) -> None:
    history, node = History(), start_node(embedded)
    for _ in range(2):
        with Load(embedded, [node.url], history, chance).running():
            history.wait_for(chance.randrange(50, 200))
            node.kill()
            node.start()
            history.wait_for(20)
    audited(embedded, [node.url], history, chance)
    assert history.count(Outcome.UNKNOWN) > 0, "nothing was under way when it was killed"
    assert history.count(Outcome.ACCEPTED, kind=Kind.REVOKE) > 0


def test_killed_after_a_command_beside_it(embedded: Installation, start_node: StartNode, chance: random.Random) -> None:
    """A command that opens and closes the database meanwhile takes nothing of the server's journal along."""
    history, node = History(), start_node(embedded)
    with a_client(embedded, [node.url], history, chance) as client:
        for _ in range(3):
            code = client.authorize()
            assert code is not None
            assert client.redeem(code).outcome is Outcome.ACCEPTED
        assert embedded.run("app", "list", "--org", "acme", "--json").json
    node.kill()
    node.start()
    audited(embedded, [node.url], history, chance)
    assert history.count(Outcome.ACCEPTED, kind=Kind.REFRESH) == 3
