"""One program that runs in the background for a test: its log is read, its end is waited for."""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

_CHANCE = random.SystemRandom()
_LOWEST, _HIGHEST = 15_000, 30_000  # below the ports that the kernel gives to clients
PATIENCE = 30.0


def free_port() -> int:
    """A port of the loopback address that nothing listens on; it stays the same over restarts of who takes it."""
    while True:
        port = _CHANCE.randrange(_LOWEST, _HIGHEST)
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def eventually(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Wait until a condition holds that nothing announces."""
    pause, end = threading.Event(), time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within} s"
        pause.wait(0.02)


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody accepts connections there."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def children(pid: int) -> list[int]:
    """The processes right below one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it ended meanwhile
            found += map(int, task.read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """The processes below one, children before grandchildren."""
    return [below for child in children(pid) for below in (child, *descendants(child))]


def send(signal_number: int, pids: Sequence[int]) -> None:
    """Signal processes, of which some may have ended."""
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue


def running(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


class Daemon:
    """A program in the background.

    Args:
        command: its argument vector; it must stay in the foreground.
        user: who runs it; None: whoever runs the tests.
        folder: where it runs.
        environ: its whole environment; None: ours.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        user: str | None = None,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            command,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it in order
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {command[0]}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self.process.pid

    def family(self) -> Iterator[int]:
        """That process and all below it."""
        yield self.pid
        yield from descendants(self.pid)

    def wait_for_line(self, *parts: str, within: float = PATIENCE) -> str:
        """Wait for a line of the log that holds one of the parts, from the beginning on."""
        with self._grown:
            self._grown.wait_for(lambda: self._line(parts) is not None or self._ended, timeout=within)
            found = self._line(parts)
        assert found is not None, f"{' | '.join(parts)} is not in the log:\n{''.join(self.lines)}"
        return found

    def stop(self, how: int = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Ask it to end, and wait until it did; kill it if it does not. Its exit status."""
        if self.process.poll() is None:
            self.resume()
            self.process.send_signal(how)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return self.kill()
        return self._finished()

    def kill(self) -> int:
        """End it with all its descendants as a power cut does."""
        family = list(self.family())
        send(signal.SIGKILL, family)
        self.process.wait(PATIENCE)
        eventually(lambda: not any(map(running, family)), "all of them are gone")
        return self._finished()

    def pause(self) -> None:
        """Stop it with all its descendants where they are: it neither answers nor closes anything."""
        send(signal.SIGSTOP, list(self.family()))

    def resume(self) -> None:
        """Let them go on."""
        send(signal.SIGCONT, list(self.family()))

    def _finished(self) -> int:
        self._reader.join(PATIENCE)
        return self.process.returncode

    def _line(self, parts: Sequence[str]) -> str | None:
        return next((line for line in self.lines if any(part in line for part in parts)), None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as log:
            for line in log:
                with self._grown:
                    self.lines.append(line)
                    self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()
