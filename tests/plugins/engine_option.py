"""``pytest --engine postgres``: worlds keep their data in PostgreSQL instead of the embedded database."""

from collections.abc import Iterator

import pytest
from tests import browser
from tests.database.cluster import Cluster
from tests.database.migrated import migrated


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=("sqlite", "postgres"), default="sqlite", help="where worlds keep their data")


@pytest.fixture(scope="session", autouse=True)
def engine_of_worlds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have worlds made on the engine that was asked for."""
    if request.config.getoption("--engine") == "sqlite":
        yield
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with browser.worlds_on(lambda: migrated(cluster)):
        yield
