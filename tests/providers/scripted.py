"""An OpenID provider that says what a test tells it to: right by default, wrong where the test wants it so."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

CLIENT_ID = "workgate"
SECRET = "what-the-provider-and-workgate-share"
Answer = tuple[int, dict[str, str], bytes]
_KEYS: dict[str, RSAPrivateKey] = {}


def a_key(name: str) -> RSAPrivateKey:
    """An RSA key; the same name gives the same one."""
    if name not in _KEYS:
        _KEYS[name] = generate_private_key(65537, 2048)
    return _KEYS[name]


@dataclass
class Asked:
    """A request that came: how, where, with which headers and which form."""

    method: str
    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass
class ScriptedProvider:
    """What it publishes and answers. ``overrides`` gives other answers by path."""

    issuer: str
    now: Callable[[], int]
    published: dict[str, str] = field(default_factory=lambda: {"first": "first"})
    """Key IDs and the names of the keys behind them."""
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    person: dict[str, Any] = field(default_factory=dict)
    """The claims of whoever comes with a browser."""
    overrides: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    _tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    _challenges: dict[str, str] = field(default_factory=dict)

    def claims(self, query: Mapping[str, str], **changes: Any) -> dict[str, Any]:
        """The claims of a good ID token for an authorization request; None takes one away."""
        now = self.now()
        good = {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": query["client_id"],
            "exp": now + 300,
            "iat": now,
            "nonce": query["nonce"],
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def sign(self, claims: Mapping[str, Any], kid: str | None = "first", key: str | None = None) -> str:
        """Sign claims as RS256."""
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(dict(claims), a_key(key or kid or "first"), algorithm="RS256", headers=headers)

    def code(self, query: Mapping[str, str], id_token: Any = None, **changes: Any) -> str:
        """Have somebody sign in: a code that gives this ID token, by default a good one with these claims."""
        code = f"code-{len(self._tokens)}"
        token = self.sign(self.claims(query, **changes)) if id_token is None else id_token
        self._tokens[code] = {"access_token": "an-access-token", "token_type": "Bearer", "id_token": token}
        self._challenges[code] = query["code_challenge"]
        return code

    def tokens(self, code: str, **changes: Any) -> None:
        """Let a code give something else."""
        self._tokens[code].update(changes)

    def answer(self, method: str, path: str, query: Mapping[str, str], form: Mapping[str, str]) -> tuple[int, Any]:
        """What it answers to a request; of a redirect, where to."""
        match path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                    "end_session_endpoint": f"{self.issuer}/logout",
                    **self.metadata,
                }
            case "/keys":
                return 200, {"keys": [_public(kid, name) for kid, name in self.published.items()]}
            case "/authorize":
                return 302, self._sent_back(query)
            case "/userinfo":
                return 200, self.userinfo
            case "/token" if method == "POST":
                return self._redeemed(form)
        return 404, {"error": "not_found"}

    def _sent_back(self, query: Mapping[str, str]) -> str:
        """Whoever comes with a browser is ``person``, at once."""
        answer = {"code": self.code(query, **self.person), "state": query["state"], "iss": self.issuer}
        return query["redirect_uri"] + "?" + urlencode(answer)

    def _redeemed(self, form: Mapping[str, str]) -> tuple[int, Any]:
        tokens = self._tokens.get(form.get("code", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if tokens is None or challenge != self._challenges[form["code"]]:
            return 400, {"error": "invalid_grant"}
        return 200, tokens


def _public(kid: str, name: str) -> dict[str, Any]:
    described = json.loads(RSAAlgorithm.to_jwk(a_key(name).public_key()))
    return {"kty": "RSA", "use": "sig", "kid": kid, "n": described["n"], "e": described["e"]}


@contextmanager
def a_provider(now: Callable[[], int]) -> Iterator[ScriptedProvider]:
    """Run one on this machine; ``now`` are the seconds that it writes into tokens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            self._serve({name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()})

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _serve(self, form: dict[str, str]) -> None:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            provider.asked.append(
                Asked(self.command, path, {name.lower(): text for name, text in self.headers.items()}, form)
            )
            if path in provider.overrides:
                provider.overrides[path](self)
                return
            status, payload = provider.answer(self.command, path, query, form)
            if status == 302:
                send(self, status, b"", location=payload)
            else:
                send(self, status, json.dumps(payload).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = ScriptedProvider(f"http://127.0.0.1:{server.server_address[1]}", now)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Answer a request."""
    handler.send_response(status)
    for name, value in {"content_type": "application/json", "content_length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
