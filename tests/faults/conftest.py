"""What fault tests share: how often each runs, its randomness, installations and nodes."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.database.cluster import Cluster, PostgresPrograms, a_folder
from tests.database.fixtures import MakeCluster
from tests.faults.site import Installation, Node, install

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
"""How often each fault test runs, each time with another seed."""
_FIRST_SEED = 20_261_124

StartNode = Callable[..., Node]
StartNodes = Callable[..., list[Node]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(_FIRST_SEED, _FIRST_SEED + ROUNDS))


@pytest.fixture
def chance(seed: int) -> random.Random:
    """The only randomness of a test: what is done in which order, and when the fault comes."""
    return random.Random(seed)  # noqa: S311 - nothing secret


@pytest.fixture(scope="session")
def embedded_template(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation over the embedded database that nobody uses: others are copies of it."""
    folder = tmp_path_factory.mktemp("embedded")
    return install(f"sqlite:///{folder / 'workgate.db'}", folder)


@pytest.fixture
def embedded(embedded_template: Installation, tmp_path: Path) -> Installation:
    """An installation over the embedded database."""
    return embedded_template.copied(tmp_path / "embedded")


@pytest.fixture(scope="session")
def prepared(
    postgres_programs: PostgresPrograms, postgres_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, Installation]]:
    """A cluster that is not running with an installation in it: others are copies of both."""
    with a_folder() as folder:
        cluster = Cluster.copied(postgres_template, folder, postgres_programs, durable=True)
        cluster.start()
        made = install(cluster.url(cluster.database()), tmp_path_factory.mktemp("prepared"))
        cluster.stop()
        yield cluster, made


@dataclass(frozen=True, slots=True)
class Fleet:
    """A database of its own with an installation in it."""

    cluster: Cluster
    installation: Installation

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.installation.url.rpartition("/")[2]


@pytest.fixture
def fleet(prepared: tuple[Cluster, Installation], a_cluster: MakeCluster, tmp_path: Path) -> Fleet:
    """A durable cluster of the test's own, running, with an installation in it."""
    template, installed = prepared
    cluster = a_cluster(template=template)
    made = installed.copied(tmp_path / "fleet").at(cluster.url(installed.url.rpartition("/")[2]))
    return Fleet(cluster, made)


@pytest.fixture
def start_nodes() -> Iterator[StartNodes]:
    """Starts several nodes at once; they are stopped afterwards."""
    with ExitStack() as stack:

        def start(number: int, installation: Installation, *arguments: str, **options: Any) -> list[Node]:
            nodes = [Node(installation, *arguments, **options).launch() for _ in range(number)]
            for node in nodes:
                stack.callback(node.stop)
            return [node.wait() for node in nodes]

        yield start


@pytest.fixture
def start_node(start_nodes: StartNodes) -> StartNode:
    """Starts one node."""

    def start(installation: Installation, *arguments: str, **options: Any) -> Node:
        (node,) = start_nodes(1, installation, *arguments, **options)
        return node

    return start
