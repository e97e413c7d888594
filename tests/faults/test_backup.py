"""An older copy of the database is put back: raising the epoch ends every token that was issued before."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.conftest import Fleet, StartNode
from tests.faults.history import History, Kind, Outcome
from tests.faults.load import Load, a_client, audit, audited
from tests.faults.site import Installation, Node

pytestmark = pytest.mark.faults


def raise_epoch(installation: Installation, history: History) -> None:
    """Do what the manual says after a restore."""
    end = history.begin(Kind.END, "", "")
    done = installation.run("epoch", "raise", "--json")
    assert done.json
    history.finish(end, Outcome.ACCEPTED)


def nothing_lives(installation: Installation, node: Node, history: History, chance: random.Random) -> None:
    """Whatever was issued before is refused, and what is issued now works."""
    before = len(history.operations)
    with a_client(installation, [node.url], history, chance) as client:
        audit(client, history)
    assert {op.outcome for op in history.operations[before:]} == {Outcome.REFUSED}
    with Load(installation, [node.url], history, chance).running():
        history.wait_for(30)
    audited(installation, [node.url], history, chance)


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
    nothing_lives(embedded, node, history, chance)


def test_an_older_dump_of_postgresql(
    fleet: Fleet, start_node: StartNode, chance: random.Random, tmp_path: Path
) -> None:
    installation, cluster, history = fleet.installation, fleet.cluster, History()
    node = start_node(installation)
    at = ("--host", str(cluster.folder), "--port", str(cluster.port), "--username", "postgres")
    dump = cluster.folder / "older.dump"
    with Load(installation, [node.url], history, chance).running():
        history.wait_for(chance.randrange(50, 100))
        cluster.programs.run("pg_dump", *at, "--format=custom", "--file", str(dump), fleet.database)
        history.wait_for(50)
    assert node.stop() == 0
    cluster.drop(fleet.database)
    cluster.create(fleet.database, "template0")
    cluster.programs.run("pg_restore", *at, "--dbname", fleet.database, str(dump))
    raise_epoch(installation, history)
    node.start()
    nothing_lives(installation, node, history, chance)
