"""The database is killed, hangs, runs out of space, or is replaced by its replica, while nodes serve from it."""

import random
import time
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.browser import at_once
from tests.database.cluster import OWNER, Cluster, a_folder
from tests.database.disk import a_small_disk
from tests.database.fixtures import MakeCluster
from tests.faults.conftest import Fleet, StartNode, StartNodes
from tests.faults.history import History, Outcome
from tests.faults.load import Load, a_crowd, a_pair, audited
from tests.faults.site import Installation, needs_root

pytestmark = pytest.mark.faults
PATIENCE = 20.0
"""Seconds after which a client gives up. Nobody may have to wait so long: a node that has no database says so."""


def nobody_waited(history: History) -> None:
    """Whoever got no success got an answer that said so, in time."""
    waited = [str(op) for op in history.operations if "Timeout" in op.note]
    assert not waited, waited


def test_the_database_is_killed(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    history = History()
    urls = [node.url for node in start_nodes(2, fleet.installation)]
    with Load(fleet.installation, urls, history, chance, PATIENCE).running():
        history.wait_for(chance.randrange(30, 200))
        fleet.cluster.kill()
        history.wait_for(4, Outcome.UNKNOWN)
        fleet.cluster.start()
        history.wait_for(50)
    audited(fleet.installation, urls, history, chance)
    nobody_waited(history)


def test_the_replica_takes_over(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    history, primary = History(), fleet.cluster
    with a_folder() as folder:
        replica = primary.replica(folder)
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        both = f"postgresql://{OWNER}@{hosts}/{fleet.database}?target_session_attrs=read-write"
        installation = fleet.installation.at(both)
        nodes = start_nodes(2, installation)
        urls = [node.url for node in nodes]
        with Load(installation, urls, history, chance, PATIENCE).running():
            history.wait_for(chance.randrange(30, 100))
            primary.kill()
            history.wait_for(4, Outcome.UNKNOWN)
            replica.promote()
            history.wait_for(50)
        audited(installation, urls, history, chance)
        nobody_waited(history)
        for node in nodes:
            node.stop()
        replica.stop()


def test_the_database_hangs(fleet: Fleet, start_node: StartNode, chance: random.Random) -> None:
    history, node = History(), start_node(fleet.installation)
    with Load(fleet.installation, [node.url], history, chance, PATIENCE).running():
        history.wait_for(chance.randrange(30, 100))
        fleet.cluster.running.pause()
        history.wait_for(4, Outcome.UNKNOWN)
        with httpx.Client(base_url=node.url, trust_env=False, timeout=PATIENCE) as http:
            assert http.get("/livez").status_code == 200
            assert http.get("/readyz").status_code == 503
        fleet.cluster.running.resume()
        history.wait_for(30)
    audited(fleet.installation, [node.url], history, chance)
    nobody_waited(history)


def test_a_crowd_waits_no_longer_than_one(fleet: Fleet, start_node: StartNode, chance: random.Random) -> None:
    """Those who ask together for the same kind of thing are told together that there is no answer."""
    history, node = History(), start_node(fleet.installation)
    with a_crowd(fleet.installation, [node.url], history, 40) as crowd:
        chains = [a_pair(crowd[0]) for _ in range(4)]
        wanted = [(client, *chains[number % 4]) for number, client in enumerate(crowd)]
        at_once([partial(client.check, chain, pair[0]) for client, chain, pair in wanted])
        fleet.cluster.running.pause()
        began = time.monotonic()
        lost = at_once([partial(client.check, chain, pair[0]) for client, chain, pair in wanted])
        took = time.monotonic() - began
        fleet.cluster.running.resume()
    assert {op.outcome for op in lost} == {Outcome.UNKNOWN}
    assert took < PATIENCE
    audited(fleet.installation, [node.url], history, chance)
    nobody_waited(history)


@needs_root
def test_the_database_has_no_space(
    prepared: tuple[Cluster, Installation],
    a_cluster: MakeCluster,
    start_node: StartNode,
    chance: random.Random,
    tmp_path: Path,
) -> None:
    """PostgreSQL gives up when its journal has no space; until then and after its restart, everything holds."""
    history, (template, installed) = History(), prepared
    with a_folder() as folder, a_small_disk(folder / "disk", megabytes=96) as disk:
        cluster = a_cluster(template=template, folder=disk.folder / "postgres", settings={"wal_keep_size": "0"})
        installation = installed.copied(tmp_path / "fleet").at(cluster.url(installed.url.rpartition("/")[2]))
        node = start_node(installation)
        with Load(installation, [node.url], history, chance, PATIENCE).running():
            history.wait_for(chance.randrange(30, 100))
            disk.fill()
            history.wait_for(4, Outcome.UNKNOWN)
            disk.free()
            if cluster.running.process.poll() is not None:
                cluster.stop()
                cluster.start()
            history.wait_for(30)
        audited(installation, [node.url], history, chance)
        node.stop()
        cluster.stop()
