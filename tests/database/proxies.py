"""What stands between: PgBouncer in front of a database, HAProxy in front of nodes."""

import csv
import io
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.database.cluster import OWNER, Cluster, own, run_as
from tests.database.daemon import Daemon, answers, eventually, free_port

PGBOUNCER = "/usr/sbin/pgbouncer"
HAPROXY = "/usr/sbin/haproxy"


def _installed(program: str) -> None:
    if not Path(program).exists():
        pytest.skip(f"{program} is not installed: apt-get install {Path(program).name}")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs."""

    daemon: Daemon
    port: int


@contextmanager
def pgbouncer(cluster: Cluster, folder: Path, *, connections: int = 4, ignored: str = "") -> Iterator[Proxy]:
    """Run PgBouncer in transaction mode over few connections to a cluster.

    Args:
        cluster: the database behind it.
        folder: where its files go; of the database's user.
        connections: how many it opens for each database.
        ignored: startup parameters that it lets pass, by commas; by default it refuses those that it does not know.
    """
    _installed(PGBOUNCER)
    port = free_port()
    users = folder / "users.txt"
    users.write_text(f'"{OWNER}" ""\n')
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"""\
[databases]
* = host=127.0.0.1 port={cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 500
ignore_startup_parameters = {ignored}
"""
    )
    for path in (users, config):
        own(path)
    daemon = Daemon([PGBOUNCER, str(config)], user=run_as(), folder=folder)
    try:
        eventually(lambda: answers(port) or daemon.process.poll() is not None, "PgBouncer takes connections")
        assert daemon.process.poll() is None, "".join(daemon.lines)
        yield Proxy(daemon, port)
    finally:
        daemon.stop()


@dataclass(frozen=True, slots=True)
class Entrance(Proxy):
    """An HAProxy that runs.

    Args:
        control: its Unix socket for questions.
    """

    control: Path

    @property
    def url(self) -> str:
        """Where clients come in."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> set[str]:
        """The nodes that it sends requests to: ``node0``, ``node1`` and so on."""
        with closing(socket.socket(socket.AF_UNIX)) as control:
            control.settimeout(5)
            control.connect(str(self.control))
            control.sendall(b"show stat\n")
            table = b"".join(iter(lambda: control.recv(65_536), b"")).decode()
        rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
        return {row["svname"] for row in rows if row["svname"].startswith("node") and row["status"].startswith("UP")}


@contextmanager
def haproxy(nodes: Sequence[int], folder: Path, *, ready: str = "/readyz") -> Iterator[Entrance]:
    """Run HAProxy over nodes on loopback: round robin over those that say that they are ready.

    A request is sent again only where it never reached a node, for the proxy cannot know what a node did with it.

    Args:
        nodes: their ports.
        folder: where its configuration goes.
        ready: the path that is asked for readiness.
    """
    _installed(HAPROXY)
    port = free_port()
    servers = "\n".join(f"    server node{n} 127.0.0.1:{node} check" for n, node in enumerate(nodes))
    config, control = folder / "haproxy.cfg", folder / "haproxy.sock"
    config.write_text(
        f"""\
global
    maxconn 2000
    stats socket {control}
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 5s
    retries 5
    retry-on conn-failure
    option redispatch 1
    option httpchk GET {ready}
    default-server inter 100ms fastinter 50ms rise 1 fall 1
frontend entrance
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance roundrobin
    http-reuse safe
{servers}
"""
    )
    daemon = Daemon([HAPROXY, "-db", "-f", str(config)], folder=folder, environ=dict(os.environ))
    try:
        # It takes connections a moment before it gives its socket for questions the name that it is to have.
        eventually(
            lambda: (answers(port) and control.exists()) or daemon.process.poll() is not None,
            "HAProxy takes connections and questions",
        )
        assert daemon.process.poll() is None, "".join(daemon.lines)
        yield Entrance(daemon, port, control)
    finally:
        daemon.stop()
