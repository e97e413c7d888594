"""Reading the audit log: pages with filters for administrators, and all of it as JSON lines."""

from collections.abc import AsyncIterator

import msgspec

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditFilter, AuditPage, AuditRecord
from workgate.domain.ids import RowId
from workgate.domain.ports import AuditStore
from workgate.domain.problems import NotFound
from workgate.service.acting import Acting
from workgate.service.descriptions import show_event

LARGEST_PAGE = 1000


class AuditQueries:
    """Questions to the audit log of one environment."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def page(
        self,
        environment: Environment,
        wanted: AuditFilter,
        *,
        before: RowId | None = None,
        limit: int = 50,
        by: Acting,
    ) -> AuditPage:
        """Give a page of what matches, newest first.

        Args:
            environment: whose log.
            wanted: the filters.
            before: ``following`` of the page before.
            limit: how many, at most 1000.
            by: who is acting.

        Raises:
            NotAllowed: whoever asks is no administrator.
        """
        by.must_administer(environment)
        limit = max(1, min(limit, LARGEST_PAGE))
        return await self._store.find(environment.environment_id, wanted, before=before, limit=limit)

    async def reference(self, environment: Environment, reference: str, *, by: Acting) -> AuditRecord:
        """Say what an error's reference stands for in this environment.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: nothing is recorded under it.
        """
        wanted = AuditFilter(reference=reference.strip().upper())
        page = await self.page(environment, wanted, limit=1, by=by)
        if not page.records:
            raise NotFound("nothing is recorded under the reference {reference!r}", reference=reference[:40])
        return page.records[0]

    async def record(self, environment: Environment, event_id: int, *, by: Acting) -> AuditRecord:
        """Give one record of this environment.

        Raises:
            NotAllowed: whoever asks is no administrator.
            NotFound: there is none with this ID, or it was cleaned up.
        """
        following = RowId(event_id + 1)
        page = await self.page(environment, AuditFilter(), before=following, limit=1, by=by)
        if not page.records or page.records[0].event_id != event_id:
            raise NotFound("nothing is recorded under the ID {event_id}", event_id=event_id)
        return page.records[0]

    async def export(self, environment: Environment, wanted: AuditFilter, *, by: Acting) -> AsyncIterator[AuditRecord]:
        """Give all that matches, newest first, a page of the database at a time.

        Raises:
            NotAllowed: whoever asks is no administrator; with the first record, not before.
        """
        before: RowId | None = None
        while True:
            page = await self.page(environment, wanted, before=before, limit=LARGEST_PAGE, by=by)
            for record in page.records:
                yield record
            if page.following is None:
                return
            before = page.following


def described(record: AuditRecord) -> dict[str, str | None]:
    """A record as the JSON that every way of reading it gives."""
    return dict(msgspec.to_builtins(show_event(record)))


def json_line(record: AuditRecord) -> bytes:
    """A record as a line of an export."""
    return msgspec.json.encode(show_event(record)) + b"\n"
