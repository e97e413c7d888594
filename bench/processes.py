"""Programs under measurement: started in a group of their own, their CPU time and memory read from the system.

CPU time is that of the whole tree, children that ended included: a PostgreSQL backend's time is not lost with it.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# An installed program has its bytecode beside it; starts would be measured without.
_INHERITED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Failed(Exception):
    """A program, an installation or an answer is not as it must be; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a tree of processes holds, in megabytes; PSS counts shared pages once."""

    rss: float = 0.0
    pss: float = 0.0


class Program:
    """A started program, its output in a log file.

    Args:
        command: the program with its arguments.
        log: where its output goes.
        variables: added to the environment.
        folder: where it runs.
    """

    def __init__(
        self, command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        self._log = log
        self._stopped = False
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the programs that the benchmark is about
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_INHERITED, **(variables or {})},
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        return self._process.pid

    def wait_for(self, port: int, path: str | None = None, seconds: float = 60) -> float:
        """Wait until it accepts connections, and answers a GET of ``path`` with 200; gives the seconds it took."""
        begin = time.perf_counter()
        while not _answers(port, path):
            if self._process.poll() is not None or time.perf_counter() - begin > seconds:
                raise Failed(f"{self._process.args!r} does not serve: {self.last_words()}")
            time.sleep(0.002)
        return time.perf_counter() - begin

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End it and what it started."""
        if self._stopped:
            return
        self._stopped = True
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-1500:]


def _answers(port: int, path: str | None) -> bool:
    try:
        if path is None:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def call(
    command: Sequence[str], variables: Mapping[str, str] | None = None, folder: Path | None = None, stdin: str = ""
) -> str:
    """Run a command to its end and give what it printed.

    Raises:
        Failed: with what it said, if it failed or is not there.
    """
    try:
        done = subprocess.run(  # noqa: S603 - installers and set-up commands that are written in this folder
            command,
            env={**os.environ, **(variables or {})},
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)[:200]}: {(done.stderr or done.stdout)[-1500:].strip()}")
    return done.stdout


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(root: int) -> float:
    """User and system time of a process tree, reaped children included."""
    ticks = 0
    for pid in _tree(root):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in _stat(pid)[11:15])
    return ticks / _TICKS


def memory(root: int) -> Memory:
    """Resident and proportional memory of a process tree."""
    kilobytes = {"Rss": 0, "Pss": 0}
    for pid in _tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in kilobytes:
                    kilobytes[name] += int(rest.split()[0])
    return Memory(rss=kilobytes["Rss"] / 1024, pss=kilobytes["Pss"] / 1024)


def machine_seconds() -> tuple[float, float]:
    """CPU seconds of the whole machine that were busy, and that its host took away."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields[:3]) + fields[5] + fields[6]) / _TICKS, fields[7] / _TICKS


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found
