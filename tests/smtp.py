"""An SMTP server of somebody else's making, as the tests need it: with TLS or without, willing, failing or silent."""

import asyncio
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PATIENCE = 15


@dataclass
class PostOffice:
    """What arrived, and how the server answers; ``refusals`` are used up first, one for each mail."""

    port: int
    arrived: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tries: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[EmailMessage]:
        """Wait until so many mails arrived."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.arrived) >= count, PATIENCE), f"{len(self.arrived)} arrived"
            return list(self.arrived)

    def wait_for_tries(self, count: int) -> None:
        """Wait until it was tried so often."""
        with self._news:
            assert self._news.wait_for(lambda: self.tries >= count, PATIENCE), f"tried {self.tries} times"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail, or refuse it."""
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        with self._news:
            self.tries += 1
            refusal = self.refusals.pop(0) if self.refusals else None
            if refusal is None:
                self.recipients += envelope.rcpt_tos
                self.arrived.append(email.message_from_bytes(content, policy=email.policy.default))
            self._news.notify_all()
        return refusal or "250 taken"

    def authenticate(self, *call: Any) -> AuthResult:
        """Let whoever knows the password in."""
        login = call[-1]
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=login.password == b"s3:cret/", handled=False)


@contextmanager
def a_post_office(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[PostOffice]:
    """Run a server on a port of its own, with TLS from the start, when it is asked for, or never."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="smtp-of-the-tests", daemon=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        office = PostOffice(listener.getsockname()[1])

        def protocol() -> SMTP:
            given = {"authenticator": office.authenticate, **options}
            return SMTP(office, hostname="smtp.test", tls_context=starttls, loop=loop, **given)

        thread.start()
        opening = loop.create_server(protocol, sock=listener, ssl=tls)
        server = asyncio.run_coroutine_threadsafe(opening, loop).result(PATIENCE)
        try:
            yield office
        finally:
            loop.call_soon_threadsafe(server.close)
            asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()
