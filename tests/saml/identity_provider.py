"""An identity provider made for attacks: it says what a test asks it to, well signed or not, by xmlsec1 itself."""

import base64
import functools
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.builders import NOW
from tests.signing import private_pem
from workgate.crypto.certificates import OwnKey
from workgate.domain.ids import Milliseconds

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
RESPONSE = "urn:oasis:names:tc:SAML:2.0:protocol:Response"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SIGNATURE_HERE = "<!--signature-->"

# A certificate's own validity does not matter: it is a way to write a key down.
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_NAMESPACES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


@functools.cache
def a_key(name: str, *, curve: bool = False) -> OwnKey:
    """A key pair with its certificate, RSA or of a curve, the same for a name throughout the tests."""
    key = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65_537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 4711, _LONG_AGO, _LONG_AGO + timedelta(days=30))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return OwnKey(private_pem(key), certificate.decode())


def certificate_body(pem: str) -> str:
    """A certificate as XML carries it."""
    return "".join(pem.strip().splitlines()[1:-1])


def moment(at: Milliseconds) -> str:
    """An instant as SAML writes it."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def xmlsec1(*options: str, document: str, **files: str) -> str:
    """Run the program; options of the form ``{name}`` stand for files with the given content."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(content)
        filled = [option.format(**{name: f"{folder}/{name}" for name in files}) for option in options]
        ran = subprocess.run(
            ["xmlsec1", *filled, "/dev/stdin"], input=document.encode(), capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode()


def signature_template(element_id: str, *, method: str = RSA_SHA256, digest: str = SHA256, key_info: str = "") -> str:
    """A signature that xmlsec1 fills in."""
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    return (
        '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{exclusive}"/><ds:SignatureMethod Algorithm="{method}"/>'
        f'<ds:Reference URI="#{element_id}"><ds:Transforms>'
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        f'<ds:Transform Algorithm="{exclusive}"/></ds:Transforms><ds:DigestMethod Algorithm="{digest}"/>'
        "<ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>"
        f"{key_info}</ds:Signature>"
    )


def sign(document: str, node: str, element_id: str, key: OwnKey) -> str:
    """Fill in the signature template within an element."""
    options = ("--sign", "--privkey-pem", "{key}", f"--id-attr:ID {node}", "--node-id", element_id)
    return xmlsec1(*" ".join(options).split(" "), document=document, key=key.private_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Us, as the provider sees us: an entity at an address, with a certificate to encrypt for."""

    entity_id: str
    acs_url: str
    certificate: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a response says. A test changes what it is about; text may be any XML."""

    service: Service
    in_response_to: str | None
    now: Milliseconds = NOW
    name_id: str = "subject-of-ann"
    name_id_format: str = PERSISTENT
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    issuer: str | None = None
    audience: str | None = None
    recipient: str | None = None
    destination: str | None = None
    confirmed_request: str | None = ""  # by default the one that the response answers; None: the attribute is missing
    starts: float = -5
    ends: float = 300
    status: str = SUCCESS
    assertion_id: str = "_assertion-1"
    extra_condition: str = ""
    signature: str | None = None

    def assertion(self, issuer: str) -> str:
        """The assertion, unsigned, with a mark where its signature belongs."""
        begins, ends = (moment(Milliseconds(self.now + round(s * 1000))) for s in (self.starts, self.ends))
        asked = self.in_response_to if self.confirmed_request == "" else self.confirmed_request
        answers = "" if asked is None else f' InResponseTo="{asked}"'
        rows = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f'<saml:AttributeValue xsi:type="xs:string">{value}</saml:AttributeValue>' for value in values)
            + "</saml:Attribute>"
            for name, values in self.attributes.items()
        )
        return (
            f'<saml:Assertion ID="{self.assertion_id}" Version="2.0" IssueInstant="{moment(self.now)}">'
            f"<saml:Issuer>{self.issuer or issuer}</saml:Issuer>{SIGNATURE_HERE}<saml:Subject>"
            f'<saml:NameID Format="{self.name_id_format}">{self.name_id}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<saml:SubjectConfirmationData{answers} Recipient="{self.recipient or self.service.acs_url}" '
            f'NotOnOrAfter="{ends}"/></saml:SubjectConfirmation></saml:Subject>'
            f'<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}"><saml:AudienceRestriction>'
            f"<saml:Audience>{self.audience or self.service.entity_id}</saml:Audience></saml:AudienceRestriction>"
            f'{self.extra_condition}</saml:Conditions><saml:AuthnStatement AuthnInstant="{begins}" SessionIndex="_s1">'
            "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            + (f"<saml:AttributeStatement>{rows}</saml:AttributeStatement>" if rows else "")
            + "</saml:Assertion>"
        )

    def response(self, issuer: str, content: str) -> str:
        """The response around an assertion."""
        answers = "" if self.in_response_to is None else f' InResponseTo="{self.in_response_to}"'
        return (
            f'<samlp:Response {_NAMESPACES} ID="_response-1" Version="2.0" IssueInstant="{moment(self.now)}" '
            f'Destination="{self.destination or self.service.acs_url}"{answers}>'
            f"<saml:Issuer>{issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>{content}</samlp:Response>'
        )


