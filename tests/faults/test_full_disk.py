"""The disk is full: writes are refused as unavailable, nothing that was acknowledged goes, and space ends it."""

import random
from pathlib import Path

import pytest
from tests.database.disk import a_small_disk
from tests.faults.conftest import StartNode
from tests.faults.history import History, Outcome
from tests.faults.load import Load, audited
from tests.faults.site import Installation, needs_root

pytestmark = pytest.mark.faults


@needs_root
def test_the_embedded_database_has_no_space(
    embedded: Installation, start_node: StartNode, chance: random.Random, tmp_path: Path
) -> None:
    history = History()
    with a_small_disk(tmp_path / "disk", megabytes=12) as disk:
        installation = embedded.copied(disk.folder / "here")
        node = start_node(installation)
        with Load(installation, [node.url], history, chance).running():
            history.wait_for(chance.randrange(30, 100))
            disk.fill()
            history.wait_for(20, Outcome.UNKNOWN)
            disk.free()
            history.wait_for(30)
        audited(installation, [node.url], history, chance)
        node.stop()
