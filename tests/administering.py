"""What an administrator does on the setup pages, without a screen: opens a form, fills it in, sends it."""

import html
import io
import re
from typing import Any

import httpx
from PIL import Image

from tests.browser import Browser, World, form_fields
from workgate.domain.oauth import Application

SETUP = "/setup/oauth2"
FORM: dict[str, str] = {
    "name": "Reports",
    "redirect_uris": "https://reports.example/callback",
    "refresh_absolute_seconds": "never",
    "refresh_inactivity_seconds": "15552000",
}
"""What a form needs at least; a type takes of it what it has fields for."""
_SECRET = re.compile(r'<code id="client-secret" dir="ltr">([\w-]{43})</code>')
_CLIENT_ID = re.compile(r'<code id="client-id" dir="ltr">([0-9a-f]{32})</code>')
_LISTED = re.compile(r'<h2><a href="/setup/oauth2/([0-9a-f]{32})"><bdi>([^<]*)</bdi>')


def send(browser: Browser, path: str, entries: dict[str, Any], *, page: str | None = None) -> httpx.Response:
    """Open a page and send its form to ``path`` as a browser does, files (bytes) among the entries."""
    opened = browser.http.get(page or path)
    assert opened.status_code == 200, opened.text
    fields = {**form_fields(opened.text, path), **entries}
    if 'enctype="multipart/form-data"' not in opened.text or page is not None:
        return browser.http.post(path, data=fields)
    return multipart(browser, path, fields)


def multipart(browser: Browser, path: str, fields: dict[str, Any]) -> httpx.Response:
    """Post ``multipart/form-data``."""
    parts = [(name, ("f.png", value) if isinstance(value, bytes) else (None, value)) for name, value in fields.items()]
    return browser.http.post(path, files=parts)


def create(browser: Browser, kind: str = "web", **entries: Any) -> httpx.Response:
    """Send the form of a new application."""
    return send(browser, f"{SETUP}/new/{kind}", {**FORM, **entries})


def shown_secret(page: httpx.Response) -> str:
    """The client secret that a page shows."""
    found = _SECRET.search(page.text)
    assert found is not None, page.text
    return found.group(1)


def shown_client_id(page: httpx.Response) -> str:
    """The client ID that a page shows."""
    found = _CLIENT_ID.search(page.text)
    assert found is not None, page.text
    return found.group(1)


def listed(browser: Browser) -> dict[str, str]:
    """The applications on the list's first page: names by client ID."""
    return {client_id: html.unescape(name) for client_id, name in _LISTED.findall(browser.http.get(SETUP).text)}


def error_of(page: httpx.Response, field: str) -> str:
    """What the page says below a field, which must be bound to it."""
    found = re.search(rf'id="{field}-error">([^<]*)<', page.text)
    assert found is not None, page.text
    bound = re.search(
        rf'id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="{field}-error[^>]*autofocus', page.text
    )
    assert bound is not None, "the message is not bound to its field"
    return html.unescape(found.group(1))


def problem_of(page: httpx.Response) -> str:
    """What the page says above its form."""
    found = re.search(r'role="alert"><p>([^<]*)<', page.text)
    assert found is not None, page.text
    return html.unescape(found.group(1))


def png(size: tuple[int, int] = (40, 40)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, "PNG")
    return written.getvalue()


def stored(world: World, client_id: str) -> Application:
    found = world.stand_in.run(
        world.stand_in.workgate.database.applications.application(world.acme.environment_id, client_id)
    )
    assert found is not None
    return found


def new_app(browser: Browser, kind: str = "web", **entries: Any) -> str:
    """Create one; its client ID."""
    before = set(listed(browser))
    page = create(browser, kind, **entries)
    assert page.status_code == (303 if kind == "spa" else 200), page.text
    if kind == "spa":
        return page.headers["location"].removeprefix(f"{SETUP}/").removesuffix("?done=created")
    client_id = shown_client_id(page)
    assert client_id not in before
    return client_id
