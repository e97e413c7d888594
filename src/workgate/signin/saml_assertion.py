"""What a signed assertion says, and whether it was said to us, now, and in answer to our request (SAML core §2).

Only the bytes that the signature covers come in here: nothing else of the response is read for its meaning.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workgate.domain.ids import Milliseconds
from workgate.signin.saml_response import check_issuer
from workgate.signin.saml_xml import (
    ASSERTION,
    SamlRefused,
    attribute,
    identifier,
    instant,
    local,
    one,
    parse,
    text_of,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST_LEEWAY_SECONDS = 300
_LONGEST_VALIDITY = 86_400_000
_LONGEST_VALUE = 4096
_MOST_VALUES = 1000
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_UNDERSTOOD = {ASSERTION + name for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an assertion must agree with: who speaks, to whom, where, in answer to what, and when."""

    provider: str
    audience: str
    recipient: str
    in_response_to: str
    now: Milliseconds
    leeway_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAssertion:
    """What a provider says of somebody; only ``read_assertion`` makes it.

    ``digest`` names the assertion for the replay cache, and ``until`` is when it can be forgotten there: both are of
    the assertion alone, so that the same one is always the same.
    """

    name_id: str = field(repr=False)
    name_id_format: str
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)
    session_index: str | None = field(repr=False)
    digest: bytes
    until: Milliseconds


def read_assertion(covered: bytes, expected: Expected) -> VerifiedAssertion:
    """Read what a signature covers, and check it.

    Args:
        covered: the bytes that were digested under the provider's signature.
        expected: what it must agree with.

    Raises:
        SamlRefused: with the private reason.
    """
    assertion = parse(covered)
    if assertion.tag != ASSERTION + "Assertion" or assertion.get("Version") != "2.0":
        raise SamlRefused("what is signed is not a SAML 2.0 assertion")
    check_issuer(one(assertion, ASSERTION + "Issuer"), expected.provider)
    subject = one(assertion, ASSERTION + "Subject")
    until = _confirmed(subject, expected)
    _check_conditions(one(assertion, ASSERTION + "Conditions"), expected)
    session_index = _authenticated(assertion, expected)
    name_id = one(subject, ASSERTION + "NameID")
    if name_id.get("SPNameQualifier") not in {None, "", expected.audience}:
        raise SamlRefused("the name ID is one for another service")
    value = text_of(name_id)
    if not 0 < len(value) <= _LONGEST_VALUE:
        raise SamlRefused("the name ID is empty or too long")
    known_by = f"{expected.provider}\0{identifier(assertion)}".encode()
    return VerifiedAssertion(
        name_id=value,
        name_id_format=name_id.get("Format", UNSPECIFIED),
        attributes=_attributes(assertion),
        session_index=session_index,
        digest=hashlib.sha256(known_by).digest(),
        until=Milliseconds(until + LONGEST_LEEWAY_SECONDS * 1000),
    )


def _confirmed(subject: "Element", expected: Expected) -> Milliseconds:
    """Find a confirmation that holds (SAML profiles §4.1.4.3); until when it does."""
    reasons = []
    for confirmation in subject.findall(ASSERTION + "SubjectConfirmation"):
        if confirmation.get("Method") != _BEARER:
            continue
        try:
            return _bearer(one(confirmation, ASSERTION + "SubjectConfirmationData"), expected)
        except SamlRefused as refused:
            reasons.append(str(refused))
    raise SamlRefused("; ".join(reasons[:3]) or "the assertion has no bearer confirmation")


def _bearer(data: "Element", expected: Expected) -> Milliseconds:
    if attribute(data, "Recipient") != expected.recipient:
        raise SamlRefused("the assertion is meant for another recipient")
    if attribute(data, "InResponseTo") != expected.in_response_to:
        raise SamlRefused("the assertion answers another request")
    until = instant(data, "NotOnOrAfter")
    if until is None:
        raise SamlRefused("SubjectConfirmationData has no NotOnOrAfter")
    _check_window(data, expected)
    if until > expected.now + _LONGEST_VALIDITY:
        raise SamlRefused("the assertion is valid for longer than a day")
    return until


def _check_conditions(conditions: "Element", expected: Expected) -> None:
    """SAML core §2.5.1: each condition must hold, and one that is not understood does not."""
    _check_window(conditions, expected)
    unknown = [local(child.tag) for child in conditions if child.tag not in _UNDERSTOOD]
    if unknown:
        raise SamlRefused(f"the assertion has a condition that is not understood: {unknown[0]}")
    restrictions = conditions.findall(ASSERTION + "AudienceRestriction")
    if not restrictions:
        raise SamlRefused("the assertion is restricted to no audience")
    for restriction in restrictions:
        if expected.audience not in [text_of(audience) for audience in restriction.findall(ASSERTION + "Audience")]:
            raise SamlRefused("the assertion is meant for another audience")


def _authenticated(assertion: "Element", expected: Expected) -> str | None:
    """SAML profiles §4.1.4.2: somebody was authenticated, and that still holds; the index of their session there."""
    statements = assertion.findall(ASSERTION + "AuthnStatement")
    if not statements:
        raise SamlRefused("the assertion does not say that anybody was authenticated")
    for statement in statements:
        ends = instant(statement, "SessionNotOnOrAfter")
        if ends is not None and expected.now >= ends + expected.leeway_seconds * 1000:
            raise SamlRefused("the session at the provider is over")
        began = instant(statement, "AuthnInstant")
        if began is None or began > expected.now + expected.leeway_seconds * 1000:
            raise SamlRefused("the authentication is not of the past")
    return statements[0].get("SessionIndex")


def _check_window(element: "Element", expected: Expected) -> None:
    leeway = expected.leeway_seconds * 1000
    begins, ends = instant(element, "NotBefore"), instant(element, "NotOnOrAfter")
    if begins is not None and expected.now < begins - leeway:
        raise SamlRefused(f"the assertion is not yet valid: {local(element.tag)} begins later")
    if ends is not None and expected.now >= ends + leeway:
        raise SamlRefused(f"the assertion has expired: {local(element.tag)} is over")


def _attributes(assertion: "Element") -> dict[str, tuple[str, ...]]:
    """All attributes by their names; values that are no plain text, or very long, are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for statement in assertion.findall(ASSERTION + "AttributeStatement"):
        for given in statement.findall(ASSERTION + "Attribute"):
            values = [value.text or "" for value in given.findall(ASSERTION + "AttributeValue") if not len(value)]
            name = attribute(given, "Name")
            kept = (*found.get(name, ()), *(value for value in values if len(value) <= _LONGEST_VALUE))
            found[name] = kept[:_MOST_VALUES]
    return found