class AttackingProvider:
    """A provider with a key of its own.

    Args:
        name: tells providers apart.
        key: what it signs with; by default its own.
    """

    def __init__(self, name: str = "idp", key: OwnKey | None = None) -> None:
        self.entity_id = f"https://{name}.example/metadata"
        self.sign_in_url = f"https://{name}.example/sso"
        self.key = key or a_key(name)

    def metadata(self, *certificates: str) -> str:
        """What its administrator hands out."""
        keys = "".join(
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
            f"<ds:X509Certificate>{certificate_body(pem)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            "</md:KeyDescriptor>"
            for pem in certificates or (self.key.certificate,)
        )
        places = "".join(
            f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{binding}" '
            f'Location="{self.sign_in_url}"/>'
            for binding in ("Redirect", "POST")
        )
        return (
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity_id}">'
            '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            f"{keys}{places}</md:IDPSSODescriptor></md:EntityDescriptor>"
        )

    def signed(self, claims: Claims, *, response_too: bool = False, key: OwnKey | None = None) -> str:
        """A response whose assertion is signed, as a good provider makes it."""
        template = claims.signature or signature_template(claims.assertion_id)
        assertion = claims.assertion(self.entity_id).replace(SIGNATURE_HERE, template)
        document = sign(claims.response(self.entity_id, assertion), ASSERTION, claims.assertion_id, key or self.key)
        return self.sign_response(document) if response_too else document

    def sign_response(self, document: str) -> str:
        """Sign the response as a whole, besides."""
        head, close, rest = document.partition("</saml:Issuer>")
        return sign(head + close + signature_template("_response-1") + rest, RESPONSE, "_response-1", self.key)

    def unsigned(self, claims: Claims) -> str:
        """The same without any signature."""
        assertion = claims.assertion(self.entity_id).replace(SIGNATURE_HERE, "")
        return claims.response(self.entity_id, assertion)

    def encrypted(self, claims: Claims, *, cipher: str = "aes256-gcm", session_key: str = "aes-256") -> str:
        """A response whose assertion is signed, then encrypted for the service."""
        return encrypt(self.signed(claims), claims.service.certificate, cipher=cipher, session_key=session_key)


def encrypt(document: str, certificate: str, *, cipher: str = "aes256-gcm", session_key: str = "aes-256") -> str:
    """Encrypt the assertion of a response."""
    space = "2009/xmlenc11#" if cipher.endswith("gcm") else "2001/04/xmlenc#"
    template = (
        '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" '
        'Type="http://www.w3.org/2001/04/xmlenc#Element">'
        f'<xenc:EncryptionMethod Algorithm="http://www.w3.org/{space}{cipher}"/>'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod '
        'Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue/>'
        "</xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData>"
        "</xenc:EncryptedData>"
    )
    encrypted = xmlsec1(
        *("--encrypt", "--pubkey-cert-pem", "{certificate}", "--session-key", session_key),
        *("--xml-data", "{plain}", "--node-name", ASSERTION),
        document=template,
        certificate=certificate,
        plain=document,
    )
    before, data, after = encrypted.partition("<xenc:EncryptedData")
    inner, end, rest = (data + after).partition("</xenc:EncryptedData>")
    return f"{before}<saml:EncryptedAssertion>{inner}{end}</saml:EncryptedAssertion>{rest}"


def field_of(document: str) -> str:
    """A response as the form field ``SAMLResponse`` carries it."""
    return base64.b64encode(document.encode()).decode()
