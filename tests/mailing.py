"""A world whose mail arrives at a server of the tests', and what its users do with it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.browser import Browser, World, a_world, form_fields
from tests.smtp import PostOffice, a_post_office

FORGOTTEN = "/forgotten"
RESET = "/reset"
_LINK = re.compile(r"^(https?://\S+)$", re.M)


@dataclass
class Mailing:
    """A world and its post office."""

    world: World
    office: PostOffice

    def settled(self) -> list[EmailMessage]:
        """What arrived, once nothing is under way any more; it is taken out."""
        self.world.stand_in.run(self.world.stand_in.workgate.outbox.finish(20))
        taken = list(self.office.arrived)
        self.office.arrived.clear()
        return taken

    def forget(self, who: str, browser: Browser | None = None, language: str = "en") -> httpx.Response:
        """Fill in the page of a forgotten password; the answer is not followed."""
        asking = browser or self.world.browser()
        fields = form_fields(asking.http.get(FORGOTTEN).text, FORGOTTEN)
        return asking.http.post(FORGOTTEN, data={**fields, "who": who}, headers={"Accept-Language": language})

    def link_for(self, who: str) -> str:
        """Have a link mailed, and take the path out of the mail that arrives."""
        assert self.forget(who).status_code == 303
        (mail,) = self.settled()
        return path_in(mail)


def address_in(mail: EmailMessage) -> str:
    """The one link of a mail."""
    (address,) = _LINK.findall(mail.get_content().replace("\r\n", "\n"))
    return str(address)


def path_in(mail: EmailMessage) -> str:
    """Path and query of the one link of a mail."""
    parts = urlsplit(address_in(mail))
    return f"{parts.path}?{parts.query}"


def choose(browser: Browser, path: str, new: str, **more: str) -> httpx.Response:
    """Follow a link, and choose a password on the page that it opens."""
    fields = form_fields(browser.http.get(path).text, RESET)
    return browser.http.post(RESET, data={**fields, "new": new, "again": new, **more})


@contextmanager
def a_mailing(**settings: Any) -> Iterator[Mailing]:
    """Make them, and run them."""
    with a_post_office() as office, a_world(smtp_url=f"smtp+insecure://127.0.0.1:{office.port}", **settings) as world:
        yield Mailing(world, office)
