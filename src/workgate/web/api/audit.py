"""Operations on the audit log: pages with filters, and all of it as JSON lines."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from workgate.domain.audit import AuditFilter, AuditRecord
from workgate.domain.ids import Milliseconds, RowId
from workgate.domain.problems import Problem
from workgate.service.audit_queries import json_line
from workgate.service.descriptions import show_event
from workgate.web.api.bodies import AuditPageQuery, AuditQuery
from workgate.web.api.calls import AdminServices, Call, EventList, Lines

_Moment = Annotated[datetime, Meta(tz=True)]
_LAST = 2**63 - 1
_LINES_AT_ONCE = 200


async def list_events(services: AdminServices, call: Call[AuditPageQuery, None]) -> EventList:
    """List the environment's events, newest first."""
    query = call.query
    before = None if query.before is UNSET else RowId(min(int(query.before), _LAST))
    wanted = await _filter(services, call.query, call)
    page = await services.audit_queries.page(call.environment, wanted, before=before, limit=query.limit, by=call.acting)
    following = None if page.following is None else str(page.following)
    return EventList(events=[show_event(record) for record in page.records], following=following)


async def export_events(services: AdminServices, call: Call[AuditQuery, None]) -> Lines:
    """Give all events that match, newest first: a JSON object on each line."""
    wanted = await _filter(services, call.query, call)
    return Lines(_chunks(services.audit_queries.export(call.environment, wanted, by=call.acting)))


async def _chunks(records: AsyncIterator[AuditRecord]) -> AsyncIterator[bytes]:
    lines: list[bytes] = []
    async for record in records:
        lines.append(json_line(record))
        if len(lines) == _LINES_AT_ONCE:
            yield b"".join(lines)
            lines.clear()
            # Neither reading nor sending need ever wait: give others their turn, and notice who has gone.
            await asyncio.sleep(0)
    yield b"".join(lines)


async def _filter(services: AdminServices, query: AuditQuery, call: Call[AuditQuery, None]) -> AuditFilter:
    actor = _or_none(query.actor)
    if query.username is not UNSET:
        if actor is not None:
            raise Problem("give actor or username, not both", field="username")
        record = await services.users.account_named(call.environment.environment_id, query.username)
        if record is None:
            raise Problem("nobody in this environment has that user name", field="username")
        actor = record.user.user_id
    reference = _or_none(query.reference)
    return AuditFilter(
        event=None if query.event is UNSET else query.event,
        actor=actor,
        client_id=_or_none(query.client_id),
        address=_or_none(query.address),
        reference=None if reference is None else reference.strip().upper(),
        since=_instant("since", query.since),
        until=_instant("until", query.until),
    )


def _or_none(text: str | UnsetType) -> str | None:
    return None if text is UNSET else text


def _instant(field: str, text: str | UnsetType) -> Milliseconds | None:
    if text is UNSET:
        return None
    try:
        return Milliseconds(int(msgspec.convert(text, _Moment).timestamp() * 1000))
    except msgspec.ValidationError:
        raise Problem("it must be a time with its zone, as 2026-09-21T14:00:00Z", field=field) from None
