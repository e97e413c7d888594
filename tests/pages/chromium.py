"""The system's Chromium, and pages that are watched: whatever a page complains of is a fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

EXECUTABLE = Path("/usr/bin/chromium")
WIDE = {"width": 1200, "height": 900}
NARROW = {"width": 360, "height": 740}
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def a_chromium() -> Iterator[Browser]:
    """Start Chromium, and end it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What went on in a context: its requests, and what was wrong.

    Errors of the console count, among them every violation of a page's content security policy; so do scripts that
    fail, and requests to anywhere but this machine.
    """

    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _refused_pages: set[str] = field(default_factory=set)
    _refused_calls: set[str] = field(default_factory=set)

    def attach(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("request", self._requested)
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))

    def posts(self, path: str) -> list[Request]:
        """The posts that were sent to a path."""
        return [sent for sent in self.requests if sent.method == "POST" and urlsplit(sent.url).path == path]

    @contextmanager
    def expecting(self, address: str) -> Iterator[None]:
        """Let answers to scripts from an address, whatever its query, be errors for a while."""
        self._refused_calls.add(address)
        yield
        self._refused_calls.discard(address)

    def _requested(self, request: Request) -> None:
        self.requests.append(request)
        host = urlsplit(request.url).hostname or ""
        if host not in {"localhost", "127.0.0.1"} and not host.endswith(".localhost"):
            self.faults.append(f"a request to {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self._refused_pages.add(response.url)

    def _said(self, message: ConsoleMessage) -> None:
        # Chromium writes a line for a page with a 4xx status too; those pages are what some tests are about.
        is_status = message.text.startswith("Failed to load resource: the server responded with a status of")
        url = message.location["url"]
        if is_status and (url in self._refused_pages or url.partition("?")[0] in self._refused_calls):
            return
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text} ({message.location['url']})")


@contextmanager
def a_page(browser: Browser, **options: Any) -> Iterator[tuple[Page, Watch]]:
    """Open a page in a context of its own, without the machine's animations and by default wide."""
    with browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", "locale": "en-GB", **options}) as context:
        context.set_default_timeout(15_000)
        watch = Watch()
        watch.attach(context)
        yield context.new_page(), watch
