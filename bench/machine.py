"""What the measurements were made on."""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from bench.postgres import binaries
from bench.processes import Failed, call


def details() -> dict[str, str]:
    """The machine, its disk as a database meets it, and the programs underneath."""
    return {
        "processor": f"{_first('/proc/cpuinfo', 'model name') or platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1024 / 1024:.0f} GB",
        "system": f"{_first('/etc/os-release', 'PRETTY_NAME', '=')}, Linux {platform.release()}",
        "disk of the data": _disk(),
        "load before": f"{os.getloadavg()[0]:.2f} (one minute's average; what else ran takes from everybody's rates)",
        "Python": f"{platform.python_version()}, uvicorn {version('uvicorn')}, uvloop {version('uvloop')}",
        "SQLite": f"{sqlite3.sqlite_version} (WAL, synchronous=FULL)",
        "PostgreSQL": f"{_postgres()} (fsync=on, synchronous_commit=on, as Debian configures it)",
    }


def _first(file: str, name: str, separator: str = ":") -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip().strip('"')
    return ""


def _disk() -> str:
    """The file system's kind, and how long a small write takes until it is on it."""
    times = []
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
        kind = call(["stat", "-f", "-c", "%T", file.name]).strip()
    return f"{kind}; 4 KB written and synced in {statistics.median(times) * 1e6:.0f} µs (median)"


def _postgres() -> str:
    try:
        return call([str(binaries() / "postgres"), "--version"]).strip().removeprefix("postgres (PostgreSQL) ")
    except Failed:
        return "not installed"
