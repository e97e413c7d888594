"""Extracts, updates and compiles the catalogs of the pages' texts. The server reads the result without Babel.

The files hold neither dates nor line numbers: what two branches add to them can be merged.
"""

import re
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).parents[1] / "src" / "workgate"
LOCALE = SOURCE / "web" / "locale"
SOURCE_LANGUAGE = "en"
TAGS = sorted(folder.name for folder in LOCALE.iterdir())

# What the command line says stays English.
_METHODS = [("cli/**.py", "ignore"), ("**.py", "python"), ("web/templates/**.html", "jinja2")]
_OPTIONS = {"web/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
_KEYWORDS = {"N_": None, "N_several": (1, 2), "_": None, "gettext": None, "ngettext": (1, 2)}
_KEYWORDS |= dict.fromkeys(
    ("Problem", "NotAllowed", "Conflict")
)  # domain/problems.py; what is not there has a page of its own
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NO_HEADERS = re.compile(rb'"(?!Language:|Plural-Forms:|MIME-Version:|Content-)[^:"]+: .*\\n"\n')
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*(?:!r)?\}|%(?!\()")
_TAG = re.compile(r"</?[a-z][^>]*>")


def extracted() -> Catalog:
    """Every text that is marked in the source."""
    catalog = Catalog(fuzzy=False)
    found = extract_from_dir(SOURCE, _METHODS, _OPTIONS, keywords=_KEYWORDS, comment_tags=("Translators:",))
    for file, line, message, comments, context in found:
        catalog.add(message, locations=[(file, line)], auto_comments=comments, context=context)
    return catalog


def path_of(tag: str) -> Path:
    """A language's catalog, as translators edit it."""
    return LOCALE / tag / "LC_MESSAGES" / "messages.po"


def read(tag: str) -> Catalog:
    with path_of(tag).open("rb") as file:
        return read_po(file, locale=tag, abort_invalid=True)


def updated(tag: str) -> Catalog:
    """A language's catalog with exactly the texts of the source; the source's own language says what it says."""
    catalog = read(tag)
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.project, catalog.language_team = "Workgate", ""
    catalog.creation_date = catalog.revision_date = _LONG_AGO
    if tag == SOURCE_LANGUAGE:
        for message in texts(catalog):
            message.string = message.id
    return catalog


def texts(catalog: Catalog) -> list[Message]:
    """The messages without the header."""
    return [message for message in catalog if message.id]


def faults(catalog: Catalog) -> list[str]:
    """What is missing in a catalog or does not fit its source text."""
    found = []
    for message in texts(catalog):
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or [])
        if message.fuzzy:
            found.append(f"fuzzy: {ids[0]}")
        if len(strings) != (1 if len(ids) == 1 else catalog.num_plurals) or not all(strings):
            found.append(f"not translated: {ids[0]}")
            continue
        for text in strings:
            for pattern in (_PLACEHOLDER, _TAG):
                if sorted(pattern.findall(text)) not in [sorted(pattern.findall(source)) for source in ids]:
                    found.append(f"placeholders or tags differ: {ids[0]}")
    return found


def po_bytes(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, catalog, width=120, sort_by_file=True, include_lineno=False)
    head, entries = file.getvalue().split(b"\n\n", 1)
    head = head[head.index(b'msgid ""') :] + b"\n"
    return _NO_HEADERS.sub(b"", head) + b"\n" + entries.rstrip() + b"\n"


def main() -> None:
    missing = []
    for tag in TAGS:
        catalog = updated(tag)
        path_of(tag).write_bytes(po_bytes(catalog))
        missing += [f"{path_of(tag)}: {fault}" for fault in faults(catalog)]
        with path_of(tag).with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        print(f"catalogs: {tag}, {len(texts(catalog))} texts")
    if missing:
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    main()
