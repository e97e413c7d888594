"""Browsers and programs by the words that their users know."""

import pytest

from workgate.web.agents import agent_words

_APPLE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_APPLE} Chrome/131.0 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_APPLE} Chrome/131.0 Safari/537.36 Edg/131.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 14) {_APPLE} Chrome/131.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            f"Mozilla/5.0 (iPhone; like Mac OS X) {_APPLE} Version/18 Safari/604.1",
            "Safari on iPhone",
        ),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 Firefox/1", "Firefox"),
        ("curl/8.5.0", "The program curl 8.5.0"),
        ("python-httpx/0.28.1", "The program python-httpx 0.28.1"),
        ("MyRobot", "The program MyRobot"),
        ("", "A browser or program that does not say what it is"),
        (None, "A browser or program that does not say what it is"),
        ("Mozilla/5.0 (compatible)", "A browser or program that does not say what it is"),
        ("<script>alert(1)</script>", "A browser or program that does not say what it is"),
        ("\u202eevil", "A browser or program that does not say what it is"),
        ("x" * 200, f"The program {'x' * 40}"),
    ],
)
def test_words(agent: str | None, words: str) -> None:
    assert str(agent_words(agent)) == words
