"""How PostgreSQL carries out clean-up: along primary keys, a window at a time, however large the tables are."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Table, delete, update
from tests.contract.kit import Stores, at
from tests.database.cluster import Cluster
from tests.database.fixtures import MakeCluster
from tests.database.migrated import migrated

from workgate.domain.audit import AuditEvent
from workgate.domain.ids import RowId
from workgate.storage.database import open_postgres
from workgate.storage.schema import audit_events, authorizations, sessions, used_jwts
from workgate.storage.sweeper import Sweeper
from workgate.storage.windows import in_windows, rows_in_windows

_ROWS = 100_000
_WINDOW = 500
_EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "log_line_prefix": "",
    "log_min_messages": "log",
}
_EXPLANATION = re.compile(r"plan:\n((?:\t.*\n)+)")
_KEYS = {sessions: "row_id", authorizations: "authorization_id", audit_events: "event_id", used_jwts: "expires_at"}

Node = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    """Stores of a database that writes down how it carries out what."""

    cluster: Cluster
    name: str
    stores: Stores
    keeps_plans: bool
    marks: Iterator[int] = field(default_factory=count)

    def grow(self) -> None:
        """Repeat the last row of each table many times, under higher keys."""
        self.cluster.sql("".join(_multiplied(table, key) for table, key in _KEYS.items()), self.name)
        if not self.keeps_plans:
            self.cluster.sql("ANALYZE", self.name)

    def plans(self, beginning: str) -> list[Node]:
        """How the statements that begin so were carried out, in turn: each one's uppermost node."""
        # What was written before this line has then been read.
        mark = f"mark {next(self.marks)} of the test"
        self.cluster.sql(f"DO $$ BEGIN RAISE LOG '{mark}'; END $$", self.name)
        self.cluster.running.wait_for_line(f"LOG:  {mark}")
        found = (
            json.loads(text.replace("\t", "")) for text in _EXPLANATION.findall("".join(self.cluster.running.lines))
        )
        return [plan["Plan"] for plan in found if plan["Query Text"].startswith(beginning)]


def _multiplied(table: Table, key: str) -> str:
    names = [column.name for column in table.columns]
    values = ", ".join(f"{name} + n" if name == key else name for name in names)
    highest = f"(SELECT * FROM {table.name} ORDER BY {key} DESC LIMIT 1) AS highest"
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {highest}, generate_series(1, {_ROWS}) n;"
    )


@pytest.fixture(params=["", "?pooler=transaction"], ids=["prepared", "planned anew"])
def explained(request: pytest.FixtureRequest, a_cluster: MakeCluster) -> Iterator[Explained]:
    """With a row in each table. What is prepared stays planned as it was, without statistics; behind a pooler each
    statement is planned for its values, with them.
    """
    cluster = a_cluster(settings=_EXPLAINED, durable=False)
    url = migrated(cluster)
    with asyncio.Runner() as runner:
        stores = Stores(open_postgres(url + request.param), runner)
        seen = stores.active()
        stores.flush()
        name = url.rpartition("/")[2]
        cluster.sql(f"INSERT INTO used_jwts VALUES ({seen.environment_id}, {at(10_000)}, 'a digest')", name)
        yield Explained(cluster, name, stores, keeps_plans=not request.param)
        stores.close()


def nodes(plan: Node) -> Iterator[Node]:
    """A plan's nodes."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(node: Node) -> int:
    """How many rows a node looked at, in all its loops."""
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def along_the_key(plan: Node, table: Table, most: int) -> None:
    """No large table is read from one end to the other, and nothing looks at more rows: the key knows the bounds."""
    below, shown = list(nodes(plan)), json.dumps(plan, indent=1)
    large = {table.name for table in _KEYS}
    assert not [node for node in below if node["Node Type"] == "Seq Scan" and node["Relation Name"] in large], shown
    assert max(map(rows_read, below)) <= most, shown
    assert [node for node in below if node.get("Index Name") == table.primary_key.name], shown


def test_a_window_is_swept_along_the_key(explained: Explained) -> None:
    """Also by plans that were made when the tables were small."""
    stores = explained.stores
    sweeper = Sweeper(stores.database.engine, window=_WINDOW)
    for _ in range(6):
        stores.run(sweeper.step(at(1)))
    explained.grow()
    made = {table: len(explained.plans(f"DELETE FROM {table.name}")) for table in _KEYS}
    for _ in range(6):
        stores.run(sweeper.step(at(1)))
    for table, before in made.items():
        later = explained.plans(f"DELETE FROM {table.name}")[before:]
        assert len(later) >= 6
        for plan in later:
            along_the_key(plan, table, most=_WINDOW)
    assert stores.count("sessions") == _ROWS + 1


def test_a_copy_reads_along_the_key(explained: Explained) -> None:
    engine, size = explained.stores.database.engine, 5000
    explained.grow()

    async def counted() -> int:
        return sum([len(rows) async for rows in rows_in_windows(engine, authorizations, size=size)])

    assert explained.stores.run(counted()) == _ROWS + 1
    reads = explained.plans("SELECT authorizations.environment_id, authorizations.authorization_id, ")
    assert len(reads) >= _ROWS // size
    for plan in reads:
        along_the_key(plan, authorizations, most=2 * size)


def test_a_large_change_goes_along_the_key(explained: Explained) -> None:
    engine, stores = explained.stores.database.engine, explained.stores
    explained.grow()
    size = 5000
    change = in_windows(engine, authorizations, lambda these: update(authorizations).where(these).values(key_id=9), {})
    assert stores.run(change) == _ROWS + 1
    assert stores.run(in_windows(engine, sessions, delete(sessions).where, {}, size=size)) == _ROWS + 1
    for beginning, table in (("UPDATE authorizations", authorizations), ("DELETE FROM sessions", sessions)):
        *windows, _ = explained.plans(beginning)[1:]  # the first and the last have one bound only
        assert len(windows) >= _ROWS // size - 2
        for plan in windows:
            along_the_key(plan, table, most=size)


def test_a_persons_own_sessions_are_found_by_their_index(explained: Explained) -> None:
    """Among many of the same user that belong to an application."""
    stores = explained.stores
    own = stores.database.own_sessions

    def ask() -> None:
        assert stores.run(own.sessions_of(stores.ann, now=at(1), before=None, limit=20)) == []
        record = stores.record(AuditEvent.SESSIONS_ENDED)
        assert not stores.run(own.end_others(stores.ann, RowId(1), record=record))

    for _ in range(6):
        ask()
    explained.grow()
    beginnings = ("SELECT sessions.row_id \n", "DELETE FROM sessions")
    made = {beginning: len(explained.plans(beginning)) for beginning in beginnings}
    ask()
    for beginning, before in made.items():
        (plan,) = explained.plans(beginning)[before:]
        assert max(map(rows_read, nodes(plan))) == 0, json.dumps(plan, indent=1)
