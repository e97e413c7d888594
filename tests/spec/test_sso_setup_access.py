"""Who reaches the setup pages of identity providers: administrators of the environment, with forms of their sign-in."""

from collections.abc import Iterator

import httpx
import pytest
from tests.administering import multipart
from tests.browser import Browser, World, a_world, form_fields
from tests.providers.scripted import ScriptedProvider, a_provider
from tests.providers.signing_in import set_up
from tests.saml import signing_in as saml
from tests.spec.test_sso_setup import IDP, SSO, all_stored


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    """Acme's administrator let providers be on this machine."""
    with a_world(sso_private_addresses=True) as made:
        yield made


@pytest.fixture(scope="module")
def provider(there: World) -> Iterator[ScriptedProvider]:
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    """The limits count by the minute."""
    there.clock.advance(61)


@pytest.fixture
def admin(there: World) -> Browser:
    browser = there.browser()
    assert browser.sign_in().status_code == 303
    return browser


PATHS = [
    ("GET", ""),
    ("GET", "/new/oidc"),
    ("POST", "/new/oidc"),
    ("GET", "/new/saml"),
    ("POST", "/new/saml"),
    ("GET", "/{oidc}"),
    ("POST", "/{oidc}"),
    ("GET", "/{saml}"),
    ("POST", "/{saml}"),
    ("POST", "/{oidc}/on"),
    ("POST", "/{oidc}/off"),
    ("GET", "/{oidc}/delete"),
    ("POST", "/{oidc}/delete"),
]


@pytest.fixture(scope="module")
def rows(there: World, provider: ScriptedProvider) -> dict[str, str]:
    return {
        "oidc": str(set_up(there, provider, there.acme, name="Standing").provider_id),
        "saml": str(saml.set_up(there, IDP, name="Standing too").provider_id),
    }


def ask(browser: Browser, method: str, path: str, csrf: str = "") -> httpx.Response:
    if method == "GET":
        return browser.http.get(path)
    fields = {"csrf": csrf, "name": "forged", "issuer": "https://evil.example", "client_id": "x", "seen": ""}
    return multipart(browser, path, fields) if "saml" in path else browser.http.post(path, data=fields)


@pytest.mark.spec("OWASP ASVS", "V8.3", "only administrators set identity providers up, with forms of their own")
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_who_may_not(there: World, admin: Browser, rows: dict[str, str], method: str, path: str) -> None:
    address = SSO + path.format(**rows)
    before = all_stored(there)
    stranger = ask(there.browser(), method, address)
    assert stranger.status_code == (302 if method == "GET" else 303)
    assert stranger.headers["location"].startswith("/login?next=%2Fsetup%2Fsso")
    bob = there.browser()
    bob.sign_in("bob")
    own = form_fields(bob.http.get("/").text, "/logout")["csrf"]
    assert ask(bob, method, address, own).status_code == 403
    if method == "POST":
        other = there.browser()
        other.sign_in()
        foreign = form_fields(other.http.get("/").text, "/logout")["csrf"]
        for csrf in ("", "x", foreign):
            assert ask(admin, method, address, csrf).status_code == 403
        for content_type in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            answer = admin.http.post(address, content=b"csrf=x", headers={"Content-Type": content_type})
            assert answer.status_code == 403
    else:
        assert ask(admin, method, address).status_code == 200
    for wrong in ("PUT", "DELETE", "PATCH"):
        assert admin.http.request(wrong, address).status_code == 405
    assert all_stored(there) == before


@pytest.mark.spec("contract", "1.4", "no provider of another environment is seen or changed")
def test_another_environment(there: World, provider: ScriptedProvider, admin: Browser) -> None:
    csrf = form_fields(admin.http.get("/").text, "/logout")["csrf"]
    ids = [
        str(set_up(there, provider, there.globex).provider_id),
        str(saml.set_up(there, IDP, there.preview).provider_id),
        "0",
        "9" * 40,
        "x",
        "%00",
        "-1",
    ]
    for provider_id in ids:
        for method, path in PATHS:
            if "{" in path:
                answer = ask(admin, method, SSO + path.format(oidc=provider_id, saml=provider_id), csrf)
                assert answer.status_code == 404, (provider_id, method, path)
