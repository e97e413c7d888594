"""Who takes part: one module for each server, which installs it, starts it and knows how it is spoken to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.load import Script
from bench.operations import Pool, Wire
from bench.postgres import Cluster
from bench.processes import Program


@dataclass(slots=True, kw_only=True)
class Running:
    """A contender that serves.

    Attributes:
        port: on loopback.
        wire: how it is spoken to.
        server: its process.
        cluster: its database, None where that is part of the server or there is none.
        fill: makes so many fresh codes, live refresh tokens and live access tokens; called while it serves.
        flow: the script from a signed-in browser to a token, for each connection.
        start: starts the server anew, for measuring how long that takes.
        alive: a path that is answered with 200 as soon as it serves.
        slow_to_fill: whether its pools come from its real flow, so that they have to be small.
        flow_connections: how many browsers may go through its flow at once, if not as many as everywhere.
        warming_seconds: how long at least each operation goes on before the first round.
        remarks: what a reader of its figures should know.
    """

    port: int
    wire: Wire
    server: Program
    fill: Callable[[int, int], Pool]
    flow: Callable[[int], Script] | None = None
    start: Callable[[], Program]
    alive: str
    cluster: Cluster | None = None
    slow_to_fill: bool = False
    flow_connections: int | None = None
    warming_seconds: float = 1.0
    remarks: list[str] = field(default_factory=list)

    @property
    def roots(self) -> Mapping[str, int]:
        """The process trees that are counted."""
        return {"server": self.server.pid} | ({"database": self.cluster.pid} if self.cluster is not None else {})

    def pool(self, codes: int, live: int) -> Pool:
        """What ``fill`` makes; the database has looked at it, as it otherwise would within a minute."""
        made = self.fill(codes, live)
        if self.cluster is not None:
            self.cluster.analyze()
        return made

    def stop(self) -> None:
        """End everything."""
        self.server.stop()
        if self.cluster is not None:
            self.cluster.stop()


class Contender(Protocol):
    """A server in one arrangement."""

    name: str
    """Short, for ``--only``."""
    label: str
    """For the tables: the server and where it keeps its data."""
    durable: bool
    """Whether what it acknowledged survives a power cut."""
    ours: bool

    def install(self, build: Path) -> str:
        """Install what is missing below ``build``; gives the version. Raises ``Failed`` with the reason."""

    def start(self, build: Path, folder: Path) -> Running:
        """Start it with its data in a new folder."""
