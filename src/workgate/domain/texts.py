"""Sentences that people read, before they are in a language.

What is said is decided anywhere; in which language, by the page that shows it. ``N_`` and ``N_several`` mark sentences
for the catalogs (``scripts/catalogs.sh``), which hold what stands in the source: their arguments are literals.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence and what is filled in; as a ``str``, in English.

    Attributes:
        msgid: the English text, with ``{name}`` for each value.
        values: what is filled in, by name; a ``Text`` among them is translated too.
        several: the English text for other numbers than one; None if no number matters.
        number: which of both it is.
    """

    msgid: str
    values: tuple[tuple[str, object], ...] = ()
    several: str | None = None
    number: int = 1

    def __str__(self) -> str:
        """Give it in English, for developers and command lines."""
        return self.filled(self.msgid if self.several is None or self.number == 1 else self.several, str)

    def filled(self, translation: str, said: "Callable[[Text], str]") -> str:
        """Fill a translation of this sentence in; ``said`` translates sentences among the values."""
        if not self.values:
            return translation
        values = {name: said(value) if isinstance(value, Text) else value for name, value in self.values}
        return translation.format(**values)


def N_(msgid: str, **values: object) -> Text:
    """Mark a sentence: ``N_("Wait {time}.", time=...)``."""
    return Text(msgid, tuple(values.items()))


def N_several(one: str, several: str, number: int) -> Text:
    """Mark a sentence that depends on a number: ``N_several("{number} try", "{number} tries", tries)``."""
    return Text(one, (("number", number),), several, number)
