"""Opening an installation: its key ring, its database, its way out for mail, and what every service is made of."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workgate.crypto.keys import KeyRing, KeyRingError, parse_key_ring
from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.link_origins import LinkOrigins
from workgate.domain.sign_in_ports import Mailer
from workgate.ops.audit import AuditLog
from workgate.ops.settings import Settings
from workgate.service.environments import DefaultName
from workgate.service.health import Health, WatchedClock
from workgate.service.outbox import Outbox
from workgate.signin.password import Passwords
from workgate.storage.database import Database, open_embedded, open_postgres
from workgate.storage.keyfile import KeyFile


class SystemClock(WatchedClock):
    """The machine's clock, watched by one that counts since the machine was started."""

    def __init__(self) -> None:
        super().__init__(time.time_ns, partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME))


@dataclass(frozen=True, slots=True)
class Keys:
    """The key ring with where it came from: a file is read again when it changes."""

    ring: KeyRing
    file: KeyFile | None


def load_keys(settings: Settings, entropy: Entropy) -> Keys:
    """Find the key ring: in the settings, in a named file, or in the file beside the embedded database.

    Raises:
        KeyRingError: with what is wrong.
    """
    if settings.keys is not None and not settings.keys.startswith("file:"):
        return Keys(parse_key_ring(settings.keys), None)
    file = key_file(settings)
    return Keys(file.load(entropy), file)


def key_file(settings: Settings) -> KeyFile:
    """Where the key ring is, made or not.

    Raises:
        KeyRingError: the settings name no file.
    """
    path = settings.embedded_path
    if settings.keys is not None and settings.keys.startswith("file:"):
        folder = path.parent if path is not None else Path()
        return KeyFile(folder / settings.keys.removeprefix("file:"))
    if path is not None and settings.keys is None:
        return KeyFile(path.with_suffix(".keys"))
    raise KeyRingError("with PostgreSQL the key ring must be named: WORKGATE_KEYS=file:/path/of/workgate.keys")


def open_database(settings: Settings, now: Milliseconds) -> Database:
    """Open the database that the settings name.

    Raises:
        StoreUnavailable, ValueError: it cannot be used; the message says why.
    """
    path = settings.embedded_path
    return open_postgres(settings.database_url) if path is None else open_embedded(path, now)


class Opened:
    """An installation, opened: what every service is made of.

    Args:
        settings: what the operator chose.
        clock: the one source of time.
        entropy: the one source of randomness.

    Raises:
        StoreUnavailable, KeyRingError, ValueError: it cannot be opened; the message says why.
    """

    def __init__(self, settings: Settings, *, clock: Clock, entropy: Entropy) -> None:
        self.settings = settings
        self.clock = clock
        self.entropy = entropy
        self.keys = load_keys(settings, entropy)
        self.database = open_database(settings, clock.now())
        self.database.sweeper.audit_days = settings.audit_days
        self.mint = Mint(self.keys.ring)
        self.ids = RowIds(entropy)
        self.passwords = Passwords()
        self.audit = AuditLog(self.database.audit, self.ids, clock, entropy)
        self.health = Health(clock, self.database.installation)
        self.outbox = Outbox(_mailer(settings, clock, entropy))
        self.link_origins = _link_origins(settings)
        self.default_environment = _default_name(settings.default_environment)


def _mailer(settings: Settings, clock: Clock, entropy: Entropy) -> Mailer | None:
    """How mail leaves, as the settings say; None: not at all."""
    if settings.smtp_url is not None and settings.mail_folder is not None:
        raise ValueError("smtp_url and mail_folder are both set: mail goes one way only")
    if settings.smtp_url is None and settings.mail_folder is None:
        return None
    # Who sends no mail need not wait for what that takes.
    from workgate.signin import mail  # noqa: PLC0415

    sender = mail.parse_sender(settings.mail_from)
    if settings.mail_folder is not None:
        return mail.FolderMailer(Path(settings.mail_folder), sender, clock=clock, entropy=entropy)
    server = mail.parse_smtp_url(settings.smtp_url or "")
    return mail.SmtpMailer(server, sender, clock=clock, entropy=entropy)


def _link_origins(settings: Settings) -> LinkOrigins:
    origins = LinkOrigins(settings.base_domains, settings.mail_origin)
    fault = origins.fault
    if fault is not None:
        raise ValueError(fault)
    return origins


def _default_name(text: str | None) -> DefaultName | None:
    if text is None:
        return None
    domain, dot, lane = text.partition(".")
    if not (domain and dot and lane):
        raise ValueError(f"default_environment {text!r} must be of the form domain.lane")
    return DefaultName(domain, lane)
