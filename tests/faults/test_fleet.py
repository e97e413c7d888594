"""Three nodes over one database, behind HAProxy: one truth, at once, while nodes come and go."""

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from tests.browser import at_once
from tests.database.cluster import a_folder
from tests.database.daemon import eventually, send
from tests.database.proxies import Entrance, haproxy
from tests.faults.conftest import Fleet, StartNodes
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import Load, a_client, a_crowd, a_pair, audited
from tests.faults.site import Installation, Node

pytestmark = pytest.mark.faults
CROWD = 50


@dataclass(frozen=True, slots=True)
class Site:
    """The nodes and their entrance."""

    nodes: list[Node]
    entrance: Entrance


@contextmanager
def a_site(installation: Installation, start_nodes: StartNodes, *arguments: str) -> Iterator[Site]:
    """Run three nodes behind HAProxy."""
    nodes = start_nodes(3, installation, *arguments)
    with a_folder() as folder, haproxy([node.port for node in nodes], folder) as entrance:
        eventually(lambda: len(entrance.up()) == 3, "all three are ready")
        yield Site(nodes, entrance)
        for node in nodes:
            node.stop()


def test_fifty_at_once(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    """Of those who redeem a code one succeeds; those who use a refresh token all get the same pair."""
    history = History()
    with (
        a_site(fleet.installation, start_nodes) as site,
        a_crowd(fleet.installation, [site.entrance.url], history, CROWD) as crowd,
    ):
        code = crowd[0].authorize()
        assert code is not None
        redeemed = at_once([partial(client.redeem, code) for client in crowd])
        assert [op.outcome for op in redeemed].count(Outcome.ACCEPTED) == 1
        chain, pair = a_pair(crowd[0])
        refreshed = at_once([partial(client.refresh, chain, pair[1]) for client in crowd])
        assert {op.outcome for op in refreshed} == {Outcome.ACCEPTED}
        assert len({op.pair for op in refreshed}) == 1
        audited(fleet.installation, [node.url for node in site.nodes], history, chance)


def test_refresh_against_revoke(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    history = History()
    with a_site(fleet.installation, start_nodes) as site, ExitStack() as stack:
        urls = [node.url for node in site.nodes]
        clients = [stack.enter_context(a_client(fleet.installation, urls, history, chance)) for _ in range(6)]
        for _ in range(10):
            chain, pair = a_pair(clients[0])
            asks = [partial(client.refresh, chain, pair[1]) for client in clients[1:]]
            asks.insert(chance.randrange(6), partial(clients[0].revoke, chain, pair[1]))
            at_once(asks)
        assert history.count(Outcome.ACCEPTED, kind=Kind.REVOKE) == 10
        audited(fleet.installation, urls, history, chance)


def test_a_rolling_restart(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    """Nobody notices."""
    history = History()
    with a_site(fleet.installation, start_nodes, "--drain", "1") as site:
        with Load(fleet.installation, [site.entrance.url], history, chance).running():
            for node in site.nodes:
                history.wait_for(20)
                assert node.stop() == 0
                node.start()
                eventually(lambda: len(site.entrance.up()) == 3, "it is back")
            history.wait_for(20)
        bad = {Outcome.UNKNOWN, Outcome.NOT_SENT}
        failed = [f"{op} {op.note}" for op in history.operations if op.outcome in bad]
        assert not failed, failed
        audited(fleet.installation, [site.entrance.url], history, chance)


def test_a_node_and_a_worker_are_killed(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    history = History()
    with a_site(fleet.installation, start_nodes, "--workers", "2") as site:
        with Load(fleet.installation, [site.entrance.url], history, chance).running():
            history.wait_for(30)
            node, other = chance.sample(site.nodes, 2)
            victim = chance.choice(node.workers())
            send(signal.SIGKILL, [victim])
            eventually(lambda: victim not in node.workers() and len(node.workers()) == 2, "another worker is there")
            history.wait_for(30)
            other.kill()
            history.wait_for(30)
            other.start()
            eventually(lambda: len(site.entrance.up()) == 3, "it is back")
            history.wait_for(30)
        audited(fleet.installation, [site.entrance.url], history, chance)


def test_an_end_is_known_everywhere_at_once(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    """What ends at one node has ended at the next call on every other."""
    installation, history = fleet.installation, History()
    with a_site(installation, start_nodes) as site, ExitStack() as stack:
        clients = [stack.enter_context(a_client(installation, [node.url], history, chance)) for node in site.nodes]
        for first in clients:
            signed_in = first.sign_in()
            assert signed_in.pair is not None
            session = signed_in.pair[0]
            assert {c.check(session, session).outcome for c in clients} == {Outcome.ACCEPTED}
            assert first.sign_out(session).outcome is Outcome.ACCEPTED
            assert {c.check(session, session).outcome for c in clients} == {Outcome.REFUSED}
            chain, pair = a_pair(first)
            assert {c.check(chain, pair[0]).outcome for c in clients} == {Outcome.ACCEPTED}
            assert first.revoke(chain, pair[1]).outcome is Outcome.ACCEPTED
            assert {c.check(chain, pair[0]).outcome for c in clients} == {Outcome.REFUSED}
        for command, undo in (
            (("user", "disable", "ann"), ("user", "enable", "ann")),
            (("app", "delete", installation.client_id), None),
        ):
            chain, pair = a_pair(clients[0])
            assert {c.check(chain, pair[0]).outcome for c in clients} == {Outcome.ACCEPTED}
            assert installation.run(*command, "--org", "acme", "--json").json
            assert {c.check(chain, pair[0]).outcome for c in clients} == {Outcome.REFUSED}
            assert {c.refresh(chain, pair[1]).outcome for c in clients} == {Outcome.REFUSED}
            assert undo is None or installation.run(*undo, "--org", "acme", "--json").json
