"""How mail leaves: through an SMTP server, or into a folder where a developer reads it.

A server is spoken to over TLS that is checked: from the start (``smtps``), or before anything else is said (``smtp``,
RFC 3207). One that offers no TLS gets no mail, unless its address says ``smtp+insecure``. Each mail goes over a
connection of its own, in a thread, and every wait for the server has an end.
"""

import asyncio
import os
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workgate.domain.ids import Clock, Entropy
from workgate.domain.mails import Mail, is_usable
from workgate.domain.sign_in_ports import MailFailed

_SCHEMES = {"smtps": 465, "smtp": 587, "smtp+insecure": 25}
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom mail is from; and the domain of message IDs."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """What comes after the address's sign."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail is handed over, and as whom."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_sender(text: str) -> Sender:
    """Read ``Name <address>`` or an address.

    Raises:
        ValueError: it is neither.
    """
    match getaddresses([text]):
        case [(name, address)] if is_usable(address) and text.isprintable():
            return Sender(name, address)
    raise ValueError("mail_from must be an address, or a name and an address: Workgate <workgate@acme.example>")


def parse_smtp_url(url: str) -> SmtpServer:
    """Read ``smtps://user:password@host:port``; user and password are percent-encoded.

    Raises:
        ValueError: it cannot be understood; the message does not repeat it, for it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in _SCHEMES or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("smtp_url must be smtps://user:password@host:465, or smtp:// of a server that offers STARTTLS")
    return SmtpServer(
        scheme=parts.scheme,
        host=host,
        port=port or _SCHEMES[parts.scheme],
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def message_of(mail: Mail, sender: Sender, clock: Clock, entropy: Entropy, *, encoding: str) -> EmailMessage:
    """Write a mail as RFC 5322 has it, its body in one of MIME's encodings.

    Raises:
        MailFailed: there is no such address, and never will be.
    """
    if not is_usable(mail.to):
        raise MailFailed("the user's e-mail address cannot be written to", again=False)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(clock.now() / 1000, UTC))
    message["Message-ID"] = f"<{entropy(16).hex()}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
    message.set_content(mail.body, cte=encoding)
    return message


class SmtpMailer:
    """Hands mail to an SMTP server.

    Args:
        server: which one.
        sender: whom mail is from.
        clock: dates it.
        entropy: names it.
        trust: whose certificates are believed; by default the machine's authorities.
        seconds: how long any single wait may last.
    """

    def __init__(
        self,
        server: SmtpServer,
        sender: Sender,
        *,
        clock: Clock,
        entropy: Entropy,
        trust: ssl.SSLContext | None = None,
        seconds: float = 10,
    ) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._entropy = entropy
        self._trust = trust
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="workgate-smtp")

    async def send(self, mail: Mail) -> None:
        """Hand a mail over; see the port."""
        encoding = "7bit" if mail.body.isascii() else "quoted-printable"
        message = message_of(mail, self._sender, self._clock, self._entropy, encoding=encoding)
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._hand_over, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise MailFailed(f"the server refused the recipient ({codes[0]})", again=codes[0] < 500) from None
        except smtplib.SMTPAuthenticationError as error:
            raise MailFailed(f"the server refused the login ({error.smtp_code})", again=True) from None
        except smtplib.SMTPResponseException as error:
            raise MailFailed(f"the server answered {error.smtp_code}", again=error.smtp_code < 500) from None
        except smtplib.SMTPNotSupportedError:
            raise MailFailed("the server offers no TLS, or no login over it", again=True) from None
        except ssl.SSLError as error:
            raise MailFailed(f"the server's TLS is not good: {error.reason}", again=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(f"the server cannot be reached: {type(error).__name__}", again=True) from None

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hand_over(self, message: EmailMessage) -> None:
        server = self._server
        trust = self._trust or ssl.create_default_context()
        host, port, us = server.host, server.port, self._sender.domain
        connection: smtplib.SMTP
        if server.scheme == "smtps":
            connection = smtplib.SMTP_SSL(host, port, us, timeout=self._seconds, context=trust)
        else:
            connection = smtplib.SMTP(host, port, us, timeout=self._seconds)
        with connection:
            if server.scheme == "smtp":
                connection.starttls(context=trust)
            if server.username is not None:
                connection.login(server.username, server.password or "")
            connection.send_message(message)


class FolderMailer:
    """Writes each mail to a file of its own, which only its owner reads: for trying Workgate out.

    Args:
        folder: where; it is made.
        sender: whom mail is from.
        clock: dates it.
        entropy: names it.
    """

    def __init__(self, folder: Path, sender: Sender, *, clock: Clock, entropy: Entropy) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock
        self._entropy = entropy

    async def send(self, mail: Mail) -> None:
        """Write a mail down; see the port."""
        # Nothing is encoded, so that a link is in one piece for whoever reads the file.
        message = message_of(mail, self._sender, self._clock, self._entropy, encoding="8bit")
        name = f"{self._clock.now()}-{self._entropy(4).hex()}.eml"
        try:
            self._write(name, bytes(message))
        except OSError as error:
            raise MailFailed(f"the folder for mail cannot be written to: {error.strerror}", again=True) from None

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, name: str, content: bytes) -> None:
        """Write the file whole or not at all: whoever looks for new ones finds no half."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = self._folder / f".{name}.begun"
        with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        begun.replace(self._folder / name)
