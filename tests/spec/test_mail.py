"""Mail leaves over TLS that is checked, or not at all; a server that fails or hangs holds nobody up (SECURITY 28)."""

import asyncio
import email
import email.policy
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.builders import NOW, Bytes
from tests.database.certificates import Authority
from tests.smtp import PostOffice, a_post_office

from workgate.domain.ids import ObjectId
from workgate.domain.mails import Mail
from workgate.domain.ports import StoreUnavailable
from workgate.domain.sign_in_ports import Mailer, MailFailed
from workgate.ops.settings import load_settings
from workgate.server import Workgate
from workgate.service.outbox import Outbox
from workgate.signin.mail import FolderMailer, Sender, SmtpMailer, parse_sender, parse_smtp_url
from workgate.testing import HeldClock, StandIn

SENDER = Sender("Workgate", "workgate@acme.example")
LINK = "https://acme.example/reset?link=wgl_secret"


def a_mail(**changes: Any) -> Mail:
    body = f"Hello Ann,\n\n{LINK}\n\nÈ tutto.\n"
    given = {
        "to": "ann@acme.example",
        "subject": "Perché no?",
        "body": body,
        "link": LINK,
        "user_id": ObjectId("a" * 32),
    }
    return Mail(**{**given, **changes})


class Trust:
    """An authority, and what each side of a connection needs of it."""

    def __init__(self, folder: Path, *names: str) -> None:
        authority = Authority(folder)
        made = authority.certificate_for(*names)
        self.file = authority.certificate
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(made.certificate, made.key)
        self.client = ssl.create_default_context(cafile=authority.certificate)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("authority"), "localhost", "127.0.0.1")


def a_mailer(url: str, trust: ssl.SSLContext | None = None, seconds: float = 10) -> SmtpMailer:
    return SmtpMailer(parse_smtp_url(url), SENDER, clock=HeldClock(NOW), entropy=Bytes(), trust=trust, seconds=seconds)


def send(mailer: SmtpMailer, mail: Mail | None = None) -> None:
    try:
        asyncio.run(mailer.send(mail or a_mail()))
    finally:
        mailer.close()


def check(office: PostOffice) -> None:
    (mail,) = office.wait_for(1)
    assert office.recipients == ["ann@acme.example"]
    assert (mail["From"], mail["To"]) == ("Workgate <workgate@acme.example>", "ann@acme.example")
    assert mail["Subject"] == "Perché no?"
    assert mail["Message-ID"].endswith("@acme.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == a_mail().body


@pytest.mark.spec("RFC 8314", "3.3", "mail goes over TLS from the start, checked and with a login")
def test_implicit_tls(trust: Trust) -> None:
    with a_post_office(tls=trust.server, auth_require_tls=False) as office:
        send(a_mailer(f"smtps://work%40gate:s3%3Acret%2F@localhost:{office.port}", trust.client))
        check(office)
        assert office.logins == [("work@gate", "s3:cret/")]


@pytest.mark.spec("RFC 3207", "4", "or over TLS that begins before anything else is said")
def test_starttls(trust: Trust) -> None:
    with a_post_office(starttls=trust.server, require_starttls=True) as office:
        send(a_mailer(f"smtp://workgate:s3%3Acret%2F@127.0.0.1:{office.port}", trust.client))
        check(office)
        assert office.logins == [("workgate", "s3:cret/")]


@pytest.mark.spec("RFC 3207", "6", "a server, or somebody between, that offers no TLS gets neither mail nor password")
def test_no_tls_is_offered() -> None:
    with a_post_office(auth_require_tls=False) as office:
        with pytest.raises(MailFailed, match="offers no TLS") as failed:
            send(a_mailer(f"smtp://workgate:s3%3Acret%2F@127.0.0.1:{office.port}"))
        assert failed.value.again
        assert (office.arrived, office.logins) == ([], [])


@pytest.mark.spec("RFC 8314", "5.5", "a certificate of nobody that is trusted, or for another name, gets no mail")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_certificates(trust: Trust, tmp_path: Path, scheme: str) -> None:
    stranger = Trust(tmp_path, "smtp.other.example")
    for server, client in ((stranger.server, trust.client), (stranger.server, stranger.client)):
        options = {"starttls": server} if scheme == "smtp" else {"tls": server}
        with a_post_office(**options) as office:
            with pytest.raises(MailFailed, match="TLS is not good"):
                send(a_mailer(f"{scheme}://workgate:s3%3Acret%2F@localhost:{office.port}", client))
            assert (office.arrived, office.logins) == ([], [])


def test_without_tls_only_by_name() -> None:
    with a_post_office() as office:
        send(a_mailer(f"smtp+insecure://127.0.0.1:{office.port}"))
        check(office)


def test_a_wrong_login(trust: Trust) -> None:
    with a_post_office(tls=trust.server, auth_require_tls=False) as office:
        with pytest.raises(MailFailed, match=r"refused the login \(535\)") as failed:
            send(a_mailer(f"smtps://workgate:wrong@localhost:{office.port}", trust.client))
        assert "wrong" not in str(failed.value)


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(MailFailed, match="cannot be reached: ConnectionRefusedError"):
        send(a_mailer(f"smtp+insecure://127.0.0.1:{port}"))


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+insecure"])
def test_a_server_that_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailFailed, match="cannot be reached"):
        send(a_mailer(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2))


