"""A PostgreSQL of the benchmark's own, from Debian's packages, as durable as they make it.

One cluster for each contender: CPU time and memory of its process tree are then that contender's. Nothing of the
configuration that Debian ships is changed but where it listens; data lies on a disk.
"""

import contextlib
import os
import pwd
import shutil
import signal
import time
from pathlib import Path

from bench.processes import Failed, Program, call, free_port

_USER = "postgres"


class Cluster:
    """A cluster on a loopback port, until it is stopped.

    Args:
        folder: a new folder for it, on a disk.
    """

    def __init__(self, folder: Path) -> None:
        self._bin = binaries()
        self._as_user = _as_postgres()
        self._databases: list[str] = []
        self.port = free_port()
        data, sockets = folder / "data", folder / "sockets"
        for made in (folder, data, sockets):
            made.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(made, _USER)
        data.chmod(0o700)
        initdb = [str(self._bin / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        call([*self._as_user, *initdb], folder=folder)
        options = ["-D", str(data), "-k", str(sockets), "-p", str(self.port), "-h", "127.0.0.1"]
        log = folder / "postgres.log"
        self._program = Program([*self._as_user, str(self._bin / "postgres"), *options], log, folder=folder)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> None:
        self._program.wait_for(self.port)
        asked = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in range(600):
            with contextlib.suppress(Failed):
                call(asked)
                return
            time.sleep(0.05)
        raise Failed(f"PostgreSQL does not get ready: {self._program.last_words()}")

    @property
    def pid(self) -> int:
        """The postmaster, the root of all backends."""
        return self._program.pid

    def create(self, database: str) -> str:
        """Create a database and give its address."""
        self.run(f"CREATE DATABASE {database}", "postgres")
        self._databases.append(database)
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str, database: str) -> str:
        """Run statements, each line of the answer a row with its columns between tabs."""
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", _USER, "-d", database]
        flags = ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        return call([str(self._bin / "psql"), *address, *flags, "-f", "-"], stdin=sql, folder=Path("/"))

    def analyze(self) -> None:
        """Let it see what its tables hold: plans made while they were empty read them from end to end."""
        for database in self._databases:
            self.run("ANALYZE", database)

    def stop(self) -> None:
        """End it, whoever is connected."""
        self._program.stop(signal.SIGINT)


def binaries() -> Path:
    """The folder of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise Failed("PostgreSQL's server is not installed; run scripts/setup.sh bench")
    return found[-1]


def _as_postgres() -> list[str]:
    """How to become a user that PostgreSQL agrees to run as: it refuses root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_USER)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
