"""Schemathesis makes requests of the admin API's own description: no answer is a 5xx, none is undocumented.

Each run is the same: the seed is fixed, and so is the number of requests. ``ADMIN_API_EXAMPLES=200`` makes more.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.admin_calls import session_of
from tests.browser import World, a_world

from workgate.web.api.routes import OPENAPI_PATH, OPERATIONS

# What ends a run is the number of requests: with many of them it takes as long as it takes.
pytestmark = [pytest.mark.clients, pytest.mark.timeout(0)]

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("ADMIN_API_EXAMPLES", "5")
# What a schema cannot say is refused too: which redirect URLs are usable, that a text is one line. So not everything
# that it describes is accepted; everything else is checked.
UNCHECKED = "positive_data_acceptance"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world whose applications schemathesis may change as it likes."""
    with a_world(applications_per_environment=50) as made:
        yield made


def schemathesis(world: World, folder: Path, config: str, *args: str) -> None:
    """Run it as a person would, on a configuration of its own."""
    file = folder / "schemathesis.toml"
    file.write_text(config)
    command = [str(SCHEMATHESIS), "--config-file", str(file), "run", world.stand_in.url + OPENAPI_PATH]
    command += ["--header", f"sessionID: {session_of(world)}", "--exclude-checks", UNCHECKED]
    command += ["--seed", "1", "--max-examples", EXAMPLES, "--continue-on-failure", "--no-color", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {len(OPERATIONS) - args.count('--exclude-operation-id')}" in done.stdout


@pytest.mark.spec("Workgate", "admin API", "no 5xx and no undocumented answer, whatever is asked")
def test_any_application(world: World, tmp_path: Path) -> None:
    schemathesis(world, tmp_path, "", "--phases", "coverage,fuzzing,stateful")


@pytest.mark.spec("Workgate", "admin API", "no 5xx and no undocumented answer about what exists")
def test_an_application_that_exists(world: World, tmp_path: Path) -> None:
    client_id = world.machine.application.client_id
    config = f'[parameters]\n"path.client_id" = "{client_id}"\n"path.user_id" = "{world.bob.user_id}"\n'
    spared = ("--exclude-operation-id", "delete_application")
    schemathesis(world, tmp_path, config, "--phases", "coverage,fuzzing", *spared)
