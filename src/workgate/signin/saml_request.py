"""The request that sends a browser to an identity provider (SAML core §3.4.1), and the two bindings that carry it."""

import base64
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from workgate.crypto.certificates import sign_sha256
from workgate.domain.ids import Milliseconds
from workgate.signin.saml_xml import POST_BINDING
from workgate.signin.xmlsec import XmlSec

_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_NODE = "urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthnRequest:
    """What is asked of an identity provider: to sign somebody in, and to answer at our ``acs_url``."""

    request_id: str
    destination: str
    issuer: str
    acs_url: str
    name_id_format: str | None
    issued_at: Milliseconds
    force_authn: bool = False


@dataclass(frozen=True, slots=True)
class SendRedirect:
    """Binding HTTP-Redirect: the address to lead the browser to."""

    url: str


@dataclass(frozen=True, slots=True)
class SendForm:
    """Binding HTTP-POST: the form that the browser posts."""

    action: str
    saml_request: str


def by_redirect(request: AuthnRequest, private_key: str | None) -> SendRedirect:
    """Put a request into an address (SAML bindings §3.4.4), signed if there is a key."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(_xml(request, signed=False)) + deflate.flush()
    query = urlencode({"SAMLRequest": base64.b64encode(packed).decode()})
    if private_key is not None:
        query += "&" + urlencode({"SigAlg": _RSA_SHA256})
        signature = base64.b64encode(sign_sha256(private_key, query.encode())).decode()
        query += "&" + urlencode({"Signature": signature})
    return SendRedirect(request.destination + ("&" if "?" in request.destination else "?") + query)


async def by_post(request: AuthnRequest, private_key: str | None, xmlsec: XmlSec) -> SendForm:
    """Put a request into a form (SAML bindings §3.5.4), signed if there is a key.

    Raises:
        XmlSecFailed: it could not be signed.
    """
    document = _xml(request, signed=private_key is not None)
    if private_key is not None:
        document = await xmlsec.sign(document, name=_NODE, element_id=request.request_id, private_key=private_key)
    return SendForm(request.destination, base64.b64encode(document).decode())


def _xml(request: AuthnRequest, *, signed: bool) -> bytes:
    from saml2 import saml, samlp  # noqa: PLC0415 - of the extra, and slow to load

    policy = samlp.NameIDPolicy(allow_create="true", format=request.name_id_format)
    written = samlp.AuthnRequest(
        id=request.request_id,
        version="2.0",
        issue_instant=datetime.fromtimestamp(request.issued_at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        destination=request.destination,
        assertion_consumer_service_url=request.acs_url,
        protocol_binding=POST_BINDING,
        force_authn="true" if request.force_authn else None,
        issuer=saml.Issuer(text=request.issuer),
        signature=_signature_template(request.request_id) if signed else None,
        name_id_policy=policy,
    )
    document: bytes = written.to_string()
    return document


def _signature_template(element_id: str) -> object:
    """A signature whose values xmlsec1 fills in."""
    from saml2 import xmldsig  # noqa: PLC0415 - as above

    transforms = [xmldsig.Transform(algorithm=_ENVELOPED), xmldsig.Transform(algorithm=_EXCLUSIVE)]
    reference = xmldsig.Reference(
        uri=f"#{element_id}",
        transforms=xmldsig.Transforms(transform=transforms),
        digest_method=xmldsig.DigestMethod(algorithm=_SHA256),
        digest_value=xmldsig.DigestValue(),
    )
    info = xmldsig.SignedInfo(
        canonicalization_method=xmldsig.CanonicalizationMethod(algorithm=_EXCLUSIVE),
        signature_method=xmldsig.SignatureMethod(algorithm=_RSA_SHA256),
        reference=[reference],
    )
    return xmldsig.Signature(signed_info=info, signature_value=xmldsig.SignatureValue())
