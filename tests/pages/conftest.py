"""One Chromium and one site for all tests of this folder; a fresh context for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.pages.chromium import EXECUTABLE, Watch, a_chromium, a_page
from tests.pages.site import Site, a_site

AXE = Path(__file__).parents[1] / "clients" / "node" / "node_modules" / "axe-core" / "axe.min.js"
OpenPage = Callable[..., tuple[Page, Watch]]


# For the package, not the session: while Playwright runs, the thread counts as inside an event loop, and tests of other
# folders could not begin one.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is not installed")
    with a_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """Workgate and the example app, running."""
    with a_site() as made:
        yield made


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own; afterwards, none of them may have complained."""
    watches: list[Watch] = []
    with ExitStack() as stack:

        def opener(**options: Any) -> tuple[Page, Watch]:
            page, watch = stack.enter_context(a_page(chromium, **options))
            watches.append(watch)
            return page, watch

        yield opener
    assert [fault for watch in watches for fault in watch.faults] == []


@pytest.fixture(scope="package")
def axe() -> str:
    """The script that looks for what is not accessible."""
    if not AXE.exists():
        pytest.skip("the packages of tests/clients/node are not installed: scripts/setup.sh test")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page in a fresh context."""
    opened, _ = open_page()
    return opened
