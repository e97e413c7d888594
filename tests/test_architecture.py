"""The layers of the design, run as a test: who may import whom, and what the lower layers may not touch.

The tables say the rule. The functions below them only read source text, so each rule is also tried on a
snippet that breaks it. Imports inside functions and under TYPE_CHECKING count like all others.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

OPS_EVENTS = ("ops.telemetry", "ops.audit")
HTTP_LIBRARIES = ("starlette", "uvicorn", "httpx", "requests", "http.client", "http.server", "urllib.request")
DATABASES = ("sqlite3", "sqlalchemy", "alembic", "asyncpg")
IO = ("os", "io", "pathlib", "socket", "ssl", "subprocess", "tempfile", "threading", "asyncio", "logging")
TIME_AND_CHANCE = ("time", "random", "secrets")
ANYTHING = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One row of the layer table: a package or module directly under src/workgate.

    Attributes:
        imports: Modules under `workgate` that it may import, itself apart; ANYTHING for all.
        but_not: Exceptions from `imports`.
        libraries: Third-party packages that it may import; ANYTHING for all.
        banned: Modules from outside that it may not import, of the standard library too.
        clock: Whether it may read clocks and randomness itself; everywhere else they are arguments.
    """

    imports: tuple[str, ...] | None
    but_not: tuple[str, ...] = ()
    libraries: tuple[str, ...] | None = ANYTHING
    banned: tuple[str, ...] = ()
    clock: bool = False


LAYERS: dict[str, Unit] = {
    # 7
    "cli": Unit(imports=ANYTHING, but_not=("testing",), clock=True),
    "testing": Unit(imports=ANYTHING, but_not=("cli",), clock=True),
    # 6
    "server": Unit(imports=ANYTHING, but_not=("cli", "testing", "client"), clock=True),
    # Its parts: what is opened, the services that are made of it, and what endpoints and pages are made of.
    "endpoint_assembly": Unit(
        imports=ANYTHING, but_not=("cli", "testing", "client", "server", "assembly", "web_assembly")
    ),
    "web_assembly": Unit(imports=ANYTHING, but_not=("cli", "testing", "client", "server")),
    "assembly": Unit(
        imports=ANYTHING, but_not=("cli", "testing", "client", "server", "web", "web_assembly", "endpoint_assembly")
    ),
    "opening": Unit(
        imports=ANYTHING,
        but_not=("cli", "testing", "client", "server", "assembly", "web", "web_assembly"),
        clock=True,
    ),
    # Sockets and processes, for any application: they know nothing of ours.
    "serving": Unit(imports=("http11", *OPS_EVENTS), banned=DATABASES, clock=True),
    "supervisor": Unit(imports=("serving", *OPS_EVENTS), libraries=(), banned=DATABASES, clock=True),
    # 5
    "web": Unit(
        imports=("asgi", "service", "oauth", "domain", "crypto", *OPS_EVENTS),
        banned=DATABASES,
    ),
    "attask": Unit(
        imports=("asgi", "service", "oauth", "domain", "crypto", *OPS_EVENTS),
        banned=DATABASES,
    ),
    # Plain ASGI for both of them: reading bodies, writing answers.
    "asgi": Unit(imports=("oauth", "domain", *OPS_EVENTS), banned=DATABASES),
    # And what lies under all of HTTP: uvicorn's protocol, as the server uses it.
    "http11": Unit(imports=(), banned=DATABASES),
    # 4
    "service": Unit(
        imports=("oauth", "domain", "crypto", "signin", *OPS_EVENTS),
        banned=(*DATABASES, *HTTP_LIBRARIES, "jinja2"),
    ),
    # 3
    "storage": Unit(imports=("domain", "crypto", *OPS_EVENTS), banned=HTTP_LIBRARIES),
    "signin": Unit(imports=("domain", "crypto", *OPS_EVENTS), banned=(*DATABASES, "starlette", "uvicorn")),
    # 2
    "oauth": Unit(
        imports=("domain", "crypto"),
        but_not=("domain.ports",),
        libraries=("msgspec",),
        banned=(*IO, *DATABASES, *HTTP_LIBRARIES, *TIME_AND_CHANCE),
    ),
    # 1
    "crypto": Unit(imports=("domain",), banned=(*IO, *DATABASES, *HTTP_LIBRARIES, *TIME_AND_CHANCE)),
    # 0
    "domain": Unit(imports=(), libraries=()),
    # Beside the layers: seen from layer 3 up, and only its settings from layers 6 and 7 alone.
    "ops": Unit(imports=("domain",), clock=True),
    # The island: a library for programs that have no server. It brings its own clock as a default argument.
    "client": Unit(imports=("oauth.pkce", "oauth.errors"), libraries=("httpx", "msgspec")),
}

