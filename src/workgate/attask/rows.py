"""Stored things as the API's rows: dates in Workfront's form, references as small objects."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from workgate.attask.envelope import Payload
from workgate.attask.metadata import PROJ, USER, FieldType, ObjectType
from workgate.domain.accounts import Environment, User
from workgate.domain.ids import ObjectId
from workgate.domain.objects import StoredObject

FindUser = Callable[[ObjectId], Awaitable[User | None]]


def date_time(milliseconds: int) -> str:
    """Write an instant as ``yyyy-MM-dd'T'HH:mm:ss:SSSZ``, with the colon before the milliseconds (§3.7)."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}:{milliseconds % 1000:03d}+0000"


async def project_row(stored: StoredObject, shown: Mapping[str, tuple[str, ...]], find_user: FindUser) -> Payload:
    """Make a project's row."""
    values: dict[str, Any] = {
        **stored.fields,
        "ID": stored.object_id,
        "name": stored.name,
        "objCode": PROJ.code,
        "entryDate": stored.entered_at,
    }
    row: Payload = {}
    for name, below in shown.items():
        if name in PROJ.references:
            row[name] = await _reference(PROJ, name, values, below, find_user)
        else:
            row[name] = _shown_value(PROJ, name, values.get(name))
    return row


def user_row(user: User, environment: Environment, shown: Mapping[str, tuple[str, ...]]) -> Payload:
    """Make a user's row. References of users lead to nothing that exists yet: they are null."""
    values = user_values(user, environment)
    return {name: None if name in USER.references else values.get(name) for name in shown}


def user_values(user: User, environment: Environment) -> dict[str, Any]:
    """Give what is known of a user under the API's names."""
    return {
        "ID": user.user_id,
        "name": user.name,
        "objCode": USER.code,
        "username": user.username,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "emailAddr": user.email,
        "isAdmin": user.is_admin,
        "isActive": user.is_active,
        "customerID": environment.customer_id,
        "locale": "en_US",
        "timeZone": "UTC",
        "licenseType": "F",
    }


async def _reference(
    kind: ObjectType, name: str, values: Mapping[str, Any], below: tuple[str, ...], find_user: FindUser
) -> Payload | None:
    identifier = values.get(f"{name}ID")
    if kind.references[name] != USER.code or not identifier:
        return None
    user = await find_user(identifier)
    if user is None:
        return None
    small = {"ID": user.user_id, "name": user.name, "objCode": USER.code}
    known = {"username": user.username, "firstName": user.first_name, "lastName": user.last_name}
    known |= {"emailAddr": user.email}
    for field in below:
        small |= known if field == "*" else {field: known.get(field, small.get(field))}  # type: ignore[dict-item]
    return small


def _shown_value(kind: ObjectType, name: str, value: object) -> object:
    if isinstance(value, int) and kind.fields.get(name) is FieldType.DATE_TIME:
        return date_time(value)
    return value
