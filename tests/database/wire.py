"""A wire between a server and its PostgreSQL that can swallow the answer to a statement, and then breaks."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

_CHUNK = 65_536


class Wire:
    """Forwards connections from a port of its own to a database on loopback.

    Args:
        target: the database's port.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._wanted: re.Pattern[bytes] | None = None
        self._swallowed = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="wire", daemon=True).start()

    def swallow(self, statement: str) -> None:
        """Swallow the answer to the next statement whose SQL this expression finds, then close the connection."""
        self._swallowed.clear()
        self._wanted = re.compile(statement.encode(), re.IGNORECASE | re.DOTALL)

    def has_swallowed(self, within: float) -> bool:
        """Wait until it did; the database had done what it was asked to do."""
        return self._swallowed.wait(within)

    def close(self) -> None:
        """Close everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still = list(self._open)
        for end in still:
            _break(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                server, _ = self._listener.accept()
                with suppress(OSError):
                    database = socket.create_connection(("127.0.0.1", self._target), timeout=10)
                    database.settimeout(None)
                    self._forward(server, database)

    def _forward(self, server: socket.socket, database: socket.socket) -> None:
        for end in (server, database):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {server, database}
        link = _Link(self, server, database)
        for work in (link.forth, link.back):
            threading.Thread(target=work, name="wire", daemon=True).start()

    def wants(self, statement: bytes) -> bool:
        """Tell whether this statement's answer is to be swallowed; only one is."""
        with self._lock:
            if self._wanted is None or self._wanted.search(statement) is None:
                return False
            self._wanted = None
            return True

    def note_swallowed(self) -> None:
        """An answer is gone."""
        self._swallowed.set()

    def forget(self, *ends: socket.socket) -> None:
        """Close both ends of a link."""
        with self._lock:
            self._open -= set(ends)
        for end in ends:
            _break(end)


class _Link:
    """One connection. Statements are told apart by the protocol's Parse, Bind and Query messages."""

    def __init__(self, wire: Wire, server: socket.socket, database: socket.socket) -> None:
        self._wire, self._server, self._database = wire, server, database
        self._buffer = b""
        self._started = False
        self._statements: dict[bytes, bytes] = {}
        self._swallow = False

    def forth(self) -> None:
        """From the server to the database."""
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                self._buffer += data
                for kind, body in self._messages():
                    self._read(kind, body)
                self._database.sendall(data)
        self._wire.forget(self._server, self._database)

    def back(self) -> None:
        """From the database to the server."""
        with suppress(OSError):
            while data := self._database.recv(_CHUNK):
                if self._swallow:
                    self._wire.note_swallowed()
                    break
                self._server.sendall(data)
        self._wire.forget(self._server, self._database)

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            head = 1 if self._started else 0  # the first message has no type
            if len(self._buffer) < head + 4:
                return
            size = head + int.from_bytes(self._buffer[head : head + 4], "big")
            if len(self._buffer) < size:
                return
            kind, body = self._buffer[:head], self._buffer[head + 4 : size]
            self._buffer = self._buffer[size:]
            self._started = self._started or body[:2] == b"\x00\x03"
            yield kind, body

    def _read(self, kind: bytes, body: bytes) -> None:
        if kind == b"P":
            name, statement, *_ = body.split(b"\0", 2)
            self._statements[name] = statement
        elif kind == b"B":
            _, name, *_ = body.split(b"\0", 2)
            self._swallow = self._swallow or self._wire.wants(self._statements.get(name, b""))
        elif kind == b"Q":
            self._swallow = self._swallow or self._wire.wants(body)


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def a_wire(target: int) -> Iterator[Wire]:
    """Lay one."""
    with closing(Wire(target)) as made:
        yield made