CLOCKS_AND_RANDOMNESS = re.compile(
    r"""time\.(time|time_ns|monotonic|monotonic_ns)
      | datetime\.(datetime|date)\.(now|utcnow|today)
      | os\.urandom | uuid\.uuid[14] | secrets\.(token_\w+|randbits|randbelow|choice)
      | random\.\w+
    """,
    re.VERBOSE,
)
SLEEPS = ("time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep")


# --- reading source text


def imported(tree: ast.AST, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Every name that a module imports, absolute: `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                parents = parents[: len(parents) - node.level + is_package]
                base = ".".join([*parents, base]).rstrip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def names_used(tree: ast.AST) -> Iterator[tuple[ast.Name | ast.Attribute, str]]:
    """Every dotted name that begins with an import, spelt out in full whatever alias it goes by."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                aliases[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            aliases.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            head, dot, rest = ast.unparse(node).partition(".")
            if head in aliases:
                yield node, aliases[head] + dot + rest


def within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


# --- the rules: each takes source text and yields what is wrong with it


def import_faults(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Imports of `module` ("workgate.oauth.pkce") that the layer table forbids."""
    name = module.partition(".")[2].partition(".")[0]
    if not name:  # src/workgate/__init__.py
        name, unit = "workgate", Unit(imports=(), libraries=())
    elif name in LAYERS:
        unit = LAYERS[name]
    else:
        yield f"{module}: `{name}` is in no row of the layer table"
        return
    for line, target in imported(ast.parse(source), module, is_package=is_package):
        first, _, inner = target.partition(".")
        if first == "workgate":
            listed = unit.imports is ANYTHING or within(inner, (name, "__version__", *unit.imports))
            permitted = inner and listed and not within(inner, unit.but_not)
        else:
            listed = unit.libraries is ANYTHING or first in (*sys.stdlib_module_names, *unit.libraries)
            permitted = listed and not within(target, unit.banned)
        if not permitted:
            yield f"{module}:{line}: {name} may not import {target}"


def clock_faults(source: str, module: str) -> Iterator[str]:
    """Uses of clocks and randomness below layer 6. The client may name one as a default, but not call it."""
    name = module.partition(".")[2].partition(".")[0]
    if name in LAYERS and LAYERS[name].clock:
        return
    tree = ast.parse(source)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node, target in names_used(tree):
        if CLOCKS_AND_RANDOMNESS.fullmatch(target) and (id(node) in called or name != "client"):
            yield f"{module}:{node.lineno}: {target} below layer 6; take it as an argument"


def size_faults(source: str, path: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{path}: {lines} lines, {MAX_FILE_LINES} are allowed"
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name}: {length} lines, {MAX_FUNCTION_LINES} are allowed"


def pragma_faults(source: str, path: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and re.search(r"pragma:\s*no\s*cover", token.string):
            yield f"{path}:{token.start[0]}: `pragma: no cover`"


def mock_and_sleep_faults(source: str, path: str) -> Iterator[str]:
    """Mocks of our own code, and sleeping until something has probably happened."""
    tree = ast.parse(source)
    for line, target in imported(tree, "tests"):
        if within(target, ("unittest.mock", "mock", "pytest_mock")):
            yield f"{path}:{line}: {target}"
    targets = {id(node): target for node, target in names_used(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and targets.get(id(node.func)) in SLEEPS:
            match targets[id(node.func)], node.args:
                case "time.sleep", _:
                    yield f"{path}:{node.lineno}: time.sleep"
                case _, [ast.Constant(value=0)]:  # gives way to other tasks, which is no sleep
                    pass
                case target, _:
                    yield f"{path}:{node.lineno}: {target}"


# --- the project obeys


def files(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and "node_modules" not in path.parts:
                yield path


def faults(check: Callable[[str, str], Iterator[str]], paths: Iterator[Path]) -> list[str]:
    found: list[str] = []
    for path in paths:
        found.extend(check(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))))
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def test_imports_go_downward_only() -> None:
    found: list[str] = []
    for path in files("src/workgate"):
        is_package = path.name == "__init__.py"
        found.extend(import_faults(path.read_text("utf-8"), module_of(path), is_package=is_package))
    assert found == []


def test_time_and_randomness_are_arguments() -> None:
    found: list[str] = []
    for path in files("src/workgate"):
        found.extend(clock_faults(path.read_text("utf-8"), module_of(path)))
    assert found == []


def test_files_and_functions_are_short() -> None:
    sources = files("src", "tests", suffixes=(".py", ".html", ".css", ".js", ".mjs", ".sql"))
    assert faults(size_faults, sources) == []
    assert faults(size_faults, files("examples", "bench")) == []


def test_nothing_is_hidden_from_coverage() -> None:
    assert faults(pragma_faults, files("src", "tests", "examples", "bench")) == []


def test_tests_neither_mock_nor_sleep() -> None:
    assert faults(mock_and_sleep_faults, files("tests")) == []


def test_no_drawer_for_everything() -> None:
    drawers = [
        str(path.relative_to(ROOT))
        for folder in ("src", "tests", "examples", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.stem in ("helpers", "utils") and "node_modules" not in path.parts
    ]
    assert drawers == []


# --- and the rules notice


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("workgate.domain.oauth", "import msgspec"),
        ("workgate.domain.oauth", "from workgate.crypto import keys"),
        ("workgate.crypto.keys", "import os"),
        ("workgate.oauth.pkce", "def f():\n    import time"),
        ("workgate.oauth.pkce", "from urllib import request"),
        ("workgate.oauth.tokens", "from workgate.domain import ports"),
        ("workgate.oauth.tokens", "from ..domain.ports import Store"),
        ("workgate.oauth.tokens", "import typing\nif typing.TYPE_CHECKING:\n    import sqlalchemy"),
        ("workgate.oauth.tokens", "from workgate.ops import audit"),
        ("workgate.storage.sqlite", "from workgate.signin import password"),
        ("workgate.storage.sqlite", "from ..ops import settings"),
        ("workgate.signin.oidc", "import workgate.storage.engine"),
        ("workgate.service.tokens", "from workgate import storage"),
        ("workgate.service.tokens", "from starlette.requests import Request"),
        ("workgate.service.tokens", "import workgate"),
        ("workgate.web.app", "from workgate.attask import handlers"),
        ("workgate.web.app", "from workgate.ops.settings import Settings"),
        ("workgate.attask.query", "from .. import web"),
        ("workgate.asgi", "from .service import tokens"),
        ("workgate.server", "from workgate.client import flows"),
        ("workgate.server", "from workgate.cli import main"),
        ("workgate.cli.main", "from workgate.testing import stand_in"),
        ("workgate.testing.stand_in", "from workgate import cli"),
        ("workgate.ops.audit", "from workgate.oauth import errors"),
        ("workgate.client.flows", "from workgate.oauth import params"),
        ("workgate.client.flows", "import structlog"),
        ("workgate.misc", "x = 1"),
    ],
)
def test_a_forbidden_import_is_noticed(module: str, source: str) -> None:
    assert len(list(import_faults(source, module))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("workgate.oauth.tokens", "from ..domain.accounts import User\nfrom . import errors\nimport hashlib"),
        ("workgate.web.app", "from workgate.ops import telemetry\nfrom workgate import __version__, asgi"),
        ("workgate.client.flows", "from workgate.oauth.pkce import challenge\nimport httpx, asyncio"),
        ("workgate.server", "from workgate.ops.settings import Settings\nfrom workgate import storage, web"),
        ("workgate.cli.main", "from workgate import client, server"),
    ],
)
def test_a_permitted_import_is_not(module: str, source: str) -> None:
    assert list(import_faults(source, module)) == []


def test_a_package_resolves_its_own_dots() -> None:
    assert list(import_faults("from .engine import open_engine", "workgate.storage", is_package=True)) == []
    assert list(import_faults("from ..web import app", "workgate.storage", is_package=True)) != []


@pytest.mark.parametrize(
    "source",
    [
        "import time\nnow = time.time()",
        "import time as t\ndef f(clock=t.monotonic): pass",
        "from time import time as wall\nnow = wall()",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import datetime as dt\nnow = dt.datetime.now()",
        "import secrets\nkey = secrets.token_bytes(32)",
    ],
)
def test_a_clock_is_noticed_below_layer_6(source: str) -> None:
    assert len(list(clock_faults(source, "workgate.service.tokens"))) == 1
    assert list(clock_faults(source, "workgate.server")) == []


def test_a_name_that_was_not_imported_is_no_clock() -> None:
    assert list(clock_faults("def f(random, now):\n    return random.choice(now.time)", "workgate.service")) == []


def test_the_client_may_default_to_a_clock_but_not_read_one() -> None:
    assert list(clock_faults("import time\ndef f(clock=time.time): pass", "workgate.client.auth")) == []
    assert list(clock_faults("import time\nnow = time.time()", "workgate.client.auth")) != []


def test_the_other_rules_notice_too() -> None:
    long_body = "    x = 1\n" * (MAX_FUNCTION_LINES + 1)
    assert len(list(size_faults(f"async def f():\n{long_body}", "a.py"))) == 1
    assert len(list(size_faults("a\n" * (MAX_FILE_LINES + 1), "a.css"))) == 1
    assert len(list(pragma_faults("x = 1  # pragma: no cover\n", "a.py"))) == 1
    for source in (
        "from unittest import mock",
        "import unittest.mock as m",
        "import time\ntime.sleep(0)",
        "from asyncio import sleep\nasync def f(): await sleep(0.1)",
    ):
        assert len(list(mock_and_sleep_faults(source, "a.py"))) == 1
    assert list(mock_and_sleep_faults("import asyncio\nasync def f(): await asyncio.sleep(0)", "a.py")) == []
