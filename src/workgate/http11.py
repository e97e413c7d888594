"""HTTP/1.1 on the wire: uvicorn's protocol with bounded requests, and with less work for each answer.

It decides how much one request may send and how long it may take over it, and writes an answer that is known whole in
one piece. Whatever is not such an answer (a stream, an upgrade, an answer to HEAD, a header that must not be sent)
goes uvicorn's own way.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import unquote

import httptools
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

LARGEST_HEAD = 64 * 1024
_LARGEST_REQUEST = 1024 * 1024
_LONGEST_PIPELINE = 64
# RFC 9110 §5.1 and §5.5: names as they are written here, and values without control characters.
_IN_NAMES = b"abcdefghijklmnopqrstuvwxyz0123456789-"
_NOT_IN_VALUES = bytes([*range(9), *range(10, 32), 127])
_CHANGES_CONNECTION = frozenset({b"connection", b"transfer-encoding"})


class Exchange(RequestResponseCycle):
    """A request and its answer. The answer's head waits for the body: mostly both leave in one write."""

    _head: Message | None = None

    async def send(self, message: Any) -> None:  # noqa: ANN401 - uvicorn's own types of messages are private
        """Take an ASGI message of the answer."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            whole = self._whole(head, message)
            if whole is not None:
                self.response_started = self.response_complete = True
                self.transport.write(whole)
                self.message_event.set()
                self.on_response()
                return
            await super().send(head)  # type: ignore[arg-type]
        await super().send(message)

    def _whole(self, head: Message, body: Message) -> bytes | None:
        """Give the answer's bytes if it is one, and only one: complete, of declared length, nothing special."""
        if body.get("more_body") or not self.keep_alive or self.disconnected or self.flow.write_paused:
            return None
        content: bytes = body.get("body", b"")
        headers = [*self.default_headers, *head["headers"]]
        if self.scope["method"] == "HEAD" or (b"content-length", b"%d" % len(content)) not in headers:
            return None
        names, values = zip(*headers, strict=True)
        text = b"".join(values)
        if (
            names.count(b"content-length") != 1
            or not _CHANGES_CONNECTION.isdisjoint(names)
            or b"".join(names).translate(None, _IN_NAMES)
            or len(text.translate(None, _NOT_IN_VALUES)) != len(text)
        ):
            return None
        lines = b"\r\n".join([b": ".join(header) for header in headers])
        return b"%b%b\r\n\r\n%b" % (STATUS_LINE[head["status"]], lines, content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """For how many seconds a connection may owe us the rest of a request's head, and of its body, or not read on."""

    head_seconds: int = 10
    body_seconds: int = 30


class _Owed(Enum):
    HEAD = "head"
    BODY = "body"
    NOTHING = "nothing"


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's HTTP, with an end to what one request may send and to the time it may take over it."""

    _owed = _Owed.HEAD
    _owed_for = 0
    _unread_for = 0
    _received = 0
    _idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is too much for one request."""
        if self._received > (_LARGEST_REQUEST if self._owed is _Owed.BODY else LARGEST_HEAD):
            self.transport.close()
            return
        self._received += len(data)
        self._idle_since = None
        if self._owed is _Owed.NOTHING:
            self._owed, self._owed_for = _Owed.HEAD, 0
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count."""
        if self._owed is _Owed.NOTHING:
            self._owed, self._owed_for = _Owed.HEAD, 0
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The request is here; what comes next belongs to another one."""
        self._owed, self._received = _Owed.NOTHING, 0
        super().on_message_complete()

    def second_passed(self, patience: Patience) -> None:
        """Close the connection if its request is overdue, or our answer is not read.

        One round over all connections is cheaper than timers.
        """
        self._unread_for = self._unread_for + 1 if self.flow.write_paused else 0
        if self._unread_for > patience.body_seconds:
            self.transport.abort()
        if self._owed is _Owed.NOTHING:
            return
        self._owed_for += 1
        if self._owed_for > (patience.head_seconds if self._owed is _Owed.HEAD else patience.body_seconds):
            self.transport.close()

    def answer_and_close(self) -> None:
        """Let the answer under way be the connection's last, and say so in it if it has not begun."""
        # Uvicorn's annotation leaves out that there is none before the first request.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self.cycle.keep_alive = False

    def on_headers_complete(self) -> None:
        """Dispatch the request; what follows are no headers of it, for trailers pass proxies unseen."""
        self._owed, self._owed_for = _Owed.BODY, 0
        parser, scope, previous = self.parser, self.scope, self.cycle
        scope["method"] = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        if version != "1.1":
            scope["http_version"] = version
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        self.cycle = Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.headers = []
        if previous is None or previous.response_complete:  # type: ignore[redundant-expr]  # before the first it is None
            self._start_asgi_task(self.cycle, self.app)
        else:
            # A pipelined request waits for the answer to the one before; nobody needs more of them than browsers sent.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
            if len(self.pipeline) > _LONGEST_PIPELINE:
                self.transport.abort()

    def on_response_complete(self) -> None:
        """Go on with the next request that waits, or note since when there is none."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_after(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if nothing came for so long; else look again when that may be."""
        left: float = self.timeout_keep_alive
        if self._idle_since is not None:
            left -= self.loop.time() - self._idle_since
        if left > 0:
            self._look_again_after(left)
        elif not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what the connection kept."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def _look_again_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer: setting one for each answer and ending it for each request costs more than to look again."""
