"""The way out for mail: whoever asks for one goes on at once, and what becomes of it shows in the log only.

What is to be written, and whether anything is, is found out here in the background: nobody can tell by the time of an
answer whether a mail went out, or to whom. The queue is bounded; what does not fit is dropped, and said.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from workgate.domain.mails import Mail
from workgate.domain.ports import StoreUnavailable
from workgate.domain.sign_in_ports import Mailer, MailFailed
from workgate.ops.telemetry import described, log_refusal

Write = Callable[[], Awaitable[Sequence[Mail]]]
LONGEST_QUEUE = 1000
PAUSES = (2.0, 10.0, 60.0)
_AT_ONCE = 4


class Outbox:
    """Writes and sends mail in the background, while ``run`` runs.

    Args:
        mailer: how mail leaves; None: not at all, and then nothing is taken.
        pauses: seconds between tries; a mail that fails once more than there are pauses is given up.
        longest: how many may wait.
    """

    def __init__(
        self, mailer: Mailer | None, *, pauses: Sequence[float] = PAUSES, longest: int = LONGEST_QUEUE
    ) -> None:
        self._mailer = mailer
        self._pauses = pauses
        self._waiting: asyncio.Queue[Write] = asyncio.Queue(longest)
        self.sent: Callable[[Mail], None] = lambda _: None
        """Called with each mail that left."""

    @property
    def is_open(self) -> bool:
        """Whether mail can leave at all."""
        return self._mailer is not None

    def post(self, write: Write) -> None:
        """Have mails written and sent, none or some, whenever it can be done; returns at once."""
        if self._mailer is None:
            log_refusal(event="mail_not_sent", reason="neither smtp_url nor mail_folder is set")
            return
        try:
            self._waiting.put_nowait(write)
        except asyncio.QueueFull:
            log_refusal(event="mail_not_sent", reason="too much mail is waiting")

    async def run(self) -> None:
        """Send what is posted, some at once, until cancelled."""
        if self._mailer is not None:
            await asyncio.gather(*(self._work(self._mailer) for _ in range(_AT_ONCE)))

    async def flush(self) -> None:
        """Write and send here and now what was posted: for a command, in which nothing runs in the background."""
        while self._mailer is not None and not self._waiting.empty():
            await self._next(self._mailer)

    async def finish(self, seconds: float) -> None:
        """Wait until nothing is left to do, but no longer than so many seconds. ``run`` must be running."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), seconds)

    def close(self) -> None:
        """Let go of what sending needed."""
        if self._mailer is not None:
            self._mailer.close()

    async def _work(self, mailer: Mailer) -> None:
        while True:
            await self._next(mailer)

    async def _next(self, mailer: Mailer) -> None:
        write = await self._waiting.get()
        try:
            await self._write_and_send(mailer, write)
        except Exception as error:
            log_refusal(event="mail_failed", error=described(error))
        finally:
            self._waiting.task_done()

    async def _write_and_send(self, mailer: Mailer, write: Write) -> None:
        for pause in (*self._pauses, None):
            try:
                mails = await write()
                break
            except StoreUnavailable as error:
                if pause is None:
                    log_refusal(event="mail_failed", reason=str(error))
                    return
                await asyncio.sleep(pause)
        for mail in mails:
            await self._send(mailer, mail)

    async def _send(self, mailer: Mailer, mail: Mail) -> None:
        for pause in (*self._pauses, None):
            try:
                await mailer.send(mail)
                self.sent(mail)
                return
            except MailFailed as error:
                last = pause is None or not error.again
                event = "mail_failed" if last else "mail_delayed"
                log_refusal(event=event, actor=mail.user_id, reason=str(error))
                if pause is None or last:
                    return
                await asyncio.sleep(pause)
