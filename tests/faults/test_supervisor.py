"""A system that has no process left for another worker: the supervisor lives on and tries again."""

import multiprocessing
import os
import pwd
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socket

import pytest
from tests.database.daemon import children, descendants, eventually, running

from workgate.ops.telemetry import configure_logging
from workgate.serving import READY, RETIRE, listen_together
from workgate.supervisor import Supervisor

pytestmark = pytest.mark.faults
_FORK = multiprocessing.get_context("fork")


def serve_nothing(listener: socket, line: socket) -> int:
    """A worker: ready until its supervisor retires it or is gone."""
    del listener
    line.send(READY)
    return 0 if line.recv(1) in {RETIRE, b""} else 1


def become_somebody() -> None:
    """Be a user to whom the system can refuse processes; it never refuses root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


def allow(processes: int, pid: int) -> None:
    """In a process of the same user: bound how many there may be when that one begins another."""
    become_somebody()
    most = resource.prlimit(pid, resource.RLIMIT_NPROC)[1]
    resource.prlimit(pid, resource.RLIMIT_NPROC, (processes, most))


def supervise(log: Path, ready: Connection) -> None:
    """In a process of its own: supervise two workers."""
    sys.stdout = sys.stderr = log.open("w")
    configure_logging()
    become_somebody()
    os._exit(Supervisor(listen_together("127.0.0.1", 0, 2), serve_nothing, lambda: ready.send(True)).run())


@dataclass
class Supervised:
    """A supervisor that runs."""

    pid: int
    log: Path

    @property
    def workers(self) -> set[int]:
        """Its workers."""
        return {pid for pid in children(self.pid) if running(pid)}

    def has_refused(self, times: int = 1) -> bool:
        """Tell whether it was refused a process so often."""
        text = self.log.read_text()
        assert "Traceback" not in text, text
        return text.count("Resource temporarily unavailable") >= times

    @contextmanager
    def no_more_processes(self) -> Iterator[None]:
        """Let its user have no more processes than there are."""
        before = resource.prlimit(os.getpid(), resource.RLIMIT_NPROC)[0]
        self._allow(1)
        yield
        self._allow(before)

    def _allow(self, processes: int) -> None:
        setting = _FORK.Process(target=allow, args=(processes, self.pid))
        setting.start()
        setting.join(30)
        assert setting.exitcode == 0


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    ready, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=supervise, args=(tmp_path / "log", theirs))
    process.start()
    with closing(ready), closing(theirs):
        assert process.pid is not None
        assert ready.poll(30)
        yield Supervised(process.pid, tmp_path / "log")
    process.terminate()
    process.join(30)
    assert process.exitcode == 0
    assert not descendants(process.pid)


def test_a_worker_that_cannot_be_started_is_tried_again(supervised: Supervised) -> None:
    """The others serve on meanwhile."""
    victim, other = supervised.workers
    with supervised.no_more_processes():
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: supervised.has_refused(times=3), "it is tried again and again")
        assert supervised.workers == {other}
    eventually(lambda: len(supervised.workers) == 2, "another worker begins")
    assert other in supervised.workers


def test_a_replacement_that_cannot_be_started_is_given_up(supervised: Supervised) -> None:
    """Nobody is retired for it, and the next wish to replace them is fulfilled."""
    before = supervised.workers
    with supervised.no_more_processes():
        os.kill(supervised.pid, signal.SIGHUP)
        eventually(supervised.has_refused, "it cannot be replaced")
        assert supervised.workers == before
    os.kill(supervised.pid, signal.SIGHUP)
    eventually(lambda: len(supervised.workers - before) == 2 == len(supervised.workers), "all workers are new ones")
