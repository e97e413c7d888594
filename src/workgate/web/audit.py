"""The audit log for administrators: pages with filters, one record with its private reason, and an export."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent, AuditFilter, AuditRecord
from workgate.domain.ids import Clock, RowId
from workgate.domain.oauth import Application
from workgate.domain.texts import N_
from workgate.oauth.errors import Fault
from workgate.service.audit_queries import AuditQueries, json_line
from workgate.service.naming import Naming
from workgate.web.audit_filters import Asked, read_filters
from workgate.web.audit_words import EVENT_WORDS, mismatch_in
from workgate.web.entrance import Administrator, Entrance
from workgate.web.pages import AUDIT_PATH, SECURITY_HEADERS, Pages

EXPORT_PATH = AUDIT_PATH + "/export"
_PAGE = 50
_LARGEST_ID = 2**63 - 2


class AuditPages:
    """GET only: nobody changes the audit log."""

    def __init__(self, *, queries: AuditQueries, naming: Naming, clock: Clock, pages: Pages) -> None:
        self._queries = queries
        self._naming = naming
        self._clock = clock
        self._pages = pages

    def routes(self, entrance: Entrance) -> list[BaseRoute]:
        """The addresses of these pages."""
        return [
            Route(AUDIT_PATH, entrance.administrators(self.listing), methods=["GET"]),
            Route(EXPORT_PATH, entrance.administrators(self.export), methods=["GET"]),
            Route(AUDIT_PATH + "/{record}", entrance.administrators(self.record), methods=["GET"]),
        ]

    async def listing(self, request: Request, admin: Administrator) -> Response:
        """Show what matches the filters, newest first, a page at a time."""
        environment = admin.environment
        asked = await read_filters(request.scope["query_string"], environment, self._naming)
        if not isinstance(asked, Asked):
            return self._unusable(request, admin, asked.fault)
        before = _row_id(request.query_params.get("before", ""))
        records: list[dict[str, Any]] = []
        following: RowId | None = None
        applications = await self._naming.applications(environment)
        if asked.wanted is not None:
            page = await self._queries.page(environment, asked.wanted, before=before, limit=_PAGE, by=admin.acting)
            users = await self._naming.users(environment, (record.actor for record in page.records))
            records = [_record_context(record, users, applications) for record in page.records]
            following = page.following
        context = {
            "filters": asked.typed,
            "is_filtered": asked.is_filtered,
            "problems": asked.problems,
            "first_problem": next(iter(asked.problems), None),
            "events": [(event.value, words) for event, words in EVENT_WORDS.items()],
            "applications": sorted(
                ((client_id, found.name) for client_id, found in applications.items()), key=lambda pair: pair[1].lower()
            ),
            "records": records,
            "audit_url": AUDIT_PATH,
            "newest_url": _address(AUDIT_PATH, asked.query()) if before is not None else None,
            "older_url": _address(AUDIT_PATH, asked.query(before=str(following))) if following is not None else None,
            "export_url": _address(EXPORT_PATH, asked.query()) if records else None,
        }
        status = 400 if asked.problems else 200
        return self._pages.render(request, "audit.html", environment, context, status=status)

    async def record(self, request: Request, admin: Administrator) -> Response:
        """Show one record, by its reference or its ID, with its private reason."""
        environment, by = admin.environment, admin.acting
        name: str = request.path_params["record"]
        event_id = _row_id(name)
        if event_id is not None:
            record = await self._queries.record(environment, event_id, by=by)
        else:
            # No reference holds what a database could choke on.
            readable = name[:40] if name.isprintable() else ""
            record = await self._queries.reference(environment, readable, by=by)
        users = await self._naming.users(environment, [record.actor])
        applications = await self._naming.applications(environment)
        context = {
            "record": {
                **_record_context(record, users, applications),
                "id": str(record.event_id),
                "reason": record.reason,
                "mismatch": None if record.reason is None else mismatch_in(record.reason),
            },
            "audit_url": AUDIT_PATH,
        }
        return self._pages.render(request, "audit_record.html", environment, context)

    async def export(self, request: Request, admin: Administrator) -> Response:
        """Give all that matches as a file of JSON lines, while it is read."""
        environment = admin.environment
        asked = await read_filters(request.scope["query_string"], environment, self._naming)
        if not isinstance(asked, Asked):
            return self._unusable(request, admin, asked.fault)
        if asked.wanted is None:
            return self._unusable(request, admin, Fault.MALFORMED_PARAMETER)
        name = f"audit-{environment.domain}.{environment.lane}-{self._clock.now()}.jsonl"
        headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        lines = self._lines(admin, asked.wanted)
        # What fails before the first line is answered with a page; later, the download ends as a broken one.
        first = b"" if request.method == "HEAD" else await anext(lines, b"")
        return StreamingResponse(_continued(first, lines), media_type="application/x-ndjson", headers=headers)

    async def _lines(self, admin: Administrator, wanted: AuditFilter) -> AsyncIterator[bytes]:
        async for record in self._queries.export(admin.environment, wanted, by=admin.acting):
            yield json_line(record)

    def _unusable(self, request: Request, admin: Administrator, fault: Fault) -> Response:
        return self._pages.error(
            request,
            admin.environment,
            status=400,
            title=N_("These filters cannot be used"),
            text=fault.text,
            hint=N_("Open the audit log again from the start page, and choose the filters there."),
            start=True,
        )


async def _continued(first: bytes, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
        async for line in lines:
            yield line


def _record_context(
    record: AuditRecord, users: Mapping[str, User], applications: Mapping[str, Application]
) -> dict[str, Any]:
    user = users.get(record.actor or "")
    application = applications.get(record.client_id or "")
    return {
        "url": f"{AUDIT_PATH}/{record.event_id}",
        "at": record.at,
        "event": record.event.value,
        "words": EVENT_WORDS[record.event],
        "is_warning": record.event in _WARNINGS,
        "actor": None if user is None else {"name": user.name, "username": user.username},
        "actor_id": record.actor,
        "application": None if application is None else application.name,
        "client_id": record.client_id,
        "address": record.address,
        "reference": record.reference,
    }


_WARNINGS = frozenset(
    {
        AuditEvent.SIGN_IN_FAILED,
        AuditEvent.ACCOUNT_LOCKED,
        AuditEvent.ADMINISTRATION_REFUSED,
        AuditEvent.AUTHORIZE_REFUSED,
        AuditEvent.CODE_REPLAYED,
        AuditEvent.REFRESH_REPLAYED,
        AuditEvent.TOKEN_REFUSED,
    }
)


def _row_id(text: str) -> RowId | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        return None
    return RowId(int(text)) if int(text) <= _LARGEST_ID else None


def _address(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
