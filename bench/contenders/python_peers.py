"""The two peers in Python: django-oauth-toolkit, and Authlib with Flask; each under gunicorn, over PostgreSQL."""

import base64
import json
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.contenders import Running
from bench.load import Answer, Script
from bench.operations import (
    Pool,
    Wire,
    authorize_query,
    code_in,
    cookie_header,
    form_fields,
    location,
    set_cookies,
    shown,
    token_answer,
)
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_PEERS = Path(__file__).parent.parent / "peers"
_BASIC = base64.b64encode(b"app:a-secret-of-some-length-for-the-benchmark").decode()
# One process, as for everybody; threads, because it would otherwise wait idly for the disk.
_WORKER = ["--workers", "1", "--worker-class", "gthread", "--threads", "4"]
_GUNICORN = [*_WORKER, "--keep-alive", "75", "--no-control-socket"]


class _GunicornPeer:
    """A WSGI application with a ``setup`` and a ``fill`` command of its own."""

    durable = True
    ours = False

    def __init__(
        self,
        *,
        name: str,
        label: str,
        program: Path,
        packages: tuple[str, ...],
        paths: Mapping[str, str],
        flow: Callable[[Wire, Mapping[str, str]], Script],
    ) -> None:
        self.name = name
        self.label = label
        self._program = program
        self._packages = packages
        self._paths = paths
        self._flow = flow

    def install(self, build: Path) -> str:
        """Its packages, in an environment of their own."""
        folder = build / self.name
        python, stamp = folder / "bin" / "python", folder / "installed.txt"
        wanted = "\n".join(self._packages)
        if not stamp.exists() or stamp.read_text() != wanted:
            call([sys.executable, "-m", "venv", "--clear", str(folder)])
            call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self._packages])
            stamp.write_text(wanted)
        listed = call([str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"])
        versions = {item["name"].lower(): item["version"] for item in json.loads(listed)}
        names = [package.partition("[")[0].lower() for package in self._packages]
        return f"{versions[names[0]]}, " + ", ".join(f"{name} {versions[name]}" for name in names[1:])

    def start(self, build: Path, folder: Path) -> Running:
        """Start gunicorn with one worker."""
        cluster = Cluster(folder / "postgres")
        try:
            variables = {"BENCH_DATABASE": cluster.create("peer")}
            python = str(build / self.name / "bin" / "python")
            cookies = json.loads(call([python, self._program.name, "setup"], variables, self._program.parent))
            port = free_port()

            def serve() -> Program:
                bind = ["--bind", f"127.0.0.1:{port}", f"{self._program.stem}:application"]
                command = [python, "-m", "gunicorn", *_GUNICORN, *bind]
                return Program(command, folder / "server.log", variables, self._program.parent)

            def fill(codes: int, live: int) -> Pool:
                command = [python, self._program.name, "fill", str(codes), str(live)]
                made = json.loads(call(command, variables, self._program.parent))
                return Pool(deque(made["codes"]), deque(made["refresh_tokens"]), made["access_tokens"])

            server = serve()
        except BaseException:
            cluster.stop()
            raise
        host = f"127.0.0.1:{port}"
        wire = Wire(host=host, basic=_BASIC, token=self._paths["token"], introspect=self._paths["introspect"])
        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=fill,
            flow=lambda number: self._flow(wire, cookies),
            start=serve,
            alive=self._paths["alive"],
            cluster=cluster,
        )
        try:
            server.wait_for(port, running.alive)
        except BaseException:
            running.stop()
            raise
        return running


def django_oauth_toolkit() -> _GunicornPeer:
    """django-oauth-toolkit, the client's secret stored as it is: its slow hash would be all that is measured."""
    return _GunicornPeer(
        name="django-oauth-toolkit",
        label="django-oauth-toolkit, PostgreSQL",
        program=_PEERS / "django_oauth_toolkit" / "project.py",
        packages=("django-oauth-toolkit", "django", "gunicorn", "psycopg[binary]"),
        paths={
            "token": "/o/token/",
            "introspect": "/o/introspect/",
            "alive": "/o/.well-known/oauth-authorization-server",
        },
        flow=_django_flow,
    )


def authlib_flask() -> _GunicornPeer:
    """Authlib's server on Flask."""
    return _GunicornPeer(
        name="authlib-flask",
        label="Authlib with Flask, PostgreSQL",
        program=_PEERS / "authlib_flask" / "app.py",
        packages=("authlib", "flask", "gunicorn", "sqlalchemy", "psycopg[binary]"),
        paths={"token": "/token", "introspect": "/introspect", "alive": "/alive"},
        flow=_flask_flow,
    )


def _django_flow(wire: Wire, cookies: Mapping[str, str]) -> Script:
    """The authorize page, the decision, the code's exchange."""
    target = f"/o/authorize/?{authorize_query('app', scope='api')}"
    jar = dict(cookies)
    while True:
        page = _page((yield wire.get(target, cookie=cookie_header(jar)), False))
        jar |= set_cookies(page)
        fields = {**form_fields(page.body.decode()), "allow": "Authorize"}
        answer = yield wire.post(target, fields, cookie=cookie_header(jar)), False
        token_answer((yield wire.exchange(code_in(location(answer))), True))


def _flask_flow(wire: Wire, cookies: Mapping[str, str]) -> Script:
    """The same; the session's cookie changes, for Flask keeps the form's secret in it."""
    target = f"/authorize?{authorize_query('app', scope='api')}"
    jar = dict(cookies)
    while True:
        page = _page((yield wire.get(target, cookie=cookie_header(jar)), False))
        jar |= set_cookies(page)
        fields = {**form_fields(page.body.decode()), "confirm": "yes"}
        answer = yield wire.post(target, fields, cookie=cookie_header(jar)), False
        jar |= set_cookies(answer)
        token_answer((yield wire.exchange(code_in(location(answer))), True))


def _page(answer: Answer) -> Answer:
    if answer.status != 200:
        raise Failed(f"authorize page: {shown(answer)}")
    return answer
