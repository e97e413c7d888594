"""What attackers make of a response that a provider signed: each of these must be refused.

The eight wrapping shapes are those of Somorovsky and others, "On Breaking SAML: Be Whoever You Want to Be" (2012), as
tools for testers number them. In each the signature still covers what it covered; what is meant is another assertion.
"""

import re
from collections.abc import Callable

ATTACKER = "subject-of-admin"
_ASSERTION = re.compile(r"<saml:Assertion .*</saml:Assertion>", re.S)
_SIGNATURE = re.compile(r"<ds:Signature [^>]*>.*?</ds:Signature>", re.S)

Forgery = Callable[[str], str]


def _assertion(document: str) -> str:
    found = _ASSERTION.search(document)
    assert found is not None
    return found[0]


def _signature(element: str) -> str:
    found = _SIGNATURE.search(element)
    assert found is not None
    return found[0]


def _unsigned(element: str) -> str:
    return _SIGNATURE.sub("", element, count=1)


def _evil(assertion: str, *, signed: bool) -> str:
    changed = assertion.replace('ID="_assertion-1"', 'ID="_evil-1"', 1).replace("subject-of-ann", ATTACKER)
    return changed if signed else _unsigned(changed)


def _evil_response(document: str) -> str:
    head, rest = document.split("?>", 1) if document.startswith("<?xml") else ("", document)
    del head
    changed = rest.strip().replace('ID="_response-1"', 'ID="_evil-response"', 1)
    return changed.replace("subject-of-ann", ATTACKER)


def _plain(document: str) -> str:
    return document.split("?>", 1)[1].strip() if document.startswith("<?xml") else document


def xsw1(document: str) -> str:
    """The response is signed: a changed one, with the original within the signature."""
    original, signature = _unsigned(_plain(document)), _signature(document)
    return _evil_response(document).replace(
        signature, signature.replace("</ds:Signature>", original + "</ds:Signature>"), 1
    )


def xsw2(document: str) -> str:
    """The response is signed: a changed one, with the original before the signature."""
    original, signature = _unsigned(_plain(document)), _signature(document)
    return _evil_response(document).replace(signature, original + signature, 1)


def xsw3(document: str) -> str:
    """A changed assertion before the original."""
    assertion = _assertion(document)
    return document.replace(assertion, _evil(assertion, signed=False) + assertion)


def xsw4(document: str) -> str:
    """A changed assertion around the original."""
    assertion = _assertion(document)
    evil = _evil(assertion, signed=False)
    return document.replace(assertion, evil.replace("</saml:Assertion>", assertion + "</saml:Assertion>"))


def xsw5(document: str) -> str:
    """A changed assertion with the signature, and the original without it at the end."""
    assertion = _assertion(document)
    return document.replace(assertion, _evil(assertion, signed=True) + _unsigned(assertion))


def xsw6(document: str) -> str:
    """A changed assertion with the signature, and the original without it inside that."""
    assertion = _assertion(document)
    wrapped = _unsigned(assertion) + "</ds:Signature>"
    return document.replace(assertion, _evil(assertion, signed=True).replace("</ds:Signature>", wrapped))


def xsw7(document: str) -> str:
    """A changed assertion in Extensions, which any element may be in."""
    assertion = _assertion(document)
    evil = f"<samlp:Extensions>{_evil(assertion, signed=False)}</samlp:Extensions>"
    return document.replace("<samlp:Status>", evil + "<samlp:Status>", 1)


def xsw8(document: str) -> str:
    """A changed assertion with the signature, and the original without it in the signature's Object."""
    assertion = _assertion(document)
    wrapped = f"<ds:Object>{_unsigned(assertion)}</ds:Object></ds:Signature>"
    return document.replace(assertion, _evil(assertion, signed=True).replace("</ds:Signature>", wrapped))


def wrapped_by_xml_id(document: str) -> str:
    """Another element that the reference could mean, to a parser that knows xml:id."""
    return document.replace("<samlp:Status>", '<samlp:Extensions xml:id="_assertion-1"/><samlp:Status>', 1)


def same_id_twice(document: str) -> str:
    """Another element with the assertion's ID."""
    return document.replace('ID="_response-1"', 'ID="_assertion-1"', 1)


def signature_moved_out(document: str) -> str:
    """The signature is the response's now, and still of the assertion."""
    assertion, signature = _assertion(document), _signature(_assertion(document))
    return document.replace(assertion, _unsigned(assertion)).replace("<samlp:Status>", signature + "<samlp:Status>", 1)


def name_changed(document: str) -> str:
    """Nothing but another name."""
    return document.replace("subject-of-ann", ATTACKER)


def assertion_moved(document: str) -> str:
    """The signed assertion is no child of the response any more."""
    assertion = _assertion(document)
    return document.replace(assertion, f"<samlp:Extensions>{assertion}</samlp:Extensions>")


def two_references(document: str) -> str:
    """A second reference, of something that is not the assertion."""
    reference = re.search(r"<ds:Reference .*?</ds:Reference>", document, re.S)
    assert reference is not None
    more = reference[0].replace("#_assertion-1", "#_response-1")
    return document.replace(reference[0], reference[0] + more)


def document_type(document: str) -> str:
    """A document type, with an entity for the name."""
    doctype = f'<!DOCTYPE Response [<!ENTITY who "{ATTACKER}">]>'
    return doctype + _plain(document).replace("subject-of-ann", "&who;")


def entity_bomb(document: str) -> str:
    """Entities that grow to gigabytes."""
    rows = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    return f'<!DOCTYPE Response [<!ENTITY e0 "ha">{rows}]>' + _plain(document).replace("subject-of-ann", "&e11;")


def outside_entity(document: str) -> str:
    """An entity that is a file of this machine."""
    doctype = '<!DOCTYPE Response [<!ENTITY who SYSTEM "file:///etc/passwd">]>'
    return doctype + _plain(document).replace("subject-of-ann", "&who;")


WRAPPED: dict[str, Forgery] = {f.__name__: f for f in (xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8)}
CHANGED: dict[str, Forgery] = {
    f.__name__: f
    for f in (
        wrapped_by_xml_id,
        same_id_twice,
        signature_moved_out,
        name_changed,
        assertion_moved,
        two_references,
        document_type,
        entity_bomb,
        outside_entity,
    )
}
