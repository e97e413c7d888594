"""SAML metadata in and out, and the requests that go out by either binding."""

import asyncio
import base64
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.builders import NOW, Bytes, later
from tests.saml.identity_provider import AttackingProvider, a_key, xmlsec1

from workgate.crypto.certificates import new_own_key, read_pem_certificate
from workgate.domain.problems import Problem
from workgate.signin.saml_metadata import OwnMetadata, read_metadata, write_metadata
from workgate.signin.saml_request import AuthnRequest, by_post, by_redirect
from workgate.signin.xmlsec import XmlSec, XmlSecFailed

IDP = AttackingProvider()
GOOD = IDP.metadata()
OWN = OwnMetadata(
    entity_id="https://acme.my.example/sso/saml/1/metadata",
    acs_url="https://acme.my.example/sso/saml/1/acs",
    certificate=a_key("us").certificate,
    name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    signs_requests=True,
)
REQUEST = AuthnRequest(
    request_id="_request-1",
    destination="https://idp.example/sso",
    issuer=OWN.entity_id,
    acs_url=OWN.acs_url,
    name_id_format=OWN.name_id_format,
    issued_at=NOW,
)
_DESCRIPTOR = "IDPSSODescriptor"


def test_what_a_provider_says() -> None:
    read = read_metadata(GOOD.encode(), now=NOW)
    assert read.entity_id == "https://idp.example/metadata"
    assert read.redirect_url == read.post_url == "https://idp.example/sso"
    assert not read.wants_signed_requests
    (certificate,) = read.certificates
    assert certificate.pem == IDP.key.certificate
    assert certificate.not_after < NOW  # it is shown, and otherwise does not matter


def test_several_entities_of_which_one_is_a_provider() -> None:
    ours = write_metadata(OWN).decode()
    both = f'<e:EntitiesDescriptor xmlns:e="urn:oasis:names:tc:SAML:2.0:metadata">{ours}{GOOD}</e:EntitiesDescriptor>'
    assert read_metadata(both.encode(), now=NOW).entity_id == IDP.entity_id
    twice = both.replace(ours, AttackingProvider("other").metadata())
    with pytest.raises(Problem, match="of 2"):
        read_metadata(twice.encode(), now=NOW)


def test_only_some_of_it() -> None:
    no_post = re.sub(r"<md:SingleSignOnService[^>]*HTTP-POST[^>]*/>", "", GOOD)
    read = read_metadata(no_post.encode(), now=NOW)
    assert (read.redirect_url, read.post_url) == ("https://idp.example/sso", None)
    wants = GOOD.replace(f"<md:{_DESCRIPTOR}", f'<md:{_DESCRIPTOR} WantAuthnRequestsSigned="true"')
    assert read_metadata(wants.encode(), now=NOW).wants_signed_requests
    valid = GOOD.replace(f"<md:{_DESCRIPTOR}", f'<md:{_DESCRIPTOR} validUntil="2027-01-15T08:00:01Z"')
    assert read_metadata(valid.encode(), now=NOW).entity_id == IDP.entity_id


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "can be read"),
        ("<a/>", "of 0"),
        ("x" * 600_000, "can be read"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + GOOD, "can be read"),
        (write_metadata(OWN).decode(), "of 0"),
        (GOOD.replace('entityID="https://idp.example/metadata"', ""), "can be read"),
        (GOOD.replace("SAML:2.0:protocol", "SAML:1.1:protocol"), "of 0"),
        (re.sub(r"<md:KeyDescriptor.*</md:KeyDescriptor>", "", GOOD), "no certificate"),
        (GOOD.replace('use="signing"', 'use="encryption"'), "no certificate"),
        (re.sub(r"(<ds:X509Certificate>)[^<]*", r"\1AAAA", GOOD), "no certificate"),
        (re.sub(r"(<ds:X509Certificate>)[^<]*", r"\1!", GOOD), "can be read"),
        (GOOD.replace("bindings:HTTP", "bindings:SOAP"), "names no sign-in page"),
        (GOOD.replace("https://idp.example/sso", "http://idp.example/sso"), "https://"),
        (GOOD.replace("https://idp.example/sso", "javascript:alert(1)"), "cannot be used"),
        (GOOD.replace("https://idp.example/sso", "https://idp.example/;script-src *"), "cannot be used"),
        (GOOD.replace("https://idp.example/sso", "https://a@idp.example/"), "cannot be used"),
        (GOOD.replace(f"<md:{_DESCRIPTOR}", f'<md:{_DESCRIPTOR} validUntil="2027-01-15T08:00:00Z"'), "out of date"),
        (GOOD.replace(f"<md:{_DESCRIPTOR}", f'<md:{_DESCRIPTOR} validUntil="tomorrow"'), "can be read"),
    ],
)
def test_what_cannot_be_used(document: str, problem: str) -> None:
    with pytest.raises(Problem, match=problem) as found:
        read_metadata(document.encode(), now=NOW)
    assert found.value.field == "metadata"


