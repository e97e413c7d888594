"""The operations, as scripts: what each connection sends, and how every answer must look.

What differs between servers is data: addresses, credentials and pools of codes and tokens. The way from a signed-in
browser to a token differs in more than that, so each contender brings its own script for it.
"""

import html
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from bench.load import Answer, Script, Step
from bench.processes import Failed

REDIRECT_URI = "https://client.example/callback"
# RFC 7636 appendix B; for peers that insist on PKCE.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass(slots=True)
class Pool:
    """What the load is made of. Tokens that are looked at are never those that are refreshed."""

    codes: deque[str] = field(default_factory=deque)
    refresh_tokens: deque[str] = field(default_factory=deque)
    access_tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How a server is spoken to.

    Attributes:
        host: the Host header.
        basic: the application's Basic credentials, encoded.
        token: the token endpoint's path.
        introspect: the introspection endpoint's path; None where there is none.
        introspect_port: where it is, if not at the server's port.
        session: makes the API call of a session check; None where access tokens open no API of the server's own.
        verifier: whether codes were asked for with PKCE.
    """

    host: str
    basic: str
    token: str
    introspect: str | None = None
    introspect_port: int | None = None
    session: Callable[[str], bytes] | None = None
    verifier: bool = False

    def post(self, path: str, fields: Mapping[str, str], *, basic: str | None = None, cookie: str = "") -> bytes:
        """A form, posted."""
        body = urlencode(fields).encode()
        more = f"Authorization: Basic {basic}\r\n" if basic else ""
        return self._request("POST", path, cookie, more, body)

    def get(self, path: str, *, cookie: str = "") -> bytes:
        """A GET, of a path or of a whole address."""
        return self._request("GET", path, cookie, "", None)

    def put_json(self, path: str, value: object, *, cookie: str = "") -> bytes:
        """JSON, put."""
        return self._request("PUT", path, cookie, "", json.dumps(value).encode(), "application/json")

    def exchange(self, code: str) -> bytes:
        """The request that exchanges a code."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        if self.verifier:
            fields["code_verifier"] = VERIFIER
        return self.post(self.token, fields, basic=self.basic)

    def _request(
        self,
        method: str,
        target: str,
        cookie: str,
        more: str,
        body: bytes | None,
        kind: str = "application/x-www-form-urlencoded",
    ) -> bytes:
        split = urlsplit(target)
        path = split.path + (f"?{split.query}" if split.query else "")
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: */*\r\n{more}"
        if cookie:
            head += f"Cookie: {cookie}\r\n"
        if body is not None:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + (body or b"")


def refresh(wire: Wire, pool: Pool) -> Script:
    """Each connection takes the token that was used longest ago, and puts back the one that it got for it."""
    tokens = pool.refresh_tokens
    request = with_token(wire.post(wire.token, {"grant_type": "refresh_token", "refresh_token": "@"}, basic=wire.basic))
    while True:
        if not tokens:
            raise Failed("there are fewer refresh tokens than connections")
        token = tokens.popleft()
        answer = yield request(token), True
        renewed = token_answer(answer)["refresh_token"]
        if renewed == token:
            raise Failed("the refresh token was not rotated")
        tokens.append(renewed)


def code(wire: Wire, pool: Pool) -> Script:
    """Each code is exchanged once."""
    request = with_token(wire.exchange("@"))
    while pool.codes:
        answer = yield request(pool.codes.pop()), True
        if not token_answer(answer).get("refresh_token"):
            raise Failed("the code gave no refresh token")


def introspection(wire: Wire, pool: Pool, number: int) -> Script:
    """Look at live tokens, one after the other."""
    if wire.introspect is None:
        raise Failed("there is no introspection here")
    requests = [wire.post(wire.introspect, {"token": token}, basic=wire.basic) for token in pool.access_tokens]
    steps: list[Step] = [
        (request, True) if wire.introspect_port is None else (request, True, wire.introspect_port)
        for request in requests
    ]
    at = number * 61
    while True:
        at += 1
        answer = yield steps[at % len(steps)]
        if answer.status != 200 or b'"active":true' not in answer.body.replace(b" ", b""):
            raise Failed(f"introspection: {shown(answer)}")


def session(wire: Wire, pool: Pool, number: int) -> Script:
    """Call the API with live sessions, one after the other."""
    if wire.session is None:
        raise Failed("there is no API here")
    requests = [wire.session(token) for token in pool.access_tokens]
    at = number * 61
    while True:
        at += 1
        answer = yield requests[at % len(requests)], True
        if answer.status != 200:
            raise Failed(f"session check: {shown(answer)}")


def token_answer(answer: Answer) -> dict[str, str]:
    """The token endpoint's answer, if it is a success."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if answer.status != 200 or not isinstance(found, dict) or not found.get("access_token"):
        raise Failed(f"token endpoint: {shown(answer)}")
    return found


def location(answer: Answer) -> str:
    """Where an answer redirects to."""
    match = re.search(rb"\r\nlocation: *([^\r]+)", answer.head, re.IGNORECASE)
    if answer.status not in {302, 303, 307} or match is None:
        raise Failed(f"no redirect: {shown(answer)}")
    return match[1].decode()


def code_in(address: str) -> str:
    """The code in the redirect to the application."""
    found = parse_qs(urlsplit(address).query).get("code")
    if not address.startswith(REDIRECT_URI) or not found:
        raise Failed(f"no code in the redirect: {address[:300]}")
    return found[0]


def form_fields(page: str, action: str = "") -> dict[str, str]:
    """The hidden fields of the page's form, of the one with this action if there are several."""
    for form in re.findall(r"<form.*?</form>", page, re.DOTALL):
        if action in form:
            inputs = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form)
            pairs = [(re.search(r'name="([^"]*)"', item), re.search(r'value="([^"]*)"', item)) for item in inputs]
            return {name[1]: html.unescape(value[1]) if value else "" for name, value in pairs if name}
    raise Failed(f"no form with {action!r} in {page[:400]!r}")


def set_cookies(answer: Answer) -> dict[str, str]:
    """The cookies that an answer sets."""
    found = re.findall(rb"\r\nset-cookie: *([^=\r]+)=([^;\r]*)", answer.head, re.IGNORECASE)
    return {name.decode(): value.decode() for name, value in found}


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Cookies as a browser sends them."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value)


def authorize_query(client_id: str, *, pkce: bool = False, **more: str) -> str:
    """The query of an authorization request."""
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": REDIRECT_URI, "state": "af0ifjsldkj"}
    if pkce:
        asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    return urlencode(asked | more)


def shown(answer: Answer) -> str:
    """An answer, short, for a message."""
    return f"{answer.status} {answer.head[:200]!r} {answer.body[:400]!r}"


def with_token(request: bytes) -> Callable[[str], bytes]:
    """Cut a request at the one place where a token goes: the rest is the same every time."""
    head, _, body = request.partition(b"\r\n\r\n")
    before, _, after = body.partition(b"%40")
    head = head[: head.index(b"Content-Length: ")] + b"Content-Length: %d\r\n\r\n"

    def filled(token: str) -> bytes:
        value = before + quote(token, safe="").encode() + after
        return head % len(value) + value

    return filled
