"""Workgate itself: one worker, on its embedded database or on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.contenders import Running
from bench.contenders.installation import (
    OAUTH2,
    PROGRAM,
    TOKEN,
    Browser,
    Multiplier,
    PostgresSql,
    Sql,
    SqliteSql,
    register,
    templates,
)
from bench.load import Script
from bench.operations import Wire, authorize_query, code_in, form_fields, location, shown, token_answer
from bench.postgres import Cluster
from bench.processes import Failed, Program, call, free_port

_ALIVE = "/.well-known/oauth-authorization-server"


@dataclass(slots=True)
class Started:
    """A running Workgate, with what multiplies its rows."""

    running: Running
    multiplier: Multiplier
    sql: Sql


class Workgate:
    """Workgate over one of its databases.

    Args:
        postgres: whether it keeps its data in PostgreSQL.
        program: what ``workgate serve`` is started by, if something watches it.
    """

    durable = True
    ours = True

    def __init__(self, *, postgres: bool, program: Sequence[str] = (PROGRAM,)) -> None:
        self._postgres = postgres
        self._program = program
        self.name = "workgate-postgres" if postgres else "workgate-sqlite"
        self.label = f"Workgate, {'PostgreSQL' if postgres else 'SQLite'}"

    def install(self, build: Path) -> str:
        """It is the program beside this Python."""
        del build
        if self._postgres and not _takes_postgres():
            raise Failed("this Workgate has no PostgreSQL engine yet")
        return version("workgate")

    def start(self, build: Path, folder: Path) -> Running:
        """Start it over a new installation."""
        del build
        return self.started(folder).running

    def started(self, folder: Path) -> Started:
        """The same, with what multiplies its rows."""
        keys = folder / "workgate.keys"
        variables = {"WORKGATE_KEYS": f"file:{keys}", "WORKGATE_CONFIG": str(folder / "workgate.toml")}
        (folder / "workgate.toml").touch()
        cluster = Cluster(folder / "postgres") if self._postgres else None
        if cluster is None:
            database = f"sqlite:///{folder / 'workgate.db'}"
        else:
            database = cluster.create("workgate")
            call([PROGRAM, "migrate", "--database", database], variables)
        try:
            application = register(database, variables)
            port = free_port()

            def serve() -> Program:
                command = [*self._program, "serve", "--port", str(port), "--database", database]
                return Program(command, folder / "server.log", variables, Path(__file__).parents[2])

            server = serve()
            try:
                server.wait_for(port, _ALIVE)
                sql: Sql = PostgresSql(cluster, "workgate") if cluster else SqliteSql(folder / "workgate.db")
                multiplier = Multiplier(sql, keys, templates(sql, port, application))
                wire = Wire(
                    host=f"127.0.0.1:{port}",
                    basic=application.basic,
                    token=TOKEN,
                    introspect=f"{OAUTH2}/api/v1/introspect",
                    session=lambda token: _session_check(port, token),
                )
                cookie = Browser(port).sign_in()
            except BaseException:
                server.stop()
                raise
        except BaseException:
            if cluster is not None:
                cluster.stop()
            raise
        running = Running(
            port=port,
            wire=wire,
            server=server,
            fill=multiplier.pool,
            flow=lambda number: _flow(wire, application.client_id, cookie),
            start=serve,
            alive=_ALIVE,
            cluster=cluster,
        )
        return Started(running, multiplier, sql)


def _takes_postgres() -> bool:
    try:
        call([PROGRAM, "migrate", "--help"])
    except Failed:
        return False
    return True


def _session_check(port: int, token: str) -> bytes:
    host = f"127.0.0.1:{port}"
    return f"GET /attask/api/v14.0/session HTTP/1.1\r\nHost: {host}\r\nsessionID: {token}\r\n\r\n".encode()


def _flow(wire: Wire, client_id: str, cookie: str) -> Script:
    """The authorize page, the decision, the code's exchange."""
    authorize = wire.get(f"{OAUTH2}/authorize?{authorize_query(client_id)}", cookie=cookie)
    while True:
        page = yield authorize, False
        if page.status != 200:
            raise Failed(f"authorize page: {shown(page)}")
        fields = {**form_fields(page.body.decode(), f"{OAUTH2}/consent"), "decision": "allow"}
        answer = yield wire.post(f"{OAUTH2}/consent", fields, cookie=cookie), False
        token_answer((yield wire.exchange(code_in(location(answer))), True))
