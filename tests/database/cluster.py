"""A private PostgreSQL: one data folder, one server over it on loopback, to stop, kill, pause, copy and promote."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.database.daemon import PATIENCE, Daemon, eventually, free_port
from tests.database.network import Network

OWNER = "workgate"
"""The role that owns the databases: it may log in and nothing else, as an operator would have it."""

_SUPERUSER = "postgres"
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "lc_messages": "C",
    "log_min_messages": "warning",
    "restart_after_crash": "off",
    "wal_level": "replica",
    "hot_standby": "on",
    "autovacuum": "off",
}
_HBA = """\
local all         all            trust
local replication all            trust
host  all         all samehost   trust
host  replication all samehost   trust
host  all         all samenet    trust
host  replication all samenet    trust
"""


def programs() -> Path | None:
    """The folder with the newest PostgreSQL's programs; None: it is not installed."""
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if installed:
        return max(installed, key=lambda folder: int(folder.parent.name))
    found = shutil.which("postgres")
    return None if found is None else Path(found).resolve().parent


def run_as() -> str | None:
    """The user that runs the database: PostgreSQL refuses to be root. None: whoever runs the tests."""
    return _SUPERUSER if os.geteuid() == 0 else None


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """The programs of one version of PostgreSQL, run as a user that they accept."""

    folder: Path

    def run(self, name: str, *arguments: str, stdin: str | None = None) -> str:
        """Run one to its end and give what it printed; a failure is the test's failure, with its complaint."""
        user = run_as()
        done = subprocess.run(
            [str(self.folder / name), *arguments],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C.UTF-8"},  # nothing of the developer's own
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr}"
        return done.stdout


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder that the database's user can use: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="workgate-tests-"))
    try:
        own(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own(path: Path) -> None:
    """Give a path to the database's user."""
    user = run_as()
    if user is not None:
        shutil.chown(path, user, user)


def initialised(found: PostgresPrograms, folder: Path) -> Path:
    """Make the data folder that clusters are copies of."""
    template = folder / "template"
    found.run(
        *("initdb", "--pgdata", str(template), "--username", _SUPERUSER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"),
    )
    found.run("postgres", "--single", "-F", "-D", str(template), "postgres", stdin=f"CREATE ROLE {OWNER} LOGIN\n")
    (template / "pg_hba.conf").write_text(_HBA)
    return template


class Cluster:
    """One PostgreSQL server with its data folder; start it before use.

    Args:
        found: the programs.
        folder: a folder of its own, from ``a_folder`` or below one.
        settings: of postgresql.conf, over the usual ones of the tests.
        durable: what was committed is on disk. Off, everything is faster and a crash may take anything along.
        port: where it listens; by default a free one.
        network: where it runs; by default on loopback.
    """

    def __init__(
        self,
        found: PostgresPrograms,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        durable: bool = False,
        port: int | None = None,
        network: Network | None = None,
    ) -> None:
        self.programs = found
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port() if port is None else port
        self.settings = _SETTINGS | (_DURABLE if durable else _FAST) | dict(settings or {})
        self.network = network
        self.host = "127.0.0.1" if network is None else network.inside
        self.daemon: Daemon | None = None
        self._numbers = count()
        self._templates: set[str] = set()

    @classmethod
    def copied(cls, template: "Cluster | Path", folder: Path, found: PostgresPrograms, **options: Any) -> "Cluster":
        """Make one from a data folder that no server is using."""
        made = cls(found, folder, **options)
        source = template if isinstance(template, Path) else template.data
        folder.mkdir(exist_ok=True)
        own(folder)
        # -p keeps owner and mode; shutil would make every file root's.
        subprocess.run(["cp", "-Rp", "--reflink=auto", str(source), str(made.data)], check=True)
        return made

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = [f"--{name}={value}" for name, value in self._all_settings().items()]
        self.daemon = Daemon(
            [*self._within(), str(self.programs.folder / "postgres"), "-D", str(self.data), *options],
            user=run_as() if self.network is None else None,
            folder=self.folder,
        )
        self.daemon.wait_for_line("ready to accept")

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it in order: by default it cuts connections off, and writes everything."""
        if self.daemon is not None:
            self.daemon.stop(how)
            self.daemon = None

    def kill(self) -> None:
        """End the postmaster and every process of it at once, as a power cut does to them."""
        self.running.kill()
        self.daemon = None

    @property
    def running(self) -> Daemon:
        """Its process."""
        assert self.daemon is not None, "the cluster is not running"
        return self.daemon

    def url(self, database: str = "postgres", user: str = OWNER) -> str:
        """Its address over TCP."""
        return f"postgresql://{user}@{self.host}:{self.port}/{database}"

    def socket_url(self, database: str = "postgres", user: str = OWNER) -> str:
        """Its address over the Unix socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run statements as the superuser; the rows as lines, the columns parted by ``|``."""
        return self.programs.run(
            *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"),
            *("--host", str(self.folder), "--port", str(self.port), "--username", _SUPERUSER),
            *("--dbname", database, "--command", statement),
        ).rstrip("\n")

    def database(self, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another one, that the ordinary role owns; its name."""
        name = f"test_{next(self._numbers)}"
        self.create(name, template or "template1")
        return name

    def template(self, name: str) -> tuple[str, bool]:
        """A database to copy others from; the second is True where it is new and must be filled first."""
        is_new = name not in self._templates
        if is_new:
            self.create(name)
            self._templates.add(name)
        return name, is_new

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def create(self, name: str, template: str = "template1") -> None:
        """Create a database that the ordinary role owns."""
        self.sql(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}"')

    def replica(self, folder: Path, *, port: int | None = None) -> "Cluster":
        """Make and start a streaming replica that every commit waits for from now on."""
        made = Cluster(self.programs, folder, settings=self.settings, port=port)
        folder.mkdir(exist_ok=True)
        own(folder)
        self.programs.run(
            *("pg_basebackup", "--pgdata", str(made.data), "--write-recovery-conf", "--checkpoint=fast"),
            *("--wal-method=stream", "--no-sync"),
            *("--dbname", f"host={self.folder} port={self.port} user={_SUPERUSER} application_name=replica"),
        )
        made.start()
        self.settings["synchronous_standby_names"] = "replica"
        (self.data / "postgresql.auto.conf").write_text("synchronous_standby_names = 'replica'\n")
        self.sql("SELECT pg_reload_conf()")
        eventually(
            lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "commits wait for the replica"
        )
        return made

    def promote(self) -> None:
        """Make a replica the primary; commits here wait for nobody."""
        self.settings.pop("synchronous_standby_names", None)
        assert self.sql(f"SELECT pg_promote(true, {PATIENCE:.0f})") == "t"

    def _all_settings(self) -> dict[str, str]:
        place = {"port": str(self.port), "listen_addresses": self.host, "unix_socket_directories": str(self.folder)}
        return self.settings | place

    def _within(self) -> Sequence[str]:
        return () if self.network is None else self.network.within(run_as())
