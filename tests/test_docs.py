"""The documents say what the program does."""

import dataclasses
import re
from pathlib import Path

import pytest
import typer.main

from workgate.cli.commands import cli
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import EnvironmentId, Milliseconds, RowId
from workgate.ops.settings import Settings
from workgate.service.audit_queries import described
from workgate.web.audit_words import EVENT_WORDS

ROOT = Path(__file__).parents[1]
OPERATING = (ROOT / "docs" / "operating.md").read_text()
AUDIT = (ROOT / "docs" / "audit.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    default = getattr(Settings(), name)
    shown = ",".join(default) if isinstance(default, tuple) else default
    shown = "(none)" if shown in {None, ""} else shown
    assert f"| `WORKGATE_{name.upper()}` | `{shown}` |" in OPERATING


def test_every_command_that_is_shown_exists() -> None:
    commands = typer.main.get_command(cli)
    groups = {name: set(getattr(command, "commands", {})) for name, command in commands.commands.items()}  # type: ignore[attr-defined]
    shown = set(re.findall(r"workgate (org|user|app|keys|epoch|audit|sso) ([a-z-]+)", OPERATING + README))
    assert ("app", "create") in shown
    assert [pair for pair in shown if pair[1] not in groups[pair[0]]] == []


def test_every_event_and_field_of_the_audit_log_is_documented() -> None:
    fields, _, events = AUDIT.partition("## Fields")[2].partition("## Events")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", events, re.M)
    assert rows == [(event.value, str(EVENT_WORDS[event])) for event in AuditEvent]
    record = AuditRecord(
        environment_id=EnvironmentId(1), event_id=RowId(1), at=Milliseconds(0), event=AuditEvent.SIGNED_IN
    )
    assert re.findall(r"^\| `(\w+)` \|", fields, re.M) == list(described(record))
    stored = {field.name for field in dataclasses.fields(AuditRecord)} - {"environment_id", "event_id"}
    assert set(described(record)) == stored | {"id"}


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
