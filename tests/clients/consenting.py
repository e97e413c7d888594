"""What happens between a client library's two halves: the user opens its address, signs in, allows, and comes back."""

from tests.browser import Browser

from workgate.oauth.metadata import AUTHORIZE_PATH


def redirected_from(browser: Browser, address: str) -> str:
    """Open an authorization address as it is, sign in if need be, allow, and give where the browser is sent."""
    page = browser.http.get(address)
    if page.status_code == 302 and page.headers["location"].startswith("/login"):
        assert browser.sign_in().status_code == 303
        page = browser.http.get(address)
    assert page.status_code == 200, f"{AUTHORIZE_PATH}: {page.status_code} {page.headers.get('location')} {page.text}"
    answer = browser.decide(page)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])
