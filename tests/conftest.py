"""What every test may ask for: a running Workgate with a held clock, and a browser."""

from collections.abc import Iterator

import pytest

from tests.browser import World, a_world

pytest_plugins = [
    "tests.plugins.no_skips_in_ci",
    "tests.plugins.spec_matrix",
    "tests.plugins.engine_option",
    "tests.database.fixtures",
]


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh Workgate with two lanes of acme, globex, Ann and Bob, and an application of each type."""
    with a_world() as made:
        yield made
