"""The form of an application: which fields each type has, what is read of them, and what they show."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from workgate.domain.oauth import Application, ApplicationType, ConsentPolicy
from workgate.domain.problems import Problem
from workgate.domain.texts import N_, Text
from workgate.service.definitions import EXPIRY_CHOICES, ApplicationChanges, NewApplication
from workgate.web.languages import duration
from workgate.web.multipart import Posted

NEVER = "never"
_HALF_A_YEAR = EXPIRY_CHOICES["6 months"]
_COMMON = ("name", "description")
_OF_USERS = (
    "redirect_uris",
    "refresh_absolute_seconds",
    "refresh_inactivity_seconds",
    "code_seconds",
    "consent",
)
FIELDS: Mapping[ApplicationType, tuple[str, ...]] = {
    ApplicationType.WEB: (*_COMMON, *_OF_USERS, "rotate_refresh_tokens", "description_url", "logo"),
    ApplicationType.SPA: (*_COMMON, *_OF_USERS, "developer_name", "developer_email", "privacy_url", "logo"),
    ApplicationType.MACHINE: _COMMON,
}
"""Contract §2.1. Of a single page application rotation is no field: it is always on."""
TEXT_FIELDS = frozenset({"csrf", "seen", "remove_logo"}.union(*FIELDS.values())) - {"logo"}
FILE_FIELDS = frozenset({"logo"})


def values_of(application: Application) -> dict[str, str]:
    """What the form of an application shows before anything is typed."""
    values = {name: str(getattr(application, name)) for name in FIELDS[application.type] if name != "logo"}
    values["redirect_uris"] = "\n".join(application.redirect_uris)
    values["rotate_refresh_tokens"] = "on" if application.rotates else ""
    values["remove_logo"] = ""
    values["consent"] = "never" if application.consent is ConsentPolicy.NEVER else ""
    values["code_seconds"] = "60" if application.code_seconds == 60 else ""
    for name in ("refresh_absolute_seconds", "refresh_inactivity_seconds"):
        seconds = getattr(application, name)
        values[name] = NEVER if seconds is None else str(seconds)
    return values


def values_of_new(kind: ApplicationType) -> dict[str, str]:
    """What the form of a new application shows."""
    suggested = {
        "rotate_refresh_tokens": "on",
        "refresh_absolute_seconds": NEVER,
        "refresh_inactivity_seconds": str(_HALF_A_YEAR),
    }
    return {name: suggested.get(name, "") for name in FIELDS[kind]}


def values_typed(kind: ApplicationType, posted: Posted) -> dict[str, str]:
    """What the form shows again after it was posted; a box that is not ticked is not sent."""
    return {name: posted.texts.get(name, "") for name in (*FIELDS[kind], "remove_logo")}


def new_application(kind: ApplicationType, posted: Posted) -> NewApplication:
    """Read the form of a new application.

    Raises:
        Problem: a value is none that the form offers.
    """
    logo = posted.files.get("logo") if "logo" in FIELDS[kind] else None
    return NewApplication(type=kind, logo=logo, **_entered(kind, posted.texts))


def changes(kind: ApplicationType, posted: Posted) -> ApplicationChanges:
    """Read the form of an application that exists.

    Raises:
        Problem: a value is none that the form offers.
    """
    logo: Any = posted.files.get("logo", None if posted.texts.get("remove_logo") else UNSET)
    return ApplicationChanges(logo=logo if "logo" in FIELDS[kind] else UNSET, **_entered(kind, posted.texts))


def expiry_options(chosen: str, *, never: bool) -> list[tuple[str, Text, bool]]:
    """The choices of an expiry: value, text, and whether it is chosen. What is set already is among them.

    Args:
        chosen: the value that is chosen.
        never: whether "No expiration" is offered in any case.
    """
    options = {str(seconds): duration(seconds) for seconds in EXPIRY_CHOICES.values()}
    if chosen not in options and (seconds := _seconds(chosen)):
        options[chosen] = duration(seconds)
    if never or chosen == NEVER:
        options[NEVER] = N_("No expiration")
    return [(value, text, value == chosen) for value, text in options.items()]


def _entered(kind: ApplicationType, texts: Mapping[str, str]) -> dict[str, Any]:
    fields = FIELDS[kind]
    entered: dict[str, Any] = {name: texts.get(name, "").strip() for name in fields if name != "logo"}
    if "redirect_uris" in fields:
        lines = (line.strip() for line in entered["redirect_uris"].split("\n"))
        entered["redirect_uris"] = [line for line in lines if line]
        entered["code_seconds"] = 60 if entered["code_seconds"] == "60" else 120
        entered["consent"] = ConsentPolicy.NEVER if entered["consent"] == "never" else ConsentPolicy.ALWAYS
        for name in ("refresh_absolute_seconds", "refresh_inactivity_seconds"):
            entered[name] = _expiry(name, entered[name])
    if "rotate_refresh_tokens" in fields:
        entered["rotate_refresh_tokens"] = entered["rotate_refresh_tokens"] == "on"
    return entered


def _expiry(field: str, value: str) -> int | None:
    seconds = _seconds(value)
    if seconds is None and value != NEVER:
        raise Problem("choose one of the list", field=field)
    return seconds


def _seconds(value: str) -> int | None:
    usable = value.isascii() and value.isdigit() and len(value) <= 10
    return int(value) if usable else None
