"""Keeps worker processes running, each on a listening socket that the supervisor holds as well.

So a worker can die or be replaced without a connection being refused: what waits in its socket is served by the
successor. It serves nothing itself, has no thread and no event loop, and of the workers it knows only who is ready.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from workgate.ops.telemetry import log_refusal
from workgate.serving import READY, RETIRE

Work = Callable[[socket.socket, socket.socket], int]
"""Serves on a listening socket, with a line to the supervisor; gives the exit status."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_GRACE_SECONDS = 15
_SHORT_LIFE_SECONDS = 10
_LONGEST_PAUSE = 10.0


@dataclass(eq=False)
class _Worker:
    slot: "_Slot"
    pid: int
    line: socket.socket
    began: float
    ready: bool = False
    retired: bool = False


@dataclass(eq=False)
class _Slot:
    """One listening socket, the worker on it, and the one that will replace it."""

    number: int
    listener: socket.socket
    worker: _Worker | None = None
    successor: _Worker | None = None
    deaths: int = 0
    due: float | None = None


def pause_before_restart(deaths: int) -> float:
    """How many seconds to wait after so many deaths, each soon after the start: at first none, then ever more."""
    return 0.0 if deaths <= 1 else min(0.1 * 2 ** min(deaths - 2, 16), _LONGEST_PAUSE)