@pytest.mark.parametrize(("answer", "again"), [("451 later", True), ("554 never", False)])
def test_what_a_server_refuses(answer: str, again: bool) -> None:
    with a_post_office() as office:
        office.refusals.append(answer)
        with pytest.raises(MailFailed, match=f"answered {answer[:3]}") as failed:
            send(a_mailer(f"smtp+insecure://127.0.0.1:{office.port}"))
        assert failed.value.again is again


@pytest.mark.spec("RFC 5322", "2.2", "an address or a subject makes no header of its own")
@pytest.mark.parametrize("to", ["ann@acme.example\r\nBcc: eve@x.example", "ann@acme.example, eve@x.example", "ann"])
def test_no_header_is_made_by_an_address(to: str) -> None:
    with a_post_office() as office:
        with pytest.raises(MailFailed, match="cannot be written to") as failed:
            send(a_mailer(f"smtp+insecure://127.0.0.1:{office.port}"), a_mail(to=to))
        assert not failed.value.again
        with pytest.raises(ValueError, match="linefeed or carriage return"):
            send(a_mailer(f"smtp+insecure://127.0.0.1:{office.port}"), a_mail(subject="x\r\nBcc: eve@evil.example"))
        assert office.tries == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "smtp://",
        "smtp:secret@host",
        "http://secret@host",
        "smtps://secret@host/path",
        "smtps://secret@host:x",
        "smtps://secret@[::1",
    ],
)
def test_addresses_of_servers_that_cannot_be(url: str) -> None:
    with pytest.raises(ValueError, match="smtp_url must be") as failed:
        parse_smtp_url(url)
    assert "secret" not in str(failed.value)


def test_settings_of_mail(tmp_path: Path) -> None:
    assert (parse_smtp_url("smtp://h").port, parse_smtp_url("smtps://h").port) == (587, 465)
    assert "secret" not in repr(parse_smtp_url("smtps://me:secret@h"))
    assert parse_sender("Acme <a@acme.example>") == Sender("Acme", "a@acme.example")
    for sender in ("", "Acme", "Acme <x>", "a@acme.example, b@acme.example", "x\n <a@acme.example>"):
        with pytest.raises(ValueError, match="mail_from"):
            parse_sender(sender)
    own = {"database_url": f"sqlite:///{tmp_path / 'w.db'}"}
    wrong = (
        {"smtp_url": "smtp://h", "mail_folder": "mail"},
        {"smtp_url": "nonsense"},
        {"mail_folder": "mail", "mail_from": "nobody"},
        {"mail_origin": "nonsense"},
    )
    for settings in wrong:
        with pytest.raises(ValueError, match=r"mail|smtp_url"):
            Workgate(load_settings({}, **own, **settings), clock=HeldClock())


