"""An older copy of the database is put back: raising the epoch ends every token that was issued before."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.conftest import StartNode
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import Load, a_client, audit, audited
from tests.faults.site import Installation

pytestmark = pytest.mark.faults


def raise_epoch(installation: Installation, history: History) -> None:
    """Do what the manual says after a restore."""
    end = history.begin(Kind.END, "", "")
    done = installation.run("epoch", "raise", "--json")
    assert done.json
    history.finish(end, Outcome.ACCEPTED)


def test_an_older_copy_of_the_embedded_database(
    embedded: Installation, start_node: StartNode, chance: random.Random, tmp_path: Path
) -> None:
    history, node = History(), start_node(embedded)
    database, copy = embedded.folder / "workgate.db", tmp_path / "copy.db"
    with Load(embedded, [node.url], history, chance).running():
        history.wait_for(chance.randrange(50, 100))
        with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(copy)) as target:
            live.backup(target)
        history.wait_for(50)
    assert node.stop() == 0
    for name in ("workgate.db-wal", "workgate.db-shm"):
        (embedded.folder / name).unlink(missing_ok=True)
    copy.replace(database)
    raise_epoch(embedded, history)
    node.start()
    before = len(history.operations)
    with a_client(embedded, [node.url], history, chance) as client:
        audit(client, history)
    assert {op.outcome for op in history.operations[before:]} == {Outcome.REFUSED}
    with Load(embedded, [node.url], history, chance).running():
        history.wait_for(30)
    audited(embedded, [node.url], history, chance)
