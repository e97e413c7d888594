"""Ory Hydra over PostgreSQL, built from its Go module.

Sign-in and consent are another program's with Hydra: here the load's own browser answers for it at the admin port, so
that nothing but Hydra is counted. Client secrets are hashed with one iteration, for the default's 25,000 would be all
that is measured.
"""

import base64
import json
import os
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench.contenders import Running, collecting
from bench.contenders.collecting import ToCode
from bench.load import Answer
from bench.operations import REDIRECT_URI, Wire, authorize_query, code_in, cookie_header, location, set_cookies, shown
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_MODULE, _VERSION = "github.com/ory/hydra/v2", "v2.3.0"
_SECRET = "a-secret-of-some-length-for-the-benchmark"
_LOGIN, _CONSENT = "/admin/oauth2/auth/requests/login/accept", "/admin/oauth2/auth/requests/consent/accept"


class Hydra:
    """Hydra, one process."""

    name = "hydra"
    label = "Ory Hydra, PostgreSQL"
    durable = True
    ours = False

    def install(self, build: Path) -> str:
        """Build it. ``go install`` refuses a module that replaces others, so it is built as the main one."""
        folder = build / "hydra"
        if not (folder / "hydra").exists():
            folder.mkdir(parents=True, exist_ok=True)
            variables = {"GOPATH": str(folder / "go"), "GOFLAGS": "-mod=mod"}
            found = json.loads(call(["go", "mod", "download", "-json", f"{_MODULE}@{_VERSION}"], variables, folder))
            source = folder / "source"
            shutil.rmtree(source, ignore_errors=True)
            shutil.copytree(found["Dir"], source)
            call(["chmod", "-R", "u+w", str(source)])
            # It would be replaced by a folder that the module does not contain.
            call(["go", "mod", "edit", "-dropreplace", "github.com/ory/hydra-client-go/v2"], variables, source)
            call(["go", "build", "-p", str(os.cpu_count() or 1), "-o", str(folder / "hydra"), "."], variables, source)
        return f"{_VERSION.removeprefix('v')}, {call(['go', 'version']).split()[2]}"

    def start(self, build: Path, folder: Path) -> Running:
        """Migrate its database, start it and make a client."""
        program = str(build / "hydra" / "hydra")
        cluster = Cluster(folder / "postgres")
        port, admin = free_port(), free_port()
        config = folder / "hydra.json"
        config.write_text(json.dumps(_configuration(f"{cluster.create('hydra')}?sslmode=disable", port, admin)))

        def serve() -> Program:
            command = [program, "serve", "all", "--dev", "--sqa-opt-out", "--config", str(config)]
            return Program(command, folder / "server.log", folder=folder)

        try:
            call([program, "migrate", "sql", "--read-from-env", "--yes", "--config", str(config)])
            server = serve()
        except BaseException:
            cluster.stop()
            raise
        basic = base64.b64encode(f"app:{_SECRET}".encode()).decode()
        wire = Wire(
            host=f"127.0.0.1:{port}",
            basic=basic,
            token="/oauth2/token",
            introspect="/admin/oauth2/introspect",
            introspect_port=admin,
        )
        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=lambda codes, live: collecting.fill(wire, port, lambda n: _to_code(wire, admin), codes, live, 16),
            flow=collecting.whole(wire, lambda number: _to_code(wire, admin)),
            start=serve,
            alive="/health/ready",
            cluster=cluster,
            slow_to_fill=True,
            remarks=[
                "client secrets hashed with one iteration of PBKDF2 instead of 25,000",
                "signing in and consenting is answered by the load itself, at no cost to it",
                "its introspection asks nobody to authenticate",
            ],
        )
        try:
            server.wait_for(port, running.alive)
            client = {
                "client_id": "app",
                "client_secret": _SECRET,
                "grant_types": ["authorization_code", "refresh_token"],
                "redirect_uris": [REDIRECT_URI],
                "scope": "offline",
                "token_endpoint_auth_method": "client_secret_basic",
            }
            _post(admin, "/admin/clients", client)
        except BaseException:
            running.stop()
            raise
        return running


def _configuration(dsn: str, port: int, admin: int) -> dict[str, object]:
    own = f"http://127.0.0.1:{port}"
    return {
        "dsn": dsn,
        "serve": {"public": {"host": "127.0.0.1", "port": port}, "admin": {"host": "127.0.0.1", "port": admin}},
        "urls": {"self": {"issuer": own}, "login": f"{own}/login", "consent": f"{own}/consent"},
        "secrets": {"system": ["a key of the benchmark, shared with nobody"]},
        "ttl": {"auth_code": "1h", "access_token": "24h", "refresh_token": "720h"},
        "oauth2": {"hashers": {"algorithm": "pbkdf2", "pbkdf2": {"iterations": 1}}},
        "log": {"level": "error"},
    }


def _post(port: int, path: str, value: object) -> None:
    url = f"http://127.0.0.1:{port}{path}"
    call(["curl", "-sS", "--fail-with-body", "-H", "Content-Type: application/json", "-d", json.dumps(value), url])


def _to_code(wire: Wire, admin: int) -> ToCode:
    """Authorization request, the sign-in and the consent accepted, and the redirects between."""
    cookies: dict[str, str] = {}

    def noted(answer: Answer) -> str:
        cookies.update(set_cookies(answer))
        return location(answer)

    def accepted(answer: Answer) -> str:
        if answer.status != 200:
            raise Failed(f"Hydra's admin port: {shown(answer)}")
        return str(json.loads(answer.body)["redirect_to"])

    first = wire.get(f"/oauth2/auth?{authorize_query('app', scope='offline')}")
    login = _challenge(noted((yield first, False)), "login_challenge")
    accept = wire.put_json(f"{_LOGIN}?login_challenge={login}", {"subject": "ann"})
    onward = accepted((yield accept, False, admin))
    consent = _challenge(noted((yield wire.get(onward, cookie=cookie_header(cookies)), False)), "consent_challenge")
    accept = wire.put_json(f"{_CONSENT}?consent_challenge={consent}", {"grant_scope": ["offline"]})
    onward = accepted((yield accept, False, admin))
    return code_in(noted((yield wire.get(onward, cookie=cookie_header(cookies)), False)))


def _challenge(address: str, name: str) -> str:
    found = parse_qs(urlsplit(address).query).get(name)
    if not found:
        raise Failed(f"Hydra did not ask for {name}: {address[:300]}")
    return found[0]
