"""XML as it may arrive: UTF-8, of a bounded size, without document type, entities or ``xml:id``; and SAML's names."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

from workgate.domain.ids import Milliseconds
from workgate.domain.sso import NotVouched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

LARGEST_DOCUMENT = 512 * 1024
_MOST_TAGS = 16_384  # somebody in thousands of groups; reading as many takes some hundredths of a second
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
XENC = "{http://www.w3.org/2001/04/xmlenc#}"
REDIRECT_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


class SamlRefused(NotVouched):
    """A document is not what it must be; the message is the private reason, and quotes little of it."""


def parse(document: bytes) -> "Element":
    """Read a document.

    Raises:
        SamlRefused: it is not well-formed, too large, or holds what has no business in SAML.
    """
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - with what follows

    from defusedxml import DefusedXmlException  # noqa: PLC0415 - of the extra; who has no SAML needs none of it
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415 - likewise

    if len(document) > LARGEST_DOCUMENT:
        raise SamlRefused(f"the document has more than {LARGEST_DOCUMENT} bytes")
    if document.count(b"<") > _MOST_TAGS:
        raise SamlRefused(f"the document has more than {_MOST_TAGS} tags")
    encoding = _ENCODING.match(document)
    # One reading of the bytes: what another parser takes for another alphabet would be another document.
    if encoding is not None and encoding[1].lower() != b"utf-8":
        raise SamlRefused("the document is not in UTF-8")
    try:
        document.decode()
        root: Element = fromstring(document, forbid_dtd=True)
    except UnicodeDecodeError:
        raise SamlRefused("the document is not in UTF-8") from None
    except DefusedXmlException:
        raise SamlRefused("the document has a document type or entities") from None
    except (ParseError, ValueError):
        raise SamlRefused("the document is not well-formed XML") from None
    if any(_XML_ID in element.attrib for element in root.iter()):
        raise SamlRefused("the document has an xml:id")
    return root


def one(parent: "Element", name: str) -> "Element":
    """Give the only child of a name.

    Raises:
        SamlRefused: there is none, or more than one.
    """
    found = parent.findall(name)
    if len(found) != 1:
        raise SamlRefused(f"{local(parent.tag)} has {len(found)} of {local(name)}, not one")
    return found[0]


def at_most_one(parent: "Element", name: str) -> "Element | None":
    """Give the only child of a name; None: there is none.

    Raises:
        SamlRefused: there are several.
    """
    return None if parent.find(name) is None else one(parent, name)


def text_of(element: "Element") -> str:
    """Give the whole text of an element that has no child elements.

    Raises:
        SamlRefused: it has some.
    """
    if len(element):
        raise SamlRefused(f"{local(element.tag)} has elements within")
    return (element.text or "").strip()


def attribute(element: "Element", name: str) -> str:
    """Give an attribute that must be there.

    Raises:
        SamlRefused: it is not.
    """
    value = element.get(name)
    if value is None:
        raise SamlRefused(f"{local(element.tag)} has no {name}")
    return value


def identifier(element: "Element") -> str:
    """Give an element's ``ID`` (SAML core §1.3.4), which must be a plain name.

    Raises:
        SamlRefused: it is not.
    """
    value = attribute(element, "ID")
    if not _NAME.fullmatch(value):
        raise SamlRefused(f"the ID of {local(element.tag)} is not a plain name")
    return value


def instant(element: "Element", name: str) -> Milliseconds | None:
    """Read an attribute that is a time in UTC (SAML core §1.3.3); None: it is not there.

    Raises:
        SamlRefused: it is no time.
    """
    value = element.get(name)
    if value is None:
        return None
    if _TIME.fullmatch(value):
        try:
            read = datetime.fromisoformat(value if value[-1] == "Z" or value[-6] in "+-" else value + "Z")
            return Milliseconds(round(read.timestamp() * 1000))
        except (ValueError, OverflowError):
            pass
    raise SamlRefused(f"{name} of {local(element.tag)} is not a time")


def local(name: str) -> str:
    """Give a name without its namespace, shortened: it may come from a document."""
    return name.rpartition("}")[2][:64]


def named(root: "Element", *names: str) -> "Iterator[Element]":
    """Give all elements of some names, wherever they are."""
    return (element for element in root.iter() if element.tag in names)
