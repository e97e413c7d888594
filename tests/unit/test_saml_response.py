"""What a SAML response must be before anything in it is believed, whatever way it is built."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from tests.builders import NOW, later
from tests.saml.forgeries import CHANGED, WRAPPED, Forgery
from tests.saml.identity_provider import (
    SIGNATURE_HERE,
    AttackingProvider,
    Claims,
    Service,
    a_key,
    certificate_body,
    encrypt,
    field_of,
    signature_template,
)

from workgate.domain.ids import Milliseconds
from workgate.signin.saml import Proved, Saml, SamlProvider, SamlSettings
from workgate.signin.saml_assertion import TRANSIENT, UNSPECIFIED
from workgate.signin.saml_metadata import OwnMetadata, read_metadata
from workgate.signin.saml_response import decode_response, read_response
from workgate.signin.saml_xml import SamlRefused
from workgate.signin.xmlsec import XmlSec, XmlSecFailed

IDP = AttackingProvider()
US = Service(
    entity_id="https://acme.my.example/sso/saml/1/metadata",
    acs_url="https://acme.my.example/sso/saml/1/acs",
    certificate=a_key("us").certificate,
)
REQUEST = "_the-request"
GOOD = Claims(service=US, in_response_to=REQUEST, attributes={"mail": ("ann@acme.example",), "groups": ("a", "b")})
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"


@pytest.fixture(scope="module")
def saml() -> Iterator[Saml]:
    made = Saml(XmlSec())
    yield made
    made.close()


def provider(idp: AttackingProvider = IDP, **settings: object) -> SamlProvider:
    own = a_key("us")
    metadata = idp.metadata()
    return SamlProvider(
        settings=msgspec.structs.replace(SamlSettings(metadata=metadata, certificate=own.certificate), **settings),
        metadata=read_metadata(metadata.encode(), now=NOW),
        own=OwnMetadata(
            entity_id=US.entity_id,
            acs_url=US.acs_url,
            certificate=own.certificate,
            name_id_format=None,
            signs_requests=True,
        ),
        private_key=own.private_key,
    )


def arrives(
    saml: Saml, document: str, *, at: Milliseconds = NOW, of: SamlProvider | None = None, request: str = REQUEST
) -> Proved:
    """What the response says, if it is believed."""
    of = of or provider()

    async def both() -> Proved:
        response = await saml.response(field_of(document), provider=of.metadata.entity_id, acs_url=of.own.acs_url)
        return await saml.proved(of, response, request_id=request, now=at)

    return asyncio.run(both())


def refused(
    saml: Saml, document: str, reason: str = ".", *, at: Milliseconds = NOW, of: SamlProvider | None = None
) -> None:
    with pytest.raises((SamlRefused, XmlSecFailed), match=reason):
        arrives(saml, document, at=at, of=of)


def test_a_good_one(saml: Saml) -> None:
    identity = arrives(saml, IDP.signed(GOOD)).vouched
    assert identity.subject == "subject-of-ann"
    assert identity.attributes == {"mail": ("ann@acme.example",), "groups": ("a", "b")}
    assert "subject-of-ann" not in repr(arrives(saml, IDP.signed(GOOD)))


def test_a_good_one_whose_response_is_signed_too(saml: Saml) -> None:
    assert arrives(saml, IDP.signed(GOOD, response_too=True)).vouched.subject == "subject-of-ann"


@pytest.mark.parametrize("method", ["rsa-sha384", "rsa-sha512"])
def test_other_algorithms_of_today(saml: Saml, method: str) -> None:
    digest = _MORE + "sha384" if method.endswith("384") else "http://www.w3.org/2001/04/xmlenc#sha512"
    claims = replace(GOOD, signature=signature_template("_assertion-1", method=_MORE + method, digest=digest))
    assert arrives(saml, IDP.signed(claims)).vouched.subject == "subject-of-ann"


def test_a_key_of_an_elliptic_curve(saml: Saml) -> None:
    curved = AttackingProvider("curved", a_key("curved", curve=True))
    claims = replace(GOOD, signature=signature_template("_assertion-1", method=_MORE + "ecdsa-sha256"))
    assert arrives(saml, curved.signed(claims), of=provider(curved)).vouched.subject == "subject-of-ann"
    another = curved.signed(claims, key=a_key("other", curve=True))
    refused(saml, another, "none of the provider's keys", of=provider(curved))


def test_an_encrypted_key_beside_what_it_encrypts(saml: Saml) -> None:
    document = IDP.encrypted(GOOD)
    found = re.search(r"<xenc:EncryptedKey>(.*?)</xenc:EncryptedKey>", document, re.S)
    assert found is not None
    space = "http://www.w3.org/2001/04/xmlenc#"
    key = f'<xenc:EncryptedKey xmlns:xenc="{space}" Id="_key">{found[1]}</xenc:EncryptedKey>'
    beside = document.replace(found[0], f'<ds:RetrievalMethod Type="{space}EncryptedKey" URI="#_key"/>')
    beside = beside.replace("</xenc:EncryptedData>", f"</xenc:EncryptedData>{key}")
    assert arrives(saml, beside).vouched.subject == "subject-of-ann"


@pytest.mark.parametrize(("cipher", "session_key"), [("aes256-gcm", "aes-256"), ("aes128-cbc", "aes-128")])
def test_an_encrypted_one(saml: Saml, cipher: str, session_key: str) -> None:
    document = IDP.encrypted(GOOD, cipher=cipher, session_key=session_key)
    assert "subject-of-ann" not in document
    assert arrives(saml, document).vouched.subject == "subject-of-ann"


@pytest.mark.spec("SECURITY", "26", "a wrapped SAML assertion is refused, in each of the eight published shapes")
@pytest.mark.parametrize("forge", WRAPPED.values(), ids=WRAPPED)
def test_wrapping(saml: Saml, forge: Forgery) -> None:
    signed = IDP.signed(GOOD, response_too=forge.__name__ in {"xsw1", "xsw2"})
    assert arrives(saml, signed).vouched.subject == "subject-of-ann"
    refused(saml, forge(signed), "assertions")


@pytest.mark.parametrize("forge", WRAPPED.values(), ids=WRAPPED)
def test_wrapping_that_is_encrypted(saml: Saml, forge: Forgery) -> None:
    signed = IDP.signed(GOOD)
    if forge.__name__ not in {"xsw1", "xsw2", "xsw3", "xsw5", "xsw7"}:  # those have two assertions side by side
        refused(saml, encrypt(forge(signed), US.certificate), "assertions")


@pytest.mark.spec("SECURITY", "26", "a SAML response that was changed after it was signed is refused")
@pytest.mark.parametrize("forge", CHANGED.values(), ids=CHANGED)
def test_changed(saml: Saml, forge: Forgery) -> None:
    signed = IDP.signed(GOOD)
    changed = forge(signed)
    assert changed != signed
    refused(saml, changed)


@pytest.mark.spec("SECURITY", "26", "an unsigned SAML assertion is refused, in a signed response too")
def test_unsigned(saml: Saml) -> None:
    refused(saml, IDP.unsigned(GOOD), "not signed")
    refused(saml, IDP.sign_response(IDP.unsigned(GOOD)), "not signed")
    refused(saml, encrypt(IDP.unsigned(GOOD), US.certificate), "not signed")


@pytest.mark.spec("SECURITY", "26", "a SAML assertion signed by another key is refused, also if it brings that key")
def test_another_key(saml: Saml) -> None:
    other = a_key("attacker")
    refused(saml, IDP.signed(GOOD, key=other), "none of the provider's keys")
    body = certificate_body(other.certificate)
    for carried in (
        f"<ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data>",
        "<ds:KeyValue></ds:KeyValue>",
    ):
        template = signature_template("_assertion-1", key_info=f"<ds:KeyInfo>{carried}</ds:KeyInfo>")
        document = IDP.signed(replace(GOOD, signature=template), key=other)
        assert "KeyValue" not in carried or "<ds:RSAKeyValue>" in document or "<RSAKeyValue" in document
        refused(saml, document, "none of the provider's keys")


def test_a_certificate_in_the_document_does_no_harm(saml: Saml) -> None:
    body = certificate_body(IDP.key.certificate)
    carried = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    claims = replace(GOOD, signature=signature_template("_assertion-1", key_info=carried))
    assert arrives(saml, IDP.signed(claims)).vouched.subject == "subject-of-ann"


def test_a_provider_that_changes_its_key(saml: Saml) -> None:
    new = a_key("the next one")
    of = provider()
    both = read_metadata(IDP.metadata(IDP.key.certificate, new.certificate).encode(), now=NOW)
    assert arrives(saml, IDP.signed(GOOD, key=new), of=replace(of, metadata=both)).vouched.subject == "subject-of-ann"


@pytest.mark.spec("SECURITY", "26", "SAML signatures with SHA-1 or with a secret are refused")
@pytest.mark.parametrize(
    ("method", "digest", "reason"),
    [
        (_DSIG + "rsa-sha1", "http://www.w3.org/2001/04/xmlenc#sha256", "not RSA or ECDSA"),
        (_MORE + "rsa-sha256", _DSIG + "sha1", "digest is not SHA-2"),
        (_DSIG + "hmac-sha1", "http://www.w3.org/2001/04/xmlenc#sha256", "not RSA or ECDSA"),
        (_MORE + "hmac-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", "not RSA or ECDSA"),
        (_MORE + "rsa-md5", "http://www.w3.org/2001/04/xmlenc#sha256", "not RSA or ECDSA"),
    ],
)
def test_weak_algorithms(saml: Saml, method: str, digest: str, reason: str) -> None:
    # Whether the signature itself is right does not matter: nothing is computed by a method of long ago.
    signed = (
        IDP.signed(GOOD)
        .replace(_MORE + "rsa-sha256", method)
        .replace("http://www.w3.org/2001/04/xmlenc#sha256", digest)
    )
    refused(saml, signed, reason)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "canonical"),
        (_DSIG + "enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116", "transforms"),
        ('URI="#_assertion-1"', 'URI=""', "something else"),
        ('URI="#_assertion-1"', 'URI="https://attacker.example/"', "something else"),
        ("</ds:Signature>", "<ds:Object/></ds:Signature>", "Object"),
        (
            "</ds:Signature>",
            '<ds:KeyInfo><ds:RetrievalMethod URI="http://127.0.0.1/"/></ds:KeyInfo></ds:Signature>',
            "elsewhere",
        ),
        ("<ds:SignatureValue>", "<ds:SignatureValue></ds:SignatureValue><ds:SignatureValue>", "."),
        ("<saml:Issuer>", "<saml:Issuer Format='urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'>", "issuer"),
        ('Version="2.0"', 'Version="1.1"', "SAML 2.0"),
        ("samlp:Response", "samlp:LogoutResponse", "SAML 2.0 response"),
    ],
)
def test_other_shapes(saml: Saml, before: str, after: str, reason: str) -> None:
    signed = IDP.signed(GOOD)
    assert before in signed
    refused(saml, signed.replace(before, after), reason)


@pytest.mark.spec("SECURITY", "26", "the issuer of a SAML response and assertion is the provider that was asked")
def test_issuer(saml: Saml) -> None:
    refused(saml, IDP.signed(replace(GOOD, issuer="https://other.example/")), "issuer is another")
    other = AttackingProvider("other", key=IDP.key)
    refused(saml, other.signed(GOOD), "issuer is another")


@pytest.mark.spec("SECURITY", "26", "a SAML assertion for another audience, recipient or address is refused")
def test_not_for_us(saml: Saml) -> None:
    refused(
        saml, IDP.signed(replace(GOOD, audience="https://globex.my.example/sso/saml/1/metadata")), "another audience"
    )
    refused(saml, IDP.signed(replace(GOOD, recipient="https://globex.my.example/sso/saml/1/acs")), "another recipient")
    refused(saml, IDP.signed(replace(GOOD, destination="https://globex.my.example/sso/saml/1/acs")), "another address")


@pytest.mark.spec("SECURITY", "26", "a SAML response must answer our request, in what is signed too")
def test_not_what_was_asked(saml: Saml) -> None:
    refused(saml, IDP.signed(replace(GOOD, in_response_to=None)), "answers no request")
    refused(saml, IDP.signed(replace(GOOD, confirmed_request=None)), "no InResponseTo")
    refused(saml, IDP.signed(replace(GOOD, confirmed_request="_another")), "another request")
    refused(saml, IDP.signed(replace(GOOD, in_response_to="_another")), "another request")


@pytest.mark.spec(
    "SECURITY", "26", "a SAML assertion is refused before and after its time, with the leeway that was set"
)
def test_time(saml: Saml) -> None:
    document = IDP.signed(replace(GOOD, starts=0, ends=300))
    for seconds in (-59, 0, 359):
        assert arrives(saml, document, at=later(seconds)).vouched.subject == "subject-of-ann"
    refused(saml, document, "not yet valid", at=later(-61))
    refused(saml, document, "expired", at=later(360))
    strict = provider(leeway_seconds=0)
    refused(saml, document, "expired", at=later(300), of=strict)
    assert arrives(saml, document, at=later(299), of=strict).vouched.subject == "subject-of-ann"
    refused(saml, IDP.signed(replace(GOOD, ends=90_000)), "longer than a day")


def test_conditions_that_are_not_understood(saml: Saml) -> None:
    condition = '<saml:Condition xsi:type="xs:string"/>'
    refused(saml, IDP.signed(replace(GOOD, extra_condition=condition)), "not understood")
    assert (
        arrives(saml, IDP.signed(replace(GOOD, extra_condition="<saml:OneTimeUse/>"))).vouched.subject
        == "subject-of-ann"
    )


@pytest.mark.spec("SECURITY", "26", "a comment within a SAML name ID cuts nothing off")
def test_comments_in_the_name(saml: Saml) -> None:
    document = IDP.signed(replace(GOOD, name_id="admin@acme.example.attacker.example"))
    commented = document.replace("admin@acme.example.attacker", "admin@acme.example<!-- -->.attacker")
    # Comments are not signed, so it still verifies; what is read is the whole name.
    assert arrives(saml, commented).vouched.subject == "admin@acme.example.attacker.example"
    refused(saml, document.replace("admin@acme.example.attacker", "admin@acme.example<a/>.attacker"))


def test_status(saml: Saml) -> None:
    responder = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
    refused(saml, IDP.signed(replace(GOOD, status=responder)), "signed nobody in; its status: AuthnFailed")


def test_encrypted_for_somebody_else(saml: Saml) -> None:
    document = encrypt(IDP.signed(GOOD), a_key("somebody else").certificate)
    refused(saml, document, "not for our key")
    good = IDP.encrypted(GOOD)
    refused(saml, good.replace("rsa-oaep-mgf1p", "rsa-1_5"), "RSA-OAEP")
    refused(
        saml,
        good.replace("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
        "AES",
    )
    reference = '<xenc:CipherReference URI="http://127.0.0.1/"/>'
    refused(saml, good.replace("<xenc:CipherData>", f"<xenc:CipherData>{reference}", 1), "elsewhere")


def test_who_it_is(saml: Saml) -> None:
    transient = replace(GOOD, name_id_format=TRANSIENT)
    refused(saml, IDP.signed(transient), "transient")
    by_mail = provider(subject_attribute="mail")
    assert arrives(saml, IDP.signed(transient), of=by_mail).vouched.subject == "ann@acme.example"
    refused(saml, IDP.signed(transient), "2 values", of=provider(subject_attribute="groups"))
    refused(saml, IDP.signed(transient), "0 values", of=provider(subject_attribute="nothing"))
    other = replace(GOOD, name_id_format=UNSPECIFIED)
    refused(saml, IDP.signed(other), "another format")
    assert arrives(saml, IDP.signed(other), of=provider(name_id_format=UNSPECIFIED)).vouched.subject == "subject-of-ann"
    refused(saml, IDP.signed(replace(GOOD, name_id="x" * 256)), "too long")
    refused(saml, IDP.signed(replace(GOOD, name_id="")), "empty")


@pytest.mark.parametrize(
    "field",
    [
        "",
        "!",
        field_of(""),
        field_of("no xml"),
        field_of("<a>" * 50_000),
        field_of("<a>" + "<b/>" * 17_000 + "</a>"),
        "A" * (400 * 1024),
        field_of('<?xml version="1.0" encoding="UTF-16"?><a/>'),
        field_of('<?xml version="1.0" encoding="UTF-7"?><a/>'),
        "//4=",
        field_of("<a>\0</a>"),
        field_of("<Response/>"),
        field_of('<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0"/>'),
    ],
)
def test_no_response_at_all(field: str) -> None:
    with pytest.raises(SamlRefused):
        read_response(decode_response(field), provider=IDP.entity_id, acs_url=US.acs_url)


def test_the_same_assertion_is_always_the_same(saml: Saml) -> None:
    first, again = arrives(saml, IDP.signed(GOOD)), arrives(saml, IDP.encrypted(GOOD), at=later(30))
    assert (first.digest, first.until) == (again.digest, again.until)
    assert arrives(saml, IDP.signed(replace(GOOD, assertion_id="_assertion-2"))).digest != first.digest


def test_the_mark_of_the_kit_is_not_left_over() -> None:
    assert SIGNATURE_HERE not in IDP.signed(GOOD)
    assert SIGNATURE_HERE not in IDP.unsigned(GOOD)
