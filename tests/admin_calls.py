"""A program that calls the admin API, and the one shape that its errors have."""

from typing import Any

import httpx

from tests.browser import PASSWORD, REDIRECT_URI, World
from workgate.domain.accounts import Environment
from workgate.web.api import ADMIN_PATH

APPLICATIONS = f"{ADMIN_PATH}/applications"
AUDIT = f"{ADMIN_PATH}/audit"
MINE = f"{ADMIN_PATH}/me/connections"
JSON = {"Content-Type": "application/json"}
NEW = {"name": "New", "type": "web", "redirect_uris": [REDIRECT_URI]}


def session_of(world: World, username: str = "ann", environment: Environment | None = None) -> str:
    """A session as a program opens it."""
    answer = world.http(environment).post("/attask/api/login", data={"username": username, "password": PASSWORD})
    return str(answer.json()["data"]["sessionID"])


def caller(world: World, username: str = "ann", environment: Environment | None = None) -> httpx.Client:
    """A program that sends a user's session as the header."""
    http = world.http(environment)
    http.headers["sessionID"] = session_of(world, username, environment)
    return http


def error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal, which is always of the same shape."""
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    body = dict(answer.json())
    assert set(body) <= {"error", "message", "field", "reference"}
    assert body["message"]
    return body
