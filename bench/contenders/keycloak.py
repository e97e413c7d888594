"""Keycloak over PostgreSQL, from its distribution at Maven's repository.

Its access tokens are signed, as its clients expect them. One browser's sign-in has one chain of refresh tokens for a
client, so every chain of the load comes from a sign-in of its own, ahead of the measurement.
"""

import base64
import json
import re
import shutil
import zipfile
from pathlib import Path

from bench.contenders import Running, collecting
from bench.contenders.collecting import ToCode
from bench.load import Answer
from bench.operations import (
    REDIRECT_URI,
    Wire,
    authorize_query,
    code_in,
    cookie_header,
    form_fields,
    location,
    set_cookies,
    shown,
)
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_VERSION = "26.0.7"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_SECRET = "a-secret-of-some-length-for-the-benchmark"
_REALM = "/realms/bench/protocol/openid-connect"
_PASSWORD = "correct horse battery"
_DAY = 86_400
_USERS = 64


class Keycloak:
    """Keycloak, one process, its caches local."""

    name = "keycloak"
    label = "Keycloak, PostgreSQL"
    durable = True
    ours = False

    def install(self, build: Path) -> str:
        """Fetch the distribution with Maven and unpack it."""
        folder = build / "keycloak"
        home = folder / f"keycloak-{_VERSION}"
        if not (folder / "installed.txt").exists():
            folder.mkdir(parents=True, exist_ok=True)
            artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{_VERSION}:zip"
            call(["mvn", "-q", "-B", _PLUGIN, artifact, f"-DoutputDirectory={folder}"], folder=folder)
            shutil.rmtree(home, ignore_errors=True)
            with zipfile.ZipFile(folder / f"keycloak-quarkus-dist-{_VERSION}.zip") as archive:
                archive.extractall(folder)
            program = home / "bin" / "kc.sh"
            program.chmod(0o755)
            call([str(program), "build", "--db=postgres"], folder=folder)
            (folder / "installed.txt").write_text(_VERSION)
        java = call(["java", "--version"]).split()
        return f"{_VERSION}, Java {java[1]}"

    def start(self, build: Path, folder: Path) -> Running:
        """Start it with a realm of one client and one user."""
        program = str(build / "keycloak" / f"keycloak-{_VERSION}" / "bin" / "kc.sh")
        cluster = Cluster(folder / "postgres")
        cluster.create("keycloak")
        port, management = free_port(), free_port()
        realm = folder / "realm.json"
        realm.write_text(json.dumps(_realm()))
        database = [f"--db-url=jdbc:postgresql://127.0.0.1:{cluster.port}/keycloak", "--db-username=postgres"]
        listening = [f"--http-port={port}", "--http-host=127.0.0.1", f"--http-management-port={management}"]
        plain = ["--cache=local", "--http-enabled=true", "--hostname-strict=false", "--log-level=error"]

        def serve() -> Program:
            command = [program, "start", "--optimized", *database, *listening, *plain]
            return Program(command, folder / "server.log", folder=folder)

        try:
            call([program, "import", "--optimized", "--file", str(realm), *database], folder=folder)
            server = serve()
        except BaseException:
            cluster.stop()
            raise
        basic = base64.b64encode(f"app:{_SECRET}".encode()).decode()
        host = f"127.0.0.1:{port}"
        wire = Wire(host=host, basic=basic, token=f"{_REALM}/token", introspect=f"{_REALM}/token/introspect")
        browsers: dict[int, _Browser] = {}

        def signed_in(number: int) -> ToCode:
            return browsers.setdefault(number, _Browser(wire, number)).to_code()

        def asked(number: int) -> ToCode:
            return browsers.setdefault(number, _Browser(wire, number)).to_code(ask=True)

        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=lambda codes, live: collecting.fill(
                wire, port, signed_in, codes, live, 4, anew=lambda number: _Browser(wire, number).to_code()
            ),
            flow=collecting.whole(wire, asked),
            start=serve,
            alive="/realms/bench",
            cluster=cluster,
            slow_to_fill=True,
            warming_seconds=10.0,
            remarks=["its codes are kept in memory and its tokens are signed JWTs, as it is made"],
        )
        try:
            server.wait_for(port, running.alive, seconds=180)
        except BaseException:
            running.stop()
            raise
        return running


def _realm() -> dict[str, object]:
    client = {
        "clientId": "app",
        "secret": _SECRET,
        "clientAuthenticatorType": "client-secret",
        "redirectUris": [REDIRECT_URI],
        "standardFlowEnabled": True,
        "publicClient": False,
        "consentRequired": True,
    }
    # A user for each browser: two that consent for the first time at once are a conflict to Keycloak.
    users = [
        {
            "username": f"ann{number}",
            "email": f"ann{number}@client.example",
            "emailVerified": True,
            "firstName": "Ann",
            "lastName": "Archer",
            "enabled": True,
            "credentials": [{"type": "password", "value": _PASSWORD}],
        }
        for number in range(_USERS)
    ]
    return {
        "realm": "bench",
        "enabled": True,
        "sslRequired": "none",
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        "accessCodeLifespan": 3600,
        "accessTokenLifespan": _DAY,
        "ssoSessionIdleTimeout": _DAY,
        "ssoSessionMaxLifespan": _DAY,
        "clients": [client],
        "users": users,
    }


class _Browser:
    """A browser that signs in when it is first asked to, as the user of its number."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire = wire
        self._user = f"ann{number % _USERS}"
        self._cookies: dict[str, str] = {}

    def to_code(self, *, ask: bool = False) -> ToCode:
        """Authorization request; the sign-in and the consent page where they are shown; the redirect.

        Args:
            ask: whether the consent page is asked for even though consent was given.
        """
        target = f"{_REALM}/auth?{authorize_query('app', scope='openid')}"
        if ask and self._cookies:
            target += "&prompt=consent"
        answer = self._noted((yield self._wire.get(target, cookie=cookie_header(self._cookies)), False))
        for _ in range(6):
            if answer.status == 200:
                page = answer.body.decode()
                action = re.search(r'<form[^>]*action="([^"]*)"', page)
                if action is None:
                    break
                filled = {"username": self._user, "password": _PASSWORD} if "password" in page else {"accept": "Yes"}
                fields = {**form_fields(page), **filled}
                request = self._wire.post(action[1].replace("&amp;", "&"), fields, cookie=cookie_header(self._cookies))
            else:
                onward = location(answer)
                if onward.startswith(REDIRECT_URI):
                    return code_in(onward)
                request = self._wire.get(onward, cookie=cookie_header(self._cookies))
            answer = self._noted((yield request, False))
        raise Failed(f"Keycloak led nowhere: {shown(answer)}")

    def _noted(self, answer: Answer) -> Answer:
        self._cookies.update(set_cookies(answer))
        return answer
