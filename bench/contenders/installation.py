"""A Workgate installation to measure: made with its commands and pages, then multiplied by SQL.

One authorization is consented to and redeemed over HTTP, so its rows are what the server writes. The others are
copies of them under their own IDs and salts, which is all that a token is derived from.
"""

import base64
import http.cookiejar
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from bench.operations import REDIRECT_URI, Pool, authorize_query, code_in, form_fields
from bench.postgres import Cluster
from bench.processes import Failed, call
from workgate.crypto.tokens import Mint, TokenKind
from workgate.domain.ids import EnvironmentId, RowId
from workgate.storage import schema
from workgate.storage.keyfile import KeyFile

PROGRAM = str(Path(sys.executable).with_name("workgate"))
PASSWORD = "correct horse battery"
OAUTH2 = "/integrations/oauth2"
TOKEN = f"{OAUTH2}/api/v1/token"
_IDS_BEGIN = 1_577_836_800_000
_PER_MILLISECOND = 200
_PART = 500_000


class Sql(Protocol):
    """Plain SQL beside the server. Values come from this program only."""

    salt: str
    """An expression that gives 32 bytes, other ones for each ``i``."""

    def series(self, first: int, last: int) -> tuple[str, str]:
        """What stands before a statement, and the table ``n`` of numbers ``i``."""

    def execute(self, sql: str) -> None:
        """Run a statement and commit it."""

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """Read."""

    def hexadecimal(self, column: str) -> str:
        """An expression of a binary column's text."""

    def settle(self) -> None:
        """Do what the database would do later about many new rows."""


