"""What every test may ask for: a running Workgate with a held clock, and a browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import World, a_world

# The tests start our program often. Where Python is told to keep no compiled modules, each start would take seconds.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) is not None:
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parents[1] / "build" / "pycache")

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
