"""The sessions that a person signed in for, as their list shows them."""

from typing import NamedTuple

from workgate.domain.accounts import SessionOrigin
from workgate.domain.ids import Milliseconds, RowId


class OwnSession(NamedTuple):
    """A live session. ``address`` and ``agent`` are from where, and by what; None: of before they were noted."""

    row_id: RowId
    origin: SessionOrigin
    opened_at: Milliseconds
    last_seen_at: Milliseconds
    address: str | None
    agent: str | None
