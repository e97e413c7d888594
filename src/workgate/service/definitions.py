"""What an administrator may enter of an application, field by field, with what is wrong when something is."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from workgate.domain.oauth import Application, ApplicationType, ConsentPolicy
from workgate.domain.problems import Problem
from workgate.oauth.redirects import registration_problem

_DAY = 86_400
EXPIRY_CHOICES: Mapping[str, int] = MappingProxyType(
    {
        "1 day": _DAY,
        "1 week": 7 * _DAY,
        "1 month": 30 * _DAY,
        "3 months": 90 * _DAY,
        "6 months": 180 * _DAY,
        "1 year": 365 * _DAY,
    }
)
"""What forms offer for the two expiries, besides none; every other number of seconds is as good."""
LONGEST_NOTE = 64
LONGEST_NAME = 100
LONGEST_DESCRIPTION = 1000
LONGEST_ADDRESS = 2048
MOST_REDIRECT_URIS = 50
CODE_SECONDS = (120, 60)
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """What an administrator enters. Durations are whole seconds; None is without end."""

    name: str
    type: ApplicationType
    redirect_uris: Sequence[str] = ()
    rotate_refresh_tokens: bool = True
    refresh_absolute_seconds: int | None = None
    refresh_inactivity_seconds: int | None = None
    code_seconds: int = 120
    consent: ConsentPolicy = ConsentPolicy.ALWAYS
    description: str = ""
    description_url: str = ""
    developer_name: str = ""
    developer_email: str = ""
    privacy_url: str = ""
    logo: bytes | None = None


class ApplicationChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; what is UNSET stays. ``logo`` None takes it away. The type never changes."""

    name: str | UnsetType = UNSET
    redirect_uris: Sequence[str] | UnsetType = UNSET
    rotate_refresh_tokens: bool | UnsetType = UNSET
    refresh_absolute_seconds: int | UnsetType | None = UNSET
    refresh_inactivity_seconds: int | UnsetType | None = UNSET
    code_seconds: int | UnsetType = UNSET
    consent: ConsentPolicy | UnsetType = UNSET
    description: str | UnsetType = UNSET
    description_url: str | UnsetType = UNSET
    developer_name: str | UnsetType = UNSET
    developer_email: str | UnsetType = UNSET
    privacy_url: str | UnsetType = UNSET
    logo: bytes | UnsetType | None = UNSET

    def of(self, application: Application) -> dict[str, Any]:
        """What of it differs from what the application has; the logo apart."""
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "logo")
        values = {name: value for name, value in fields if value is not UNSET}
        if "redirect_uris" in values:
            values["redirect_uris"] = tuple(values["redirect_uris"])
        if "name" in values:
            values["name"] = values["name"].strip()
        return {name: value for name, value in values.items() if value != getattr(application, name)}


def check_definition(new: NewApplication | Application) -> None:
    """Check everything but the logo.

    Raises:
        Problem: the first rule that does not hold; ``field`` names the field.
    """
    for check in _CHECKS:
        check(new)


def check_note(note: str) -> None:
    """Check a secret's or key's note.

    Raises:
        Problem: it is too long, or not one line.
    """
    if len(note) > LONGEST_NOTE:
        raise Problem(
            "the note has {size} characters; {most} are the most", field="note", size=len(note), most=LONGEST_NOTE
        )
    if note and not note.isprintable():
        raise Problem("the note must be one line without control characters", field="note")


def _check_name(new: NewApplication | Application) -> None:
    name = new.name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Problem(
            "the name must have 1 to {most} characters and no control characters", field="name", most=LONGEST_NAME
        )


def _check_redirects(new: NewApplication | Application) -> None:
    field, uris = "redirect_uris", list(new.redirect_uris)
    if new.type is ApplicationType.MACHINE:
        if uris:
            raise Problem("a machine-to-machine application has no redirect URLs", field=field)
        return
    if not uris:
        raise Problem("name at least one redirect URL: codes are sent nowhere else", field=field)
    if len(uris) > MOST_REDIRECT_URIS:
        raise Problem("at most {most} redirect URLs can be registered", field=field, most=MOST_REDIRECT_URIS)
    for number, uri in enumerate(uris):
        rule = registration_problem(uri)
        if rule is not None:
            raise Problem("redirect URL {uri!r}: {rule}", field=field, uri=uri, rule=rule)
        if uri in uris[:number]:
            raise Problem("redirect URL {uri!r} is named twice", field=field, uri=uri)


def _check_times(new: NewApplication | Application) -> None:
    if new.code_seconds not in CODE_SECONDS:
        raise Problem("codes live 120 seconds, or 60 if the application asks for it", field="code_seconds")
    if (seconds := new.refresh_absolute_seconds) is not None and not 1 <= seconds <= 2**31 - 1:
        raise Problem("the absolute expiry must be at least one second, or 'never'", field="refresh_absolute_seconds")
    if (seconds := new.refresh_inactivity_seconds) is not None and not 1 <= seconds <= 2**31 - 1:
        raise Problem(
            "the inactivity expiry must be at least one second, or 'never'", field="refresh_inactivity_seconds"
        )


def _check_texts(new: NewApplication | Application) -> None:
    text = new.description.replace("\r", "").replace("\n", "").replace("\t", "")
    if len(new.description) > LONGEST_DESCRIPTION or (text and not text.isprintable()):
        raise Problem(
            "the description can have {most} characters, and no control characters",
            field="description",
            most=LONGEST_DESCRIPTION,
        )
    name = new.developer_name
    if len(name) > LONGEST_NAME or (name and not name.isprintable()):
        raise Problem(
            "the developer's name can have {most} characters, and no control characters",
            field="developer_name",
            most=LONGEST_NAME,
        )
    email = new.developer_email
    if email and (len(email) > 254 or not email.isprintable() or not _EMAIL.fullmatch(email)):
        raise Problem("the developer's e-mail must be of the form name@example.com", field="developer_email")


def _check_addresses(new: NewApplication | Application) -> None:
    for field in ("description_url", "privacy_url"):
        address: str = getattr(new, field)
        if not address:
            continue
        usable = len(address) <= LONGEST_ADDRESS and address.isprintable() and " " not in address
        if not usable or not address.startswith(("https://", "http://")):
            raise Problem("{address!r} is not a web address: begin with https://", field=field, address=address[:200])


_CHECKS: tuple[Callable[[NewApplication | Application], None], ...] = (
    _check_name,
    _check_redirects,
    _check_times,
    _check_texts,
    _check_addresses,
)
