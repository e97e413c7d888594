"""Three nodes over one database, behind HAProxy: one truth, at once, while nodes come and go."""

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest
from pytest import TempPathFactory
from tests.browser import at_once
from tests.database.cluster import Cluster, PostgresPrograms, a_folder
from tests.database.daemon import eventually, send
from tests.database.proxies import Entrance, haproxy
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import Load, a_client, a_crowd, a_pair, audited
from tests.faults.site import Installation, Node

pytestmark = pytest.mark.faults
CROWD = 50


@dataclass(frozen=True, slots=True)
class Site:
    """The nodes and their entrance."""

    installation: Installation
    nodes: list[Node]
    entrance: Entrance

    @property
    def urls(self) -> list[str]:
        """The nodes' own addresses."""
        return [node.url for node in self.nodes]

    def wait_until_ready(self) -> None:
        """Wait until the entrance sends requests to all of them."""
        eventually(lambda: len(self.entrance.up()) == len(self.nodes), "all nodes are ready")


@pytest.fixture(scope="module")
def running_site(
    prepared: tuple[Cluster, Installation], postgres_programs: PostgresPrograms, tmp_path_factory: TempPathFactory
) -> Iterator[Site]:
    """Three nodes, the first with two workers."""
    template, installed = prepared
    with ExitStack() as stack:
        place, folder = (stack.enter_context(a_folder()) for _ in range(2))
        cluster = Cluster.copied(template, place, postgres_programs, durable=True)
        cluster.start()
        stack.callback(cluster.stop)
        url = cluster.url(installed.url.rpartition("/")[2])
        installation = installed.copied(tmp_path_factory.mktemp("site")).at(url)
        nodes = [Node(installation, "--drain", "1", "--workers", str(workers)).launch() for workers in (2, 1, 1)]
        for node in nodes:
            stack.callback(node.stop)
        ports = [node.wait().port for node in nodes]
        yield Site(installation, nodes, stack.enter_context(haproxy(ports, folder)))


@pytest.fixture
def site(running_site: Site) -> Site:
    """The same site for all tests here; a test that failed may have left a node behind that does not run."""
    for node in running_site.nodes:
        if node.daemon is None:
            node.start()
    running_site.wait_until_ready()
    return running_site


def test_fifty_at_once(site: Site, chance: random.Random) -> None:
    """Of those who redeem a code one succeeds; those who use a refresh token all get the same pair."""
    history = History()
    with a_crowd(site.installation, [site.entrance.url], history, CROWD) as crowd:
        code = crowd[0].authorize()
        assert code is not None
        redeemed = at_once([partial(client.redeem, code) for client in crowd])
        assert [op.outcome for op in redeemed].count(Outcome.ACCEPTED) == 1
        chain, pair = a_pair(crowd[0])
        refreshed = at_once([partial(client.refresh, chain, pair[1]) for client in crowd])
        assert {op.outcome for op in refreshed} == {Outcome.ACCEPTED}
        assert len({op.pair for op in refreshed}) == 1
    audited(site.installation, site.urls, history, chance)


def test_refresh_against_revoke(site: Site, chance: random.Random) -> None:
    history = History()
    with a_crowd(site.installation, site.urls, history, 6) as clients:
        for _ in range(10):
            chain, pair = a_pair(clients[0])
            asks = [partial(client.refresh, chain, pair[1]) for client in clients[1:]]
            asks.insert(chance.randrange(6), partial(clients[0].revoke, chain, pair[1]))
            at_once(asks)
    assert history.count(Outcome.ACCEPTED, kind=Kind.REVOKE) == 10
    audited(site.installation, site.urls, history, chance)


def test_a_rolling_restart(site: Site, chance: random.Random) -> None:
    """Nobody notices."""
    history = History()
    with Load(site.installation, [site.entrance.url], history, chance, pause=0.02).running():
        for node in site.nodes:
            history.wait_for(20)
            assert node.stop() == 0
            node.start()
            site.wait_until_ready()
        history.wait_for(20)
    failed = [f"{op} {op.note}" for op in history.operations if op.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}]
    assert not failed, failed
    audited(site.installation, [site.entrance.url], history, chance)


def test_a_worker_and_a_node_are_killed(site: Site, chance: random.Random) -> None:
    history, (first, *others) = History(), site.nodes
    with Load(site.installation, [site.entrance.url], history, chance, pause=0.02).running():
        history.wait_for(chance.randrange(20, 60))
        victim = chance.choice(first.workers())
        send(signal.SIGKILL, [victim])
        eventually(lambda: victim not in first.workers() and len(first.workers()) == 2, "another worker is there")
        history.wait_for(chance.randrange(20, 60))
        other = chance.choice(others)
        other.kill()
        history.wait_for(20)
        other.start()
        site.wait_until_ready()
        history.wait_for(20)
    audited(site.installation, [site.entrance.url], history, chance)


def test_an_end_is_known_everywhere_at_once(site: Site, chance: random.Random) -> None:
    """What ends at one node has ended at the next call on every other."""
    installation, history = site.installation.with_another_application(), History()
    with ExitStack() as stack:
        clients = [stack.enter_context(a_client(installation, [url], history, chance)) for url in site.urls]
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
