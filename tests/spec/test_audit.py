"""What the audit log tells an administrator (issue 4): exact reasons behind references, and all of it to take away."""

import json
import re

import pytest
from tests.browser import Browser, World, authorize_params, query_of

from workgate.domain.audit import AuditEvent, AuditFilter
from workgate.domain.problems import NotFound
from workgate.service.acting import OPERATOR
from workgate.service.audit_queries import json_line


def reason(world: World, reference: str) -> str:
    workgate = world.stand_in.workgate
    world.stand_in.run(workgate.database.engine.flush())
    return (
        world.stand_in.run(workgate.services.audit_queries.reference(world.acme, reference, by=OPERATOR)).reason or ""
    )


@pytest.mark.spec("Workgate", "audit", "a reference opens the reason: the difference, the seconds, the generation")
def test_reasons(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Reasons")
    asked = {**authorize_params(app), "redirect_uri": "https://client.example/Callback"}
    found = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", ann.authorize(**asked).text)
    assert found is not None
    assert reason(shared, found[0].lower()) == (
        "came 'https://client.example/>>>Callback', registered is 'https://client.example/>>>callback'; "
        "they differ from character 24 on"
    )
    late = query_of(ann.decide(ann.authorize(**authorize_params(app))).headers["location"])["code"]
    shared.clock.advance(134)
    assert reason(shared, shared.redeem(app, late).json()["reference"]) == "code expired 14 s ago"
    pair = shared.connect(app, ann)
    old = pair["refresh_token"]
    for _ in range(2):
        pair = shared.refresh(app, pair["refresh_token"]).json()
        shared.clock.advance(31)
    refused = shared.refresh(app, old).json()["reference"]
    assert reason(shared, refused) == "generation 1 replayed, current is 3"
    queries = shared.stand_in.workgate.services.audit_queries
    with pytest.raises(NotFound):
        shared.stand_in.run(queries.reference(shared.globex, refused, by=OPERATOR))


@pytest.mark.spec("Workgate", "audit", "all that matches can be exported, a page of the database at a time")
def test_export(shared: World) -> None:
    queries, run = shared.stand_in.workgate.services.audit_queries, shared.stand_in.run

    async def export(wanted: AuditFilter) -> list[bytes]:
        return [json_line(record) async for record in queries.export(shared.acme, wanted, by=OPERATOR)]

    lines = run(export(AuditFilter(event=AuditEvent.APPLICATION_CREATED)))
    assert len(lines) >= 4
    for line in lines:
        assert line.endswith(b"}\n")
        assert json.loads(line)["event"] == "application_created"
    assert len(run(export(AuditFilter()))) >= len(lines)
    assert run(export(AuditFilter(address="203.0.113.9"))) == []