def test_a_provider_without_tls_if_that_is_allowed() -> None:
    plain = GOOD.replace("https://idp.example/sso", "http://127.0.0.1:8080/sso")
    assert read_metadata(plain.encode(), now=NOW, insecure_http=True).redirect_url == "http://127.0.0.1:8080/sso"


def test_a_weak_key_is_left_out() -> None:
    weak = rsa.generate_private_key(65_537, 1024)  # noqa: S505 - that is what it is about
    name = x509.Name([])
    certificate = x509.load_pem_x509_certificate(IDP.key.certificate.encode())
    made = x509.CertificateBuilder(
        name, name, weak.public_key(), 1, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    ).sign(weak, hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    read = read_metadata(IDP.metadata(pem, IDP.key.certificate).encode(), now=NOW)
    assert [certificate.pem for certificate in read.certificates] == [IDP.key.certificate]
    assert "1024 bits" in str(read.unusable[0])


def test_what_we_say_of_ourselves() -> None:
    root = ElementTree.fromstring(write_metadata(OWN))  # noqa: S314 - our own
    spaces = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}
    assert root.get("entityID") == OWN.entity_id
    (role,) = root.findall("md:SPSSODescriptor", spaces)
    assert (role.get("WantAssertionsSigned"), role.get("AuthnRequestsSigned")) == ("true", "true")
    assert [key.get("use") for key in role.findall("md:KeyDescriptor", spaces)] == ["signing", "encryption"]
    (acs,) = role.findall("md:AssertionConsumerService", spaces)
    assert acs.get("Location") == OWN.acs_url
    assert acs.get("Binding") == "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def test_our_own_key() -> None:
    made = new_own_key("acme.my", now=NOW, entropy=Bytes())
    certificate = read_pem_certificate(made.certificate)
    assert later(9.9 * 365 * 86_400) < certificate.not_after < later(10.1 * 365 * 86_400)
    assert "PRIVATE" not in repr(made)
    assert made.private_key.startswith("-----BEGIN PRIVATE KEY-----")


def inflated(query: str) -> str:
    return zlib.decompress(base64.b64decode(parse_qs(query)["SAMLRequest"][0]), -15).decode()


def test_a_request_by_redirect_is_signed_over_its_query() -> None:
    sent = by_redirect(REQUEST, a_key("us").private_key)
    query = urlsplit(sent.url).query
    document = inflated(query)
    assert 'ID="_request-1"' in document
    assert f'AssertionConsumerServiceURL="{OWN.acs_url}"' in document
    assert "Signature" not in document
    signed, _, _ = query.rpartition("&Signature=")
    key = x509.load_pem_x509_certificate(OWN.certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(parse_qs(query)["Signature"][0])
    key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_request_by_redirect_without_a_signature() -> None:
    sent = by_redirect(replace(REQUEST, destination="https://idp.example/sso?tenant=1"), None)
    assert sent.url.startswith("https://idp.example/sso?tenant=1&SAMLRequest=")
    assert "Signature" not in sent.url
    assert "Signature" not in inflated(urlsplit(sent.url).query)


def test_a_request_by_post_is_signed_within() -> None:
    xmlsec = XmlSec()
    sent = asyncio.run(by_post(REQUEST, a_key("us").private_key, xmlsec))
    document = base64.b64decode(sent.saml_request).decode()
    node = "urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest"
    options = ("--verify", "--pubkey-cert-pem", "{certificate}", "--id-attr:ID", node)
    xmlsec1(*options, document=document, certificate=OWN.certificate)
    bare = asyncio.run(by_post(REQUEST, None, xmlsec))
    assert b"Signature" not in base64.b64decode(bare.saml_request)
    xmlsec.close()


def test_without_the_program() -> None:
    xmlsec = XmlSec(program="no-such-program")
    with pytest.raises(XmlSecFailed, match="not installed"):
        asyncio.run(by_post(REQUEST, a_key("us").private_key, xmlsec))
    xmlsec.close()


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text('#!/bin/sh\n[ "$1" = --version ] || exec tail -f /dev/null\n')
    hangs.chmod(0o755)
    xmlsec = XmlSec(program=str(hangs), seconds=0.2)
    with pytest.raises(XmlSecFailed, match="longer than"):
        asyncio.run(by_post(REQUEST, a_key("us").private_key, xmlsec))
    xmlsec.close()


def test_nothing_of_saml_is_loaded_before_it_is_used() -> None:
    script = (
        "import sys, workgate.server;"
        "print([name for name in ('saml2', 'defusedxml', 'xml.etree.ElementTree') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
