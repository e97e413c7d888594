"""Debian's glewlwyd with its OpenID Connect plugin, over PostgreSQL or SQLite.

Its client authenticates with a secret that it stores as it is, so no password hash is measured. Its consent page is a
JavaScript application; the flow makes the calls that the page makes.
"""

import base64
import http.client
import json
import sqlite3
from pathlib import Path

from bench.contenders import Running, collecting
from bench.contenders.collecting import ToCode
from bench.operations import REDIRECT_URI, Wire, authorize_query, code_in, location, shown
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_SECRET = "a-secret-of-some-length-for-the-benchmark"
_SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install")
_MODULES = Path("/usr/lib/glewlwyd")
_ALIVE = "/api/oidc/.well-known/openid-configuration"
_PLUGIN = {
    "subject-type": "public",
    "jwt-type": "sha",
    "jwt-key-size": "256",
    "key": "a key of the benchmark, shared with nobody",
    "code-duration": 3600,
    "access-token-duration": 86_400,
    "refresh-token-duration": 1_209_600,
    "refresh-token-rolling": False,
    "refresh-token-one-use": "always",
    "auth-type-code-enabled": True,
    "auth-type-refresh-enabled": True,
    "allow-non-oidc": True,
    "introspection-revocation-allowed": True,
    "introspection-revocation-allow-target-client": True,
    "pkce-allowed": False,
}


class Glewlwyd:
    """glewlwyd over one of its databases."""

    durable = True
    ours = False

    def __init__(self, *, postgres: bool) -> None:
        self._postgres = postgres
        self.name = "glewlwyd-postgres" if postgres else "glewlwyd-sqlite"
        self.label = f"glewlwyd, {'PostgreSQL' if postgres else 'SQLite'}"

    def install(self, build: Path) -> str:
        """It is a Debian package, which scripts/setup.sh installs."""
        del build
        return call(["dpkg-query", "--show", "--showformat=${Version}", "glewlwyd"]).strip()

    def start(self, build: Path, folder: Path) -> Running:
        """Start it with one client and its administrator as the user."""
        del build
        cluster = Cluster(folder / "postgres") if self._postgres else None
        port = free_port()
        variables = {
            "GLWD_PORT": str(port),
            "GLWD_BIND_ADDRESS": "127.0.0.1",
            "GLWD_EXTERNAL_URL": f"http://127.0.0.1:{port}/",
            "GLWD_LOGIN_URL": "login.html",
            "GLWD_API_PREFIX": "api",
            "GLWD_LOG_MODE": "file",
            "GLWD_LOG_LEVEL": "ERROR",
            "GLWD_LOG_FILE": str(folder / "server.log"),
            "GLWD_HASH_ALGORITHM": "SHA512",
            "GLWD_USER_MODULE_PATH": str(_MODULES / "user"),
            "GLWD_CLIENT_MODULE_PATH": str(_MODULES / "client"),
            "GLWD_AUTH_SCHEME_MODULE_PATH": str(_MODULES / "scheme"),
            "GLWD_PLUGIN_MODULE_PATH": str(_MODULES / "plugin"),
        }
        try:
            variables |= _database(folder, cluster)

            def serve() -> Program:
                return Program(["glewlwyd", "--env-variables"], folder / "program.log", variables, folder)

            server = serve()
        except BaseException:
            if cluster is not None:
                cluster.stop()
            raise
        basic = base64.b64encode(f"app:{_SECRET}".encode()).decode()
        wire = Wire(host=f"127.0.0.1:{port}", basic=basic, token="/api/oidc/token", introspect="/api/oidc/introspect")
        session: list[str] = []
        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=lambda codes, live: collecting.fill(
                wire, port, lambda number: _to_code(wire, session[0]), codes, live
            ),
            flow=collecting.whole(wire, lambda number: _to_code(wire, session[0])),
            slow_to_fill=True,
            flow_connections=1,
            remarks=["its flow fails with requests at the same time (`server_error`), so one browser goes through it"],
            start=serve,
            alive=_ALIVE,
            cluster=cluster,
        )
        try:
            server.wait_for(port)
            session.append(_set_up(port))
            server.wait_for(port, _ALIVE)
        except BaseException:
            running.stop()
            raise
        return running


def _database(folder: Path, cluster: Cluster | None) -> dict[str, str]:
    """Make the database as the Debian package would."""
    if cluster is None:
        connection = sqlite3.connect(folder / "glewlwyd.db")
        connection.executescript((_SCHEMA / "sqlite3").read_text())
        connection.close()
        return {"GLWD_DATABASE_TYPE": "sqlite3", "GLWD_DATABASE_SQLITE3_PATH": str(folder / "glewlwyd.db")}
    cluster.create("glewlwyd")
    cluster.run("CREATE EXTENSION pgcrypto;\n", "glewlwyd")
    for script in ("pgsql", "postgre.default.sql"):
        cluster.run((_SCHEMA / script).read_text(), "glewlwyd")
    address = f"host=127.0.0.1 port={cluster.port} dbname=glewlwyd user=postgres"
    return {"GLWD_DATABASE_TYPE": "postgre", "GLWD_DATABASE_POSTGRE_CONNINFO": address}


def _set_up(port: int) -> str:
    """As the administrator make the plugin, the client and a user; sign that one in, and give the browser's cookie."""
    cookie = ""

    def post(path: str, value: object) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", path, json.dumps(value), {"Content-Type": "application/json", "Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed(f"glewlwyd {path}: {answer.status} {body[:400]!r}")
        return (answer.getheader("Set-Cookie") or "").partition(";")[0]

    cookie = post("/api/auth/", {"username": "admin", "password": "password"})
    plugin = {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "order_rank": 0, "enabled": True}
    post("/api/mod/plugin/", {**plugin, "parameters": {**_PLUGIN, "iss": f"http://127.0.0.1:{port}/"}})
    client = {"client_id": "app", "name": "App", "client_secret": _SECRET, "confidential": True, "enabled": True}
    types = ["code", "refresh_token", "client_credentials"]
    more = {"redirect_uri": [REDIRECT_URI], "authorization_type": types, "scope": ["openid"]}
    post("/api/client/", {**client, **more, "token_endpoint_auth_method": ["client_secret_basic"]})
    user = {"username": "ann", "password": "correct horse battery", "scope": ["g_profile", "openid"], "enabled": True}
    post("/api/user/", user)
    cookie = ""
    return post("/api/auth/", {"username": "ann", "password": "correct horse battery"})


def _to_code(wire: Wire, cookie: str) -> ToCode:
    """The authorization request leads to the page; the page grants, and asks again."""
    target = f"/api/oidc/auth?{authorize_query('app', scope='openid', nonce='n-0S6_WzA2Mj')}"
    yield wire.get(target, cookie=cookie), False
    granted = yield wire.put_json("/api/auth/grant/app", {"scope": "openid"}, cookie=cookie), False
    if granted.status != 200:
        raise Failed(f"glewlwyd's grant: {shown(granted)}")
    return code_in(location((yield wire.get(f"{target}&g_continue", cookie=cookie), False)))
