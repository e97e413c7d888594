"""One PostgreSQL for a test session (with several pytest workers: one for each), and what tests take from it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.database.cluster import Cluster, PostgresPrograms, a_folder, initialised, programs

MakeCluster = Callable[..., Cluster]


@pytest.fixture(scope="session")
def postgres_programs() -> PostgresPrograms:
    """The installed PostgreSQL's programs."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return PostgresPrograms(found)


@pytest.fixture(scope="session")
def postgres_template(postgres_programs: PostgresPrograms) -> Iterator[Path]:
    """A data folder that was just made; clusters are copies of it."""
    with a_folder() as folder:
        yield initialised(postgres_programs, folder)


@pytest.fixture(scope="session")
def postgres(postgres_programs: PostgresPrograms, postgres_template: Path) -> Iterator[Cluster]:
    """A cluster for all tests, fast and not durable."""
    with a_folder() as folder:
        made = Cluster.copied(postgres_template, folder, postgres_programs)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def postgres_url(postgres: Cluster) -> Iterator[str]:
    """The address of an empty database of the shared cluster."""
    name = postgres.database()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def a_cluster(postgres_programs: PostgresPrograms, postgres_template: Path) -> Iterator[MakeCluster]:
    """Starts clusters of the test's own, durable unless told otherwise; they are stopped afterwards."""
    with ExitStack() as stack:

        def make(template: Cluster | Path = postgres_template, folder: Path | None = None, **options: Any) -> Cluster:
            place = stack.enter_context(a_folder()) if folder is None else folder
            made = Cluster.copied(template, place, postgres_programs, **{"durable": True, **options})
            made.start()
            stack.callback(made.stop)
            return made

        yield make
