"""What arrives at the assertion consumer service: how a response must be built, before anything in it is believed.

Signature wrapping lives on documents in which two elements could be meant. So there is one assertion in the whole
document, with one signature, of itself, by an algorithm of today, or the document is refused before any key is tried.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workgate.signin.saml_xml import (
    ASSERTION,
    DSIG,
    PROTOCOL,
    XENC,
    SamlRefused,
    at_most_one,
    attribute,
    identifier,
    local,
    named,
    one,
    parse,
    text_of,
)
from workgate.signin.xmlsec import Signed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LARGEST_RESPONSE = 384 * 1024
"""Of the field SAMLResponse, in characters of base64."""

ASSERTION_NODE = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_ENTITY_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11 = "http://www.w3.org/2009/xmlenc11#"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_DIGESTS = {_XMLENC + "sha256": "sha256", _MORE + "sha384": "sha384", _XMLENC + "sha512": "sha512"}
_SIGNATURES = {_MORE + f"{key}-{digest}" for key in ("rsa", "ecdsa") for digest in _DIGESTS.values()}
_CIPHERS = {_XMLENC + f"aes{bits}-cbc" for bits in (128, 192, 256)} | {
    _XMLENC11 + f"aes{bits}-gcm" for bits in (128, 192, 256)
}
_KEY_TRANSPORTS = {_XMLENC + "rsa-oaep-mgf1p", _XMLENC11 + "rsa-oaep"}


@dataclass(frozen=True, slots=True)
class Response:
    """A response of a usable shape. Nothing in it is proved: it says which request it answers, and no more."""

    document: bytes
    in_response_to: str
    is_encrypted: bool


def decode_response(field: str) -> bytes:
    """Read the form field ``SAMLResponse`` (SAML bindings §3.5.4).

    Raises:
        SamlRefused: it is too large, or not base64.
    """
    if len(field) > LARGEST_RESPONSE:
        raise SamlRefused(f"the response has more than {LARGEST_RESPONSE} characters")
    try:
        return base64.b64decode("".join(field.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SamlRefused("the response is not base64") from None


def read_response(document: bytes, *, provider: str, acs_url: str) -> Response:
    """Look at a response's outside (SAML core §3.3.3).

    Args:
        document: the XML.
        provider: the entity ID of whom the request was sent to.
        acs_url: where it arrived.

    Raises:
        SamlRefused: it is no response of this provider to us, or no successful one.
    """
    root = parse(document)
    if root.tag != PROTOCOL + "Response" or root.get("Version") != "2.0":
        raise SamlRefused("it is not a SAML 2.0 response")
    # SAML core §3.2.2: these three are hints here; what counts is the same within the signed assertion.
    if root.get("Destination") not in {None, acs_url}:
        raise SamlRefused("the response is meant for another address")
    issuer = at_most_one(root, ASSERTION + "Issuer")
    if issuer is not None:
        check_issuer(issuer, provider)
    _check_status(root)
    in_response_to = root.get("InResponseTo")
    if in_response_to is None:
        raise SamlRefused("the response answers no request: it names none in InResponseTo")
    assertions = list(named(root, ASSERTION + "Assertion"))
    encrypted = list(named(root, ASSERTION + "EncryptedAssertion"))
    if len(assertions) + len(encrypted) != 1 or [*assertions, *encrypted][0] not in list(root):
        raise SamlRefused(
            f"the response has {len(assertions)} assertions and {len(encrypted)} encrypted ones, not one of its own"
        )
    # XML signature §4.5.3: nothing is fetched for a response.
    if any(not found.get("URI", "").startswith("#") for found in named(root, DSIG + "RetrievalMethod")):
        raise SamlRefused("the response refers to a key elsewhere")
    if encrypted:
        _check_encrypted(root, encrypted[0])
    return Response(document, in_response_to, bool(encrypted))


def signed_assertion(document: bytes) -> Signed:
    """Find the one assertion of a response, which nothing is encrypted in any more, and what its signature must cover.

    Raises:
        SamlRefused: it is not signed, or not in the one way that leaves no doubt (SAML core §5.4).
    """
    root = parse(document)
    assertions = list(named(root, ASSERTION + "Assertion"))
    if root.tag != PROTOCOL + "Response" or len(assertions) != 1:
        raise SamlRefused(f"the response has {len(assertions)} assertions, not one")
    (assertion,) = assertions
    holder = at_most_one(root, ASSERTION + "EncryptedAssertion")
    if assertion not in list(root if holder is None else holder):
        raise SamlRefused("the assertion is not where it belongs")
    _check_ids(root)
    if assertion.find(DSIG + "Signature") is None:
        raise SamlRefused("the assertion is not signed")
    signature = one(assertion, DSIG + "Signature")
    elsewhere = [
        found for found in named(root, DSIG + "Signature") if found is not signature and found not in list(root)
    ]
    if elsewhere:
        raise SamlRefused("there is a signature where none belongs")
    return _signed(assertion, signature)


def check_issuer(issuer: "Element", provider: str) -> None:
    """Make sure that an Issuer names the provider (SAML core §2.2.5).

    Raises:
        SamlRefused: it does not.
    """
    if issuer.get("Format", _ENTITY_FORMAT) != _ENTITY_FORMAT or text_of(issuer) != provider:
        raise SamlRefused("the issuer is another than the provider that was asked")


def _signed(assertion: "Element", signature: "Element") -> Signed:
    """Check a signature against the profile of SAML core §5.4, made narrower."""
    if [local(child.tag) for child in signature if child.tag.startswith(DSIG)][:2] != ["SignedInfo", "SignatureValue"]:
        raise SamlRefused("the signature is not built as it must be")
    if signature.find(DSIG + "Object") is not None:
        raise SamlRefused("the signature carries an Object")
    info = one(signature, DSIG + "SignedInfo")
    if attribute(one(info, DSIG + "CanonicalizationMethod"), "Algorithm") != _EXCLUSIVE:
        raise SamlRefused("the signature uses another canonicalization than exclusive XML canonicalization")
    if attribute(one(info, DSIG + "SignatureMethod"), "Algorithm") not in _SIGNATURES:
        raise SamlRefused("the signature is not RSA or ECDSA with SHA-2")
    reference = one(info, DSIG + "Reference")
    element_id = identifier(assertion)
    if attribute(reference, "URI") != f"#{element_id}":
        raise SamlRefused("the signature is of something else than its assertion")
    transforms = [attribute(child, "Algorithm") for child in one(reference, DSIG + "Transforms")]
    if transforms != [_ENVELOPED, _EXCLUSIVE]:
        raise SamlRefused("the signature has other transforms than enveloped signature and exclusive canonicalization")
    method = _DIGESTS.get(attribute(one(reference, DSIG + "DigestMethod"), "Algorithm"))
    if method is None:
        raise SamlRefused("the signature's digest is not SHA-2")
    digest = text_of(one(reference, DSIG + "DigestValue"))
    return Signed(name=ASSERTION_NODE, element_id=element_id, hash_name=method, digest=digest)


def _check_ids(root: "Element") -> None:
    seen: set[str] = set()
    for element in root.iter():
        for name in ("ID", "Id", "id"):
            value = element.get(name)
            if value is not None and value in seen:
                raise SamlRefused("two elements have the same ID")
            if value is not None:
                seen.add(value)


def _check_status(root: "Element") -> None:
    status = one(one(root, PROTOCOL + "Status"), PROTOCOL + "StatusCode")
    if attribute(status, "Value") != _SUCCESS:
        inner = status.find(PROTOCOL + "StatusCode")
        codes = [status.get("Value", ""), "" if inner is None else inner.get("Value", "")]
        said = " / ".join(code.rpartition(":")[2][:40] for code in codes if code)
        raise SamlRefused(f"the provider signed nobody in; its status: {said}")


def _check_encrypted(root: "Element", holder: "Element") -> None:
    """Make sure that there is one thing to decrypt, and by which algorithms (XML encryption §5)."""
    data = one(holder, XENC + "EncryptedData")
    keys = list(named(root, XENC + "EncryptedKey"))
    if len(list(named(root, XENC + "EncryptedData"))) != 1 or len(keys) != 1:
        raise SamlRefused("not one thing is encrypted for one key")
    if next(named(root, XENC + "CipherReference"), None) is not None:
        raise SamlRefused("the response refers to something encrypted elsewhere")
    if attribute(one(data, XENC + "EncryptionMethod"), "Algorithm") not in _CIPHERS:
        raise SamlRefused("the assertion is encrypted with another cipher than AES")
    if attribute(one(keys[0], XENC + "EncryptionMethod"), "Algorithm") not in _KEY_TRANSPORTS:
        raise SamlRefused("the assertion's key is encrypted otherwise than with RSA-OAEP")