def test_a_folder_takes_mail(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mail"
    mailer = FolderMailer(folder, SENDER, clock=HeldClock(NOW), entropy=Bytes())
    for _ in range(2):
        asyncio.run(mailer.send(a_mail()))
    mailer.close()
    files = sorted(folder.iterdir())
    assert [(file.suffix, file.stat().st_mode & 0o777) for file in files] == [(".eml", 0o600)] * 2
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in files:
        assert f"\n{LINK}\n" in file.read_text(encoding="utf-8")
        read = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert read.get_content().replace("\r\n", "\n") == a_mail().body


def test_a_folder_that_takes_no_mail(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file stands in its place")
    mailer = FolderMailer(tmp_path / "mail", SENDER, clock=HeldClock(NOW), entropy=Bytes())
    with pytest.raises(MailFailed, match="cannot be written to"):
        asyncio.run(mailer.send(a_mail()))


async def _mails(*mails: Mail) -> Sequence[Mail]:
    return mails


def deliver(mailer: Mailer | None, *posts: Callable[[], Any], **options: Any) -> list[Mail]:
    """Post to an outbox whose pauses are none, and wait until it has done all that it will do."""

    async def work() -> list[Mail]:
        outbox = Outbox(mailer, **{"pauses": (0, 0), **options})
        sent: list[Mail] = []
        outbox.sent = sent.append
        for write in posts:
            outbox.post(write)
        running = asyncio.create_task(outbox.run())
        await outbox.finish(15)
        running.cancel()
        await asyncio.wait([running])
        outbox.close()
        return sent

    return asyncio.run(work())


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """What the operator's log says: events with their reasons; never an address or a link."""
    caplog.set_level(logging.DEBUG)

    def read() -> list[tuple[str, str]]:
        fields = [getattr(record, "workgate_fields", {}) for record in caplog.records if record.name == "workgate"]
        events = [record.getMessage() for record in caplog.records if record.name == "workgate"]
        return [(event, field.get("reason", "")) for event, field in zip(events, fields, strict=True)]

    yield read
    assert "acme.example" not in caplog.text
    assert "wgl_" not in caplog.text


def test_a_mail_is_tried_again(said: Callable[[], list[tuple[str, str]]]) -> None:
    with a_post_office() as office:
        office.refusals += ["451 later", "421 later still"]
        sent = deliver(a_mailer(f"smtp+insecure://127.0.0.1:{office.port}"), lambda: _mails(a_mail()))
        assert (len(sent), office.tries, len(office.arrived)) == (1, 3, 1)
    assert [event for event, _ in said()] == ["mail_delayed", "mail_delayed"]


def test_a_mail_is_given_up(said: Callable[[], list[tuple[str, str]]]) -> None:
    with a_post_office() as office:
        office.refusals += ["451 later"] * 3 + ["554 never"]
        mailer = a_mailer(f"smtp+insecure://127.0.0.1:{office.port}")
        assert deliver(mailer, lambda: _mails(a_mail())) == []
        assert office.tries == 3
        mailer = a_mailer(f"smtp+insecure://127.0.0.1:{office.port}")
        assert deliver(mailer, lambda: _mails(a_mail(), a_mail(user_id=ObjectId("b" * 32)))) != []
        assert office.tries == 5  # what is refused for good is not tried again, and the next one goes out
    assert [event for event, _ in said()] == ["mail_delayed", "mail_delayed", "mail_failed", "mail_failed"]


def test_what_cannot_be_written_is_given_up_too(said: Callable[[], list[tuple[str, str]]]) -> None:
    async def unavailable() -> Sequence[Mail]:
        raise StoreUnavailable("the database does not answer")

    async def mistaken() -> Sequence[Mail]:
        raise KeyError(LINK)

    with a_post_office() as office:
        mailer = a_mailer(f"smtp+insecure://127.0.0.1:{office.port}")
        sent = deliver(mailer, unavailable, mistaken, lambda: _mails(a_mail()))
        assert (len(sent), len(office.arrived)) == (1, 1)
    assert [event for event, _ in said()] == ["mail_failed", "mail_failed"]


def test_too_much_mail_is_dropped_and_said(said: Callable[[], list[tuple[str, str]]]) -> None:
    with a_post_office() as office:
        mailer = a_mailer(f"smtp+insecure://127.0.0.1:{office.port}")
        assert len(deliver(mailer, *[lambda: _mails(a_mail())] * 5, longest=3)) == 3
    assert said() == [("mail_not_sent", "too much mail is waiting")] * 2
    assert deliver(None, lambda: _mails(a_mail())) == []
    assert said()[2:] == [("mail_not_sent", "neither smtp_url nor mail_folder is set")]


def test_a_stopping_server_does_not_wait_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with StandIn(smtp_url=f"smtp+insecure://127.0.0.1:{silent.getsockname()[1]}") as stand_in:
            (acme,) = stand_in.create_org("acme")
            stand_in.create_user(acme, "ann", email="ann@acme.example")
            outbox = stand_in.workgate.outbox
            outbox.post(lambda: _mails(a_mail()))
            # It is with the server that never answers.
            silent.accept()[0].close()
        assert outbox.is_open
