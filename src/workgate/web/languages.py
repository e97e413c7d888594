"""The languages of the pages: which one a browser gets, and how texts, dates and durations are put into it.

Catalogs are compiled files of GNU gettext under ``locale/``, made by ``scripts/catalogs.sh`` and read with the standard
library. The source texts are English, and so is whoever asks for nothing that we have.
"""

import functools
from datetime import UTC, datetime
from gettext import GNUTranslations
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from workgate import asgi
from workgate.domain.texts import N_, N_several, Text

LOCALE_FOLDER = Path(__file__).parent / "locale"
_LONGEST_HEADER = 1000
_YEAR_SECONDS = 365 * 24 * 3600
_MONTHS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)


class Language:
    """A language that every page can be shown in.

    Args:
        tag: its name in BCP 47, for ``lang`` and ``Content-Language``.
        name: its name in itself.
        direction: ``ltr`` or ``rtl``.
    """

    def __init__(self, tag: str, name: str, direction: str = "ltr") -> None:
        self.tag = tag
        self.name = name
        self.direction = direction

    @functools.cached_property
    def catalog(self) -> GNUTranslations:
        """Its texts, read when they are needed first."""
        with (LOCALE_FOLDER / self.tag / "LC_MESSAGES" / "messages.mo").open("rb") as compiled:
            return GNUTranslations(compiled)

    def say(self, text: Text) -> str:
        """Put a text into this language."""
        if text.several is None:
            return text.filled(self.catalog.gettext(text.msgid), self.say)
        return text.filled(self.catalog.ngettext(text.msgid, text.several, text.number), self.say)

    def date(self, milliseconds: int) -> str:
        """Write the day of a time, in UTC: "25 November 2026"."""
        day = _utc(milliseconds)
        return self.say(N_("{day} {month} {year}", day=day.day, month=_MONTHS[day.month - 1], year=day.year))

    def moment(self, milliseconds: int) -> str:
        """Write a time, in UTC, to the minute: "25 November 2026, 16:24 UTC"."""
        time = f"{_utc(milliseconds):%H:%M}"
        return self.say(N_("{date}, {time} UTC", date=self.date(milliseconds), time=time))

    def instant(self, milliseconds: int) -> str:
        """Write a time, in UTC, to the second: "25 November 2026, 16:24:05 UTC"."""
        time = f"{_utc(milliseconds):%H:%M:%S}"
        return self.say(N_("{date}, {time} UTC", date=self.date(milliseconds), time=time))

    def duration(self, seconds: int) -> str:
        """Write a duration: "90 days", "2 minutes"."""
        return self.say(duration(seconds))


ENGLISH = Language("en", "English")
LANGUAGES = {language.tag: language for language in (ENGLISH, Language("it", "Italiano"))}


def duration(seconds: int) -> Text:
    """Say a duration in the largest unit that measures it exactly."""
    if seconds and seconds % 86_400 == 0:
        return N_several("{number} day", "{number} days", seconds // 86_400)
    if seconds and seconds % 3600 == 0:
        return N_several("{number} hour", "{number} hours", seconds // 3600)
    if seconds and seconds % 60 == 0:
        return N_several("{number} minute", "{number} minutes", seconds // 60)
    return N_several("{number} second", "{number} seconds", seconds)


def language_of(request: Request) -> Language:
    """The language that was chosen with the switch, else the best of what the browser asks for."""
    chosen = asgi.cookies(request.scope).get(_cookie(request), "")
    return LANGUAGES.get(chosen) or negotiated(asgi.header(request.scope, b"accept-language") or "")


def negotiated(accept_language: str) -> Language:
    """Choose by ``Accept-Language`` (RFC 9110 §12.5.4): of the best that we have, the first.

    A regional variant counts as its language.
    """
    best, best_quality = ENGLISH, 0.0
    for item in accept_language[:_LONGEST_HEADER].split(","):
        language_range, _, parameters = item.partition(";")
        primary = language_range.strip().partition("-")[0].lower()
        language = ENGLISH if primary == "*" else LANGUAGES.get(primary)
        quality = _quality(parameters)
        if language is not None and quality > best_quality:
            best, best_quality = language, quality
    return best


def keep_language(request: Request, response: Response, language: Language) -> None:
    """Have the browser remember what was chosen."""
    secure = request.scope["scheme"] == "https"
    response.set_cookie(
        _cookie(request), language.tag, max_age=_YEAR_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
    )


def _cookie(request: Request) -> str:
    return "__Host-workgate_lang" if request.scope["scheme"] == "https" else "workgate_lang"


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