@dataclass
class Supervisor:
    """Runs one worker on each of the sockets until it is told to stop.

    Args:
        listeners: the sockets.
        work: what a worker does; it runs in a process of its own, which shares the memory of all that was loaded.
        ready: called once, when all workers serve.
        drain_seconds: for how long workers go on after they were told to stop.
    """

    listeners: Sequence[socket.socket]
    work: Work
    ready: Callable[[], None]
    drain_seconds: int = 0
    _slots: list[_Slot] = field(init=False)
    _workers: set[_Worker] = field(init=False, default_factory=set)
    _rolling: list[_Slot] = field(init=False, default_factory=list)
    _serving: bool = field(init=False, default=False)
    _kill_at: float | None = field(init=False, default=None)
    _status: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._slots = [_Slot(number, listener) for number, listener in enumerate(self.listeners, start=1)]
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; gives the exit status. SIGHUP replaces the workers one by one."""
        gc.collect()
        gc.freeze()  # so that collections in the workers do not touch, and thereby copy, what they share
        with self._selector, _signals_as_bytes() as signals:
            self._selector.register(signals, selectors.EVENT_READ)
            self._start(self._slots[0])  # alone: it creates or migrates the database, or says why it cannot
            while self._workers or self._kill_at is None:
                for key, _ in self._selector.select(self._next_deadline()):
                    if key.data is None:
                        for number in signals.recv(64):
                            self._signalled(number)
                    else:
                        self._line_speaks(key.data)
                self._deadlines_passed()
        return self._status

    def _next_deadline(self) -> float | None:
        times = [slot.due for slot in self._slots if slot.due is not None]
        times += [] if self._kill_at is None else [self._kill_at]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _deadlines_passed(self) -> None:
        now = time.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._signal_all(signal.SIGKILL)
                self._kill_at = now + _GRACE_SECONDS
            return
        for slot in self._slots:
            if slot.due is not None and now >= slot.due:
                self._start(slot)

    def _signalled(self, number: int) -> None:
        if number == signal.SIGHUP:
            if self._serving and self._kill_at is None:
                idle = not self._rolling and not any(slot.successor for slot in self._slots)
                self._rolling = list(self._slots)
                if idle:
                    self._replace_next()
        elif number == signal.SIGINT and self._kill_at is not None:
            self._status = 128 + number
            self._signal_all(signal.SIGKILL)
        elif number in {signal.SIGTERM, signal.SIGINT}:
            self._stop(0)

    def _stop(self, status: int) -> None:
        if self._kill_at is None:
            self._status = status
            self._kill_at = time.monotonic() + self.drain_seconds + _GRACE_SECONDS
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for worker in self._workers:
            os.kill(worker.pid, number)  # not reaped yet, so the number is still its own

    def _line_speaks(self, worker: _Worker) -> None:
        try:
            word = worker.line.recv(1)
        except ConnectionResetError:
            word = b""
        if word == READY:
            self._is_ready(worker)
        else:
            self._has_died(worker)

    def _is_ready(self, worker: _Worker) -> None:
        worker.ready = True
        slot = worker.slot
        if worker is slot.successor:
            if slot.worker is not None:
                slot.worker.retired = True
                with contextlib.suppress(OSError):  # it died in this moment
                    slot.worker.line.send(RETIRE)
            slot.worker, slot.successor = worker, None
            self._replace_next()
        elif not self._serving and self._kill_at is None:
            for other in self._slots:
                if other.worker is None:
                    self._start(other)
            if all(other.worker is not None and other.worker.ready for other in self._slots):
                self._serving = True
                self.ready()

    def _has_died(self, worker: _Worker) -> None:
        self._selector.unregister(worker.line)
        worker.line.close()
        self._workers.discard(worker)
        _, status = os.waitpid(worker.pid, 0)
        slot = worker.slot
        expected = worker.retired or self._kill_at is not None
        if worker is slot.worker:
            slot.worker = None
        if expected:
            return
        if not self._serving:
            self._stop(1)
            if os.WIFSIGNALED(status):
                self._report(worker, status, "nothing is served")
            return
        if worker is slot.successor:
            slot.successor = None
            self._rolling.clear()
            self._report(worker, status, "it did not become ready; the workers that are left are not replaced")
        if slot.worker is None and slot.successor is None:
            self._restart_later(worker, status)

    def _restart_later(self, worker: _Worker, status: int) -> None:
        now, slot = time.monotonic(), worker.slot
        slot.deaths = slot.deaths + 1 if now - worker.began < _SHORT_LIFE_SECONDS else 1
        pause = pause_before_restart(slot.deaths)
        slot.due = now + pause
        self._report(worker, status, f"another begins in {pause:.1f} s" if pause else "another begins at once")

    def _report(self, worker: _Worker, status: int, outcome: str) -> None:
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        log_refusal(event="worker_died", reason=f"worker {worker.slot.number} (process {worker.pid}) {how}: {outcome}")

    def _replace_next(self) -> None:
        while self._rolling and self._kill_at is None:
            slot = self._rolling.pop(0)
            if slot.worker is not None:
                self._start(slot, successor=True)
                return

    def _start(self, slot: _Slot, *, successor: bool = False) -> None:
        slot.due = None
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid, ours = self._fork(slot)
        except OSError as error:
            # No memory, no processes or no descriptors left: the others serve on, and this one is tried again.
            log_refusal(event="worker_not_started", reason=f"worker {slot.number}: {error.strerror}")
            if successor:
                self._rolling.clear()
            else:
                slot.deaths = max(slot.deaths, 1) + 1
                slot.due = time.monotonic() + pause_before_restart(slot.deaths)
            return
        worker = _Worker(slot, pid, ours, time.monotonic())
        if successor:
            slot.successor = worker
        else:
            slot.worker = worker
        self._workers.add(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _fork(self, slot: _Slot) -> tuple[int, socket.socket]:
        """Begin a worker; its process and our end of the line to it. Raises ``OSError``."""
        ours, theirs = socket.socketpair()
        # A signal must find either the supervisor's handlers or the worker's, not ours in the worker.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._become_worker(slot, theirs)
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            theirs.close()
        return pid, ours

    def _become_worker(self, slot: _Slot, line: socket.socket) -> None:
        """In the new process: be a worker, and never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # The terminal sends these to every process of the group; what they ask for, the supervisor passes on.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for key in list(self._selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
            self._selector.close()
            for other in self._slots:
                if other is not slot:
                    other.listener.close()  # else connections would wait in it that nobody accepts
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self.work(slot.listener, line)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[socket.socket]:
    """Give a socket from which the numbers of the signals can be read that arrive meanwhile."""
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
