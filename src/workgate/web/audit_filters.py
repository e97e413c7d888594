"""The filters of the audit pages: read from an address, checked field by field, and written back into one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditFilter
from workgate.domain.ids import Milliseconds
from workgate.domain.texts import N_, Text
from workgate.oauth.errors import Refusal
from workgate.oauth.params import from_form
from workgate.service.naming import Naming

FILTER_NAMES = ("event", "user", "application", "address", "reference", "from", "to")
_LONGEST = 400
_YEARS = range(1970, 2089)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Attributes:
        typed: all fields as they came, to show them again.
        wanted: the filter; None if a field is not usable.
        problems: what is wrong, by field.
    """

    typed: Mapping[str, str]
    wanted: AuditFilter | None
    problems: Mapping[str, Text]

    def query(self, **more: str) -> str:
        """The query of an address that asks for the same, and for more."""
        return urlencode({name: value for name, value in {**self.typed, **more}.items() if value})

    @property
    def is_filtered(self) -> bool:
        """Whether any field is filled in."""
        return any(self.typed.values())


async def read_filters(query: bytes, environment: Environment, naming: Naming) -> Asked | Refusal:
    """Read the filters of an address' query; a refusal if it is malformed as a whole.

    Raises:
        StoreUnavailable: the user could not be looked up.
    """
    came = from_form(query, frozenset(FILTER_NAMES), longest=_LONGEST)
    if isinstance(came, Refusal):
        return came
    typed = {name: came.get(name, "").strip() for name in FILTER_NAMES}
    problems: dict[str, Text] = {}
    event = None
    if typed["event"] and (event := _event(typed["event"])) is None:
        problems["event"] = N_("There is no such event: choose one of the list.")
    user = None
    if typed["user"] and (user := await naming.user_named(environment, typed["user"])) is None:
        problems["user"] = N_("Nobody here has this user name.")
    times: dict[str, Milliseconds | None] = {}
    for name in ("from", "to"):
        times[name] = moment = _instant(typed[name]) if typed[name] else None
        if moment is not None:
            typed[name] = f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%S}".removesuffix(":00")
        elif typed[name]:
            problems[name] = N_("Write a date and a time, such as 2026-11-25 16:24.")
    since, until = times["from"], times["to"]
    if since is not None and until is not None and since >= until:
        problems["to"] = N_("Choose a time after the first one.")
    wanted = AuditFilter(
        event=event,
        actor=None if user is None else user.user_id,
        client_id=typed["application"] or None,
        address=typed["address"] or None,
        reference=typed["reference"].upper() or None,
        since=since,
        until=until,
    )
    return Asked(typed, None if problems else wanted, problems)


def _event(text: str) -> AuditEvent | None:
    try:
        return AuditEvent(text)
    except ValueError:
        return None


def _instant(text: str) -> Milliseconds | None:
    """A date or a time in ISO 8601, in UTC unless it says otherwise; None if it is neither."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Milliseconds(int(moment.timestamp() * 1000)) if moment.year in _YEARS else None
