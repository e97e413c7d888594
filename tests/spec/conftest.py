"""A world that the tests of one file share: they do not disturb each other, and the clock only moves forward."""

from collections.abc import Iterator

import pytest
from tests.browser import Browser, World, a_world


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A world without the limits that many tests in one minute would run into."""
    with a_world(client_failures=100_000, applications_per_environment=1000) as made:
        yield made


@pytest.fixture(scope="module")
def ann(shared: World) -> Browser:
    """Ann's browser, signed in."""
    browser = shared.browser()
    assert browser.sign_in().status_code == 303
    return browser
