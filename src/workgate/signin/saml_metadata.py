"""SAML metadata: what an identity provider says of itself, and what we say of ourselves (SAML metadata 2.0, §2.4).

The document is trusted because of how it came, from an administrator or over https: a signature on it is not looked at.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workgate.crypto.certificates import Certificate, read_certificate
from workgate.crypto.public_keys import UnusableKey
from workgate.domain.ids import Milliseconds
from workgate.domain.problems import Problem
from workgate.signin.saml_xml import (
    DSIG,
    METADATA,
    POST_BINDING,
    REDIRECT_BINDING,
    SamlRefused,
    attribute,
    instant,
    parse,
    text_of,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SAML2 = "urn:oasis:names:tc:SAML:2.0:protocol"
_FIELD = "metadata"
_LONGEST_URL = 2048
_MOST_CERTIFICATES = 10
_CIPHERS = (
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderMetadata:
    """What an identity provider's metadata says, as far as it is used.

    At least one of ``redirect_url`` and ``post_url`` is there, and at least one certificate. ``unusable`` says why
    others of its certificates were left out.
    """

    entity_id: str
    redirect_url: str | None
    post_url: str | None
    wants_signed_requests: bool
    certificates: tuple[Certificate, ...]
    unusable: tuple[UnusableKey, ...] = ()

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The keys that its signatures may be made by, as PEM."""
        return tuple(dict.fromkeys(certificate.public_key for certificate in self.certificates))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMetadata:
    """What we are to one identity provider; the certificate, as PEM, is for signatures and for encryption."""

    entity_id: str
    acs_url: str
    certificate: str
    name_id_format: str | None
    signs_requests: bool


def read_metadata(
    document: bytes, *, now: Milliseconds | None = None, insecure_http: bool = False
) -> IdentityProviderMetadata:
    """Read an identity provider's metadata.

    Args:
        document: the XML, of one entity, or of several of which one is an identity provider.
        now: the present, to refuse a document that is out of date.
        insecure_http: whether its sign-in page may be at an address without TLS.

    Raises:
        Problem: it cannot be used; the message says why.
    """
    try:
        return _read(document, now, insecure_http)
    except SamlRefused:
        raise Problem("this is not a SAML metadata document that can be read", field=_FIELD) from None


def _read(document: bytes, now: Milliseconds | None, insecure_http: bool) -> IdentityProviderMetadata:
    root = parse(document)
    entities = list(root.iter(METADATA + "EntityDescriptor"))
    found = [(entity, role) for entity in entities for role in entity.findall(METADATA + "IDPSSODescriptor")]
    found = [(entity, role) for entity, role in found if _SAML2 in role.get("protocolSupportEnumeration", "").split()]
    if len(found) != 1:
        raise Problem(
            "the metadata must be of one SAML 2.0 identity provider: this is of {count}", field=_FIELD, count=len(found)
        )
    ((entity, role),) = found
    for element in (root, entity, role):
        until = instant(element, "validUntil")
        if now is not None and until is not None and until <= now:
            raise Problem("the metadata is out of date: ask the provider for its present one", field=_FIELD)
    entity_id = attribute(entity, "entityID")
    if not 0 < len(entity_id) <= 1024 or not entity_id.isprintable():
        raise SamlRefused("its entityID is empty or too long")
    places = {
        place.get("Binding"): _web_address(attribute(place, "Location"), insecure_http)
        for place in reversed(role.findall(METADATA + "SingleSignOnService"))
        if place.get("Binding") in {REDIRECT_BINDING, POST_BINDING}
    }
    if not places:
        raise Problem("the metadata names no sign-in page for HTTP-Redirect or HTTP-POST", field=_FIELD)
    certificates, unusable = _certificates(role)
    return IdentityProviderMetadata(
        entity_id=entity_id,
        redirect_url=places.get(REDIRECT_BINDING),
        post_url=places.get(POST_BINDING),
        wants_signed_requests=role.get("WantAuthnRequestsSigned", "").strip() in {"true", "1"},
        certificates=certificates,
        unusable=unusable,
    )


def write_metadata(own: OwnMetadata) -> bytes:
    """Write our own metadata, for one identity provider to read."""
    from saml2 import md, xmldsig  # noqa: PLC0415 - of the extra, and slow to load

    body = "".join(own.certificate.strip().splitlines()[1:-1])

    def key(use: str, methods: tuple[str, ...] = ()) -> object:
        written = xmldsig.X509Data(x509_certificate=xmldsig.X509Certificate(text=body))
        return md.KeyDescriptor(
            use=use,
            key_info=xmldsig.KeyInfo(x509_data=written),
            encryption_method=[md.EncryptionMethod(algorithm=method) for method in methods],
        )

    role = md.SPSSODescriptor(
        protocol_support_enumeration=_SAML2,
        authn_requests_signed="true" if own.signs_requests else "false",
        want_assertions_signed="true",
        key_descriptor=[key("signing"), key("encryption", _CIPHERS)],
        name_id_format=[md.NameIDFormat(text=own.name_id_format)] if own.name_id_format else [],
        assertion_consumer_service=[
            md.AssertionConsumerService(binding=POST_BINDING, location=own.acs_url, index="0", is_default="true")
        ],
    )
    written: bytes = md.EntityDescriptor(entity_id=own.entity_id, spsso_descriptor=role).to_string()
    return written


def _certificates(role: "Element") -> tuple[tuple[Certificate, ...], tuple[UnusableKey, ...]]:
    usable: list[Certificate] = []
    unusable: list[UnusableKey] = []
    for descriptor in role.findall(METADATA + "KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        for element in descriptor.iter(DSIG + "X509Certificate"):
            try:
                usable.append(read_certificate(base64.b64decode("".join(text_of(element).split()), validate=True)))
            except binascii.Error:
                raise SamlRefused("a certificate in it is not base64") from None
            except UnusableKey as problem:
                unusable.append(problem)
    if not usable:
        raise Problem("the metadata holds no certificate for signatures that can be used", field=_FIELD)
    if len(usable) > _MOST_CERTIFICATES:
        raise Problem("the metadata holds too many certificates for signatures", field=_FIELD)
    return tuple(usable), tuple(unusable)


def _web_address(url: str, insecure_http: bool) -> str:
    """Browsers are sent there: nothing but the web, and with TLS."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    plain = url.isascii() and url.isprintable() and not set(url) & set(" \\\"'<>;,")
    if len(url) > _LONGEST_URL or not usable or not plain or "@" in parts.netloc or parts.fragment:
        raise Problem("the address of the sign-in page in the metadata cannot be used", field=_FIELD)
    if parts.scheme != "https" and not (parts.scheme == "http" and insecure_http):
        raise Problem("the address of the sign-in page in the metadata does not begin with https://", field=_FIELD)
    return url
