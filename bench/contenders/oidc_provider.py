"""npm's oidc-provider, over PostgreSQL, over SQLite, or keeping everything in a map."""

import base64
import http.client
import json
import shutil
from collections import deque
from pathlib import Path

from bench.contenders import Running
from bench.load import Answer, Script
from bench.operations import (
    Pool,
    Wire,
    authorize_query,
    code_in,
    cookie_header,
    location,
    set_cookies,
    shown,
    token_answer,
)
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_SOURCE = Path(__file__).parent.parent / "peers" / "oidc-provider"
_BASIC = base64.b64encode(b"app:a-secret-of-some-length-for-the-benchmark").decode()
_ALIVE = "/.well-known/openid-configuration"
_STORES = {"postgres": "PostgreSQL", "sqlite": "SQLite", "memory": "memory, not durable"}


class OidcProvider:
    """oidc-provider over one of its stores."""

    ours = False

    def __init__(self, store: str) -> None:
        self._store = store
        self.name = f"oidc-provider-{store}"
        self.label = f"oidc-provider, {_STORES[store]}"
        self.durable = store != "memory"

    def install(self, build: Path) -> str:
        """Its npm packages; without a lock file, which would name where they came from."""
        folder = build / "oidc-provider"
        folder.mkdir(parents=True, exist_ok=True)
        for file in _SOURCE.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        wanted = (folder / "package.json").read_text()
        stamp = folder / "installed.json"
        if not stamp.exists() or stamp.read_text() != wanted:
            call(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], folder=folder)
            stamp.write_text(wanted)
        package = json.loads((folder / "node_modules" / "oidc-provider" / "package.json").read_text())
        return f"{package['version']}, Node.js {call(['node', '--version']).strip().removeprefix('v')}"

    def start(self, build: Path, folder: Path) -> Running:
        """Start one process."""
        cluster = Cluster(folder / "postgres") if self._store == "postgres" else None
        address = cluster.create("provider") if cluster else str(folder / "provider.db")
        port = free_port()

        def serve() -> Program:
            command = ["node", "server.mjs", str(port), self._store, address]
            return Program(command, folder / "server.log", {"NODE_ENV": "production"}, build / "oidc-provider")

        server = serve()
        wire = Wire(host=f"127.0.0.1:{port}", basic=_BASIC, token="/token", introspect="/token/introspection")
        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=lambda codes, live: _fill(port, codes, live),
            flow=lambda number: _flow(wire),
            start=serve,
            alive=_ALIVE,
            warming_seconds=3.0,
            cluster=cluster,
        )
        try:
            server.wait_for(port, _ALIVE)
        except BaseException:
            running.stop()
            raise
        return running


def _fill(port: int, codes: int, live: int) -> Pool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", f"/bench/fill?codes={codes}&live={live}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise Failed(f"oidc-provider: {body[:400]!r}")
    made = json.loads(body)
    return Pool(deque(made["codes"]), deque(made["refresh_tokens"]), made["access_tokens"])


def _flow(wire: Wire) -> Script:
    """Sign in once; then again and again: authorization request, consent page, decision, the way back, exchange."""
    cookies: dict[str, str] = {}

    def noted(answer: Answer) -> Answer:
        cookies.update(set_cookies(answer))
        return answer

    signed_in = False
    while True:
        prompt = "consent" if signed_in else "login"
        query = authorize_query("app", scope="api", prompt=prompt)
        page = location(noted((yield wire.get(f"/auth?{query}", cookie=cookie_header(cookies)), False)))
        while True:
            answer = noted((yield wire.get(page, cookie=cookie_header(cookies)), False))
            if answer.status != 200 or b"<form" not in answer.body:
                raise Failed(f"interaction: {shown(answer)}")
            resume = location(noted((yield wire.post(page, {}, cookie=cookie_header(cookies)), False)))
            target = location(noted((yield wire.get(resume, cookie=cookie_header(cookies)), False)))
            if "/interaction/" not in target:
                break
            page = target
        token_answer((yield wire.exchange(code_in(target)), True))
        signed_in = True