class SqliteSql:
    """SQL on an embedded database's file."""

    salt = "randomblob(32)"

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -262144")

    def series(self, first: int, last: int) -> tuple[str, str]:
        return f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) ", "n"

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        return self._connection.execute(sql).fetchall()

    def hexadecimal(self, column: str) -> str:
        return f"hex({column})"

    def settle(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class PostgresSql:
    """SQL through psql; binary columns have to be asked for in hexadecimal."""

    salt = "sha256(convert_to(n.i || ':' || random(), 'UTF8'))"

    def __init__(self, cluster: Cluster, database: str) -> None:
        self._cluster = cluster
        self._database = database

    def series(self, first: int, last: int) -> tuple[str, str]:
        return "", f"generate_series({first}, {last}) AS n(i)"

    def execute(self, sql: str) -> None:
        self._cluster.run(f"SET synchronous_commit = off;\n{sql};\n", self._database)

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        return [line.split("\t") for line in self._cluster.run(f"{sql};\n", self._database).splitlines()]

    def hexadecimal(self, column: str) -> str:
        return f"encode({column}, 'hex')"

    def settle(self) -> None:
        self._cluster.run("VACUUM (ANALYZE);\nCHECKPOINT;\n", self._database)


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application, and where it was registered."""

    client_id: str
    basic: str


def register(database: str, variables: Mapping[str, str]) -> Application:
    """Make an organisation, a user and an application that rotates, with commands."""

    def command(*arguments: str) -> dict[str, str]:
        found = json.loads(call([PROGRAM, *arguments, "--database", database, "--json"], variables))
        return dict(found) if isinstance(found, dict) else {}

    command("org", "create", "acme", "--name", "Acme")
    command("user", "create", "ann", "--org", "acme", "--password", PASSWORD)
    never = ["--refresh-absolute", "never", "--refresh-inactivity", "never"]
    kind = ["--type", "web", "--redirect-uri", REDIRECT_URI, "--rotate-refresh-tokens"]
    made = command("app", "create", "App", "--org", "acme", *kind, *never)
    basic = base64.b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()
    return Application(made["client_id"], basic)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Redirects are looked at, not followed."""


class Browser:
    """A person's browser."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(_Stay(), urllib.request.HTTPCookieProcessor(self._jar))

    def sign_in(self) -> str:
        """Sign in; gives the Cookie header of the session."""
        page = self._open("/login")[1]
        self._open("/login", {**form_fields(page, "/login"), "username": "ann", "password": PASSWORD})
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar if "session" in cookie.name)

    def consent(self, client_id: str) -> str:
        """Consent to the application; gives the code."""
        page = self._open(f"{OAUTH2}/authorize?{authorize_query(client_id)}")[1]
        fields = {**form_fields(page, f"{OAUTH2}/consent"), "decision": "allow"}
        return code_in(self._open(f"{OAUTH2}/consent", fields)[0])

    def exchange(self, application: Application, code: str) -> str:
        """Exchange a code; gives the session."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        found = json.loads(self._open(TOKEN, fields, f"Basic {application.basic}")[1])
        return str(found["access_token"])

    def _open(self, path: str, fields: Mapping[str, str] | None = None, credentials: str = "") -> tuple[str, str]:
        """The redirect's target and the body."""
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        request = urllib.request.Request(self._base + path, data)  # noqa: S310 - loopback
        if credentials:
            request.add_header("Authorization", credentials)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return "", answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code in {302, 303}:
                return error.headers["Location"], ""
            raise Failed(f"{path}: {error.code} {error.read()[:400]!r}") from error


@dataclass(frozen=True, slots=True)
class Ids:
    """IDs of copies: spaced evenly in time, or packed where the spacing is 0. No server has their process number."""

    environment: int
    begin: int
    spacing: int
    count: int

    def at(self, number: int) -> int:
        moment = number * self.spacing if self.spacing else number // _PER_MILLISECOND
        return ((self.begin + moment) << 22) + number % _PER_MILLISECOND

    def sql(self) -> str:
        """The same of ``n.i``."""
        moment = f"CAST(n.i AS BIGINT) * {self.spacing}" if self.spacing else f"n.i / {_PER_MILLISECOND}"
        return f"(({self.begin} + {moment}) << 22) + n.i % {_PER_MILLISECOND}"

    def parts(self) -> list[tuple[int, int]]:
        """First and last numbers of the parts that one statement makes."""
        return [(first, min(first + _PART, self.count) - 1) for first in range(0, self.count, _PART)]

    def where(self, table: str, first: int = 0, last: int | None = None) -> str:
        """The rows of an alias of ``authorizations``, found by the primary key."""
        row_id = f"{table}.authorization_id"
        between = f"{row_id} BETWEEN {self.at(first)} AND {self.at(self.count - 1 if last is None else last)}"
        return f"{table}.environment_id = {self.environment} AND {between} AND ({row_id} >> 12) & 1023 = 0"


class Multiplier:
    """Copies of an authorization: pending ones give codes, redeemed ones live tokens.

    Args:
        sql: the database.
        keys: the key ring's file.
        templates: the IDs of an authorization whose code is pending, and of a redeemed one.
    """

    def __init__(self, sql: Sql, keys: Path, templates: tuple[int, int]) -> None:
        self._sql = sql
        self._mint = Mint(KeyFile(keys).load(os.urandom))
        self._pending, self._redeemed = templates
        self._next_begin = 0
        (row,) = sql.rows(
            "SELECT a.environment_id, a.key_id, a.generation, a.session_sequence, i.epoch FROM authorizations a, "
            f"installation i WHERE a.authorization_id = {self._redeemed}"
        )
        environment, self._key, self._generation, self._sequence, self._epoch = (int(str(value)) for value in row)
        self._environment = EnvironmentId(environment)

    def pool(self, codes: int, live: int) -> Pool:
        """So many codes, and as many live refresh tokens and sessions of other authorizations."""
        pool = Pool()
        if codes:
            pending = self._copy(self._pending, codes, spacing=0, users=0).where("authorizations")
            later = int(time.time() * 1000) + 3_600_000
            self._sql.execute(f"UPDATE authorizations SET code_expires_at = {later} WHERE {pending}")
            pool.codes = deque(self._tokens(TokenKind.CODE, 0, pending))
        if live:
            made = self.multiply(2 * live)
            self._add_live(pool, [made.at(number) for number in range(made.count)])
        return pool

    def sample(self, made: Ids, live: int) -> Pool:
        """Tokens of authorizations that are spread evenly over all that were made."""
        pool, step = Pool(), max(1, made.count // (2 * live))
        self._add_live(pool, [made.at(number) for number in range(0, made.count, step)][: 2 * live])
        return pool

    def multiply(self, count: int, *, days: float = 0, users: int = 0) -> Ids:
        """Make redeemed authorizations with a session each.

        Args:
            count: how many.
            days: over how long a past their IDs are spread; packed if 0.
            users: over how many new users they are spread; all are the template's user's if 0.
        """
        made = self._copy(self._redeemed, count, spacing=int(days * 86_400_000 / count), users=users)
        columns = [column.name for column in schema.sessions.columns]
        own = {"row_id": "a.authorization_id", "salt": "a.salt", "user_id": "a.user_id"}
        picked = ", ".join(own.get(name, f"t.{name}") for name in columns)
        template = f"t.environment_id = {self._environment} AND t.row_id = {self._redeemed}"
        for first, last in made.parts():
            self._sql.execute(
                f"INSERT INTO sessions ({', '.join(columns)}) SELECT {picked} FROM authorizations a, sessions t "
                f"WHERE {made.where('a', first, last)} AND {template}"
            )
        return made

    def _copy(self, template: int, count: int, *, spacing: int, users: int) -> Ids:
        span = spacing * count or count // _PER_MILLISECOND + 1
        begin = int(time.time() * 1000) - 2000 - span - _IDS_BEGIN
        made = Ids(self._environment, begin if spacing else max(begin, self._next_begin), spacing, count)
        self._next_begin = made.begin + span
        own = {"authorization_id": made.sql(), "salt": self._sql.salt}
        if users:
            self._new_users(users)
            own["user_id"] = _user(f"n.i % {users}")
        columns = [column.name for column in schema.authorizations.columns]
        picked = ", ".join(own.get(name, f"t.{name}") for name in columns)
        for first, last in made.parts():
            before, table = self._sql.series(first, last)
            self._sql.execute(
                f"{before}INSERT INTO authorizations ({', '.join(columns)}) SELECT {picked} FROM {table}, "
                f"authorizations t WHERE t.environment_id = {self._environment} AND t.authorization_id = {template}"
            )
        return made

    def _new_users(self, users: int) -> None:
        before, table = self._sql.series(0, users - 1)
        columns = [column.name for column in schema.users.columns]
        own = {name: _user("n.i") for name in ("user_id", "username", "username_key")}
        picked = ", ".join(own.get(name, f"t.{name}") for name in columns)
        self._sql.execute(
            f"{before}INSERT INTO users ({', '.join(columns)}) SELECT {picked} FROM {table}, users t "
            "WHERE t.username = 'ann'"
        )

    def _add_live(self, pool: Pool, ids: Sequence[int]) -> None:
        own = f"environment_id = {self._environment} AND authorization_id"
        refreshed, looked_at = (f"{own} IN ({','.join(map(str, ids[begin::2]))})" for begin in (0, 1))
        pool.refresh_tokens = deque(self._tokens(TokenKind.REFRESH, self._generation, refreshed))
        pool.access_tokens = self._tokens(TokenKind.SESSION, self._sequence, looked_at)

    def _tokens(self, kind: TokenKind, generation: int, where: str) -> list[str]:
        salt = self._sql.hexadecimal("salt")
        return [
            self._mint.derive(
                kind,
                key_id=self._key,
                environment_id=self._environment,
                row_id=RowId(int(str(row_id))),
                generation=generation,
                epoch=self._epoch,
                salt=bytes.fromhex(str(salt)),
            ).reveal()
            for row_id, salt in self._sql.rows(f"SELECT authorization_id, {salt} FROM authorizations WHERE {where}")
        ]


def _user(number: str) -> str:
    """A user's ID of 32 digits."""
    return f"'0' || substr(CAST(1000000000 + ({number}) AS TEXT), 2) || 'aaaaaaaaaaaaaaaaaaaaaa'"


def templates(sql: Sql, port: int, application: Application) -> tuple[int, int]:
    """Consent twice and redeem once, over HTTP; gives the IDs of the pending row and of the redeemed one."""
    browser = Browser(port)
    browser.sign_in()
    browser.exchange(application, browser.consent(application.client_id))
    browser.consent(application.client_id)
    rows = sql.rows("SELECT authorization_id FROM authorizations ORDER BY authorization_id")
    redeemed, pending = (int(str(row[0])) for row in rows)
    return pending, redeemed
