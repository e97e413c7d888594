"""Servers under measurement: started on a free loopback port, their CPU time read from the system."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ADDRESS = re.compile(r"http://([\d.]+):(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    host: str
    port: int

    def cpu_seconds(self) -> float:
        """User and system time of the process, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_megabytes(self) -> float:
        """Memory that is in use now."""
        match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(match[1]) / 1024 if match else 0.0


@contextlib.contextmanager
def running(*command: str, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server that prints its address on standard error, and end it afterwards."""
    process = subprocess.Popen(  # noqa: S603 - our own programs
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(variables or {})}
    )
    try:
        match = None
        while match is None:
            line = process.stderr.readline() if process.stderr else ""
            if not line:
                raise RuntimeError(f"{command} ended before it served")
            match = _ADDRESS.search(line)
        yield Server(process.pid, match[1], int(match[2]))
    finally:
        process.terminate()
        process.wait(timeout=20)


def bare() -> contextlib.AbstractContextManager[Server]:
    """The yardstick."""
    return running(sys.executable, "-m", "bench.bare")


def workgate(database: Path) -> contextlib.AbstractContextManager[Server]:
    """Workgate over an embedded database, one worker."""
    program = str(Path(sys.executable).with_name("workgate"))
    return running(program, "serve", "--port", "0", "--database", f"sqlite:///{database}")
