"""The network between a node and its database is cut without a word: first both ways, then only for the answers."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.database.cluster import Cluster
from tests.database.fixtures import MakeCluster
from tests.database.network import Network, a_network
from tests.faults.conftest import StartNode
from tests.faults.history import History, Outcome
from tests.faults.load import Load, audited
from tests.faults.site import Installation, needs_root
from tests.faults.test_database import PATIENCE, nobody_waited

pytestmark = [pytest.mark.faults, needs_root]
CUTS: dict[str, tuple[Callable[[Network], None], Callable[[Network], None]]] = {
    "both ways": (Network.cut, Network.mend),
    "answers only": (Network.lose_answers, Network.find_answers),
}


@pytest.mark.parametrize("way", CUTS)
def test_the_network_is_cut(
    prepared: tuple[Cluster, Installation],
    a_cluster: MakeCluster,
    start_node: StartNode,
    chance: random.Random,
    tmp_path: Path,
    way: str,
) -> None:
    history, (template, installed), (cut, mend) = History(), prepared, CUTS[way]
    with a_network() as network:
        cluster = a_cluster(template=template, network=network)
        installation = installed.copied(tmp_path / "fleet").at(cluster.url(installed.url.rpartition("/")[2]))
        node = start_node(installation)
        with Load(installation, [node.url], history, chance, PATIENCE).running():
            history.wait_for(chance.randrange(30, 100))
            cut(network)
            history.wait_for(4, Outcome.UNKNOWN)
            mend(network)
            history.wait_for(30)
        audited(installation, [node.url], history, chance)
        nobody_waited(history)
        node.stop()
        cluster.stop()
