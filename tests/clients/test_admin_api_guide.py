"""docs/admin-api.md: its commands do what it says, exactly as they stand, and its tables say what there is."""

import json
import re
from pathlib import Path

import pytest
from tests.clients.terminal import a_demo, a_terminal, blocks, value

from workgate.web.api.errors import STATUS_OF_CODE
from workgate.web.api.routes import OPERATIONS

pytestmark = pytest.mark.clients

GUIDE = (Path(__file__).parents[2] / "docs" / "admin-api.md").read_text(encoding="utf-8")


def test_the_commands(tmp_path: Path) -> None:
    first, create, change, rotate, logo, look, delete = blocks(GUIDE)
    with a_demo(tmp_path), a_terminal(tmp_path) as shell:
        assert shell.run(first).strip() == "ClientApp"
        made = value(shell.run(create))
        changed = value(shell.run(change))
        secret = made.pop("client_secret")
        expected = {"description": "Weekly reports", "refresh_inactivity_seconds": 15_552_000}
        assert changed == {**made, **expected}
        added, status = shell.run(rotate).rsplit("\n", 2)[0].rsplit("}", 1)
        assert status == "204"
        assert str(secret) not in added
        assert "from 2027" in added
        assert value(shell.run(logo))["has_logo"] is True
        seen = shell.run(look)
        assert seen.startswith('{"users":0,"expiring":0')
        assert json.loads(seen.splitlines()[-1])["event"]
        assert shell.run(delete).split() == ["204", "not_found"]


def test_the_table_of_addresses() -> None:
    shown = re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|$", GUIDE, flags=re.M)
    there: dict[str, list[str]] = {}
    for each in OPERATIONS:
        there.setdefault(each.path, []).append(each.method)
    assert {path: methods.split(", ") for path, methods in shown} == there


def test_the_table_of_errors() -> None:
    shown = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", GUIDE, flags=re.M)
    assert shown == [(str(status), code.value) for code, status in STATUS_OF_CODE.items()]
