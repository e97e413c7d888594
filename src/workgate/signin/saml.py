"""Signing in with SAML 2.0: a request out by the browser, a response back, and what may be believed of it.

Requests and metadata are written with pysaml2. Responses are not read with it: its checks go by the machine's clock and
read the element that the signature names, here the clock is an argument and only the signed bytes are read.
"""

import importlib.util
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import msgspec

from workgate.domain.ids import Milliseconds
from workgate.domain.sso import Vouched, usable_subject
from workgate.signin.saml_assertion import (
    TRANSIENT,
    UNSPECIFIED,
    Expected,
    VerifiedAssertion,
    read_assertion,
)
from workgate.signin.saml_metadata import IdentityProviderMetadata, OwnMetadata
from workgate.signin.saml_request import AuthnRequest, SendForm, SendRedirect, by_post, by_redirect
from workgate.signin.saml_response import Response, decode_response, read_response, signed_assertion
from workgate.signin.saml_xml import SamlRefused
from workgate.signin.xmlsec import XmlSec

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAME_ID_FORMATS = (PERSISTENT, EMAIL, UNSPECIFIED, TRANSIENT)


class SamlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a SAML provider is set up, as the column ``settings`` holds it.

    ``metadata`` is the provider's document, ``metadata_url`` where it was fetched from; ``certificate`` is ours, whose
    private key is sealed beside. Users are known by ``subject_attribute``, or without one by their name ID.
    """

    metadata: str
    certificate: str
    metadata_url: str = ""
    binding: Literal["redirect", "post"] = "redirect"
    sign_requests: bool = True
    name_id_format: str = PERSISTENT
    subject_attribute: str = ""
    leeway_seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlProvider:
    """One provider ready for use: its settings, its metadata read, who we are to it, and our private key as PEM."""

    settings: SamlSettings
    metadata: IdentityProviderMetadata
    own: OwnMetadata
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proved:
    """What a response came to: whom the provider vouches for, and what the replay cache must not have seen.

    ``digest`` names the assertion, ``until`` is when it can be forgotten.
    """

    vouched: Vouched = field(repr=False)
    digest: bytes
    until: Milliseconds


class Saml:
    """Makes requests and checks responses, with the program xmlsec1.

    Args:
        xmlsec: runs it.
    """

    def __init__(self, xmlsec: XmlSec) -> None:
        self._xmlsec = xmlsec

    async def request(
        self, provider: SamlProvider, request_id: str, *, now: Milliseconds, force_authn: bool = False
    ) -> SendRedirect | SendForm:
        """Make the request that sends a browser to the provider, by the binding of the settings if the provider has it.

        Raises:
            XmlSecFailed: it could not be signed.
        """
        metadata, own, settings = provider.metadata, provider.own, provider.settings
        destination, redirects = metadata.redirect_url, True
        if destination is None or (settings.binding == "post" and metadata.post_url is not None):
            destination, redirects = metadata.post_url, False
        if destination is None:
            raise SamlRefused("the provider's metadata names no sign-in page")
        request = AuthnRequest(
            request_id=request_id,
            destination=destination,
            issuer=own.entity_id,
            acs_url=own.acs_url,
            name_id_format=own.name_id_format,
            issued_at=now,
            force_authn=force_authn,
        )
        key = provider.private_key if own.signs_requests else None
        return by_redirect(request, key) if redirects else await by_post(request, key, self._xmlsec)

    async def response(self, field: str, *, provider: str, acs_url: str) -> Response:
        """Read the form field ``SAMLResponse``, which tells what it answers and proves nothing yet.

        Args:
            field: base64 of the document.
            provider: the entity ID of whom it should come from.
            acs_url: where it arrived.

        Raises:
            SamlRefused: with the private reason.
        """
        return await self._xmlsec.aside(
            lambda: read_response(decode_response(field), provider=provider, acs_url=acs_url)
        )

    async def proved(self, provider: SamlProvider, response: Response, *, request_id: str, now: Milliseconds) -> Proved:
        """Check a response to one of our requests, and say whom the provider vouches for.

        Args:
            provider: whom the request was sent to.
            response: what arrived.
            request_id: the ID of the request, which waits for its answer.
            now: the present.

        Raises:
            SamlRefused, XmlSecFailed: with the private reason.
        """
        document = response.document
        if response.is_encrypted:
            document = await self._xmlsec.decrypt(document, provider.private_key)
        signed = await self._xmlsec.aside(partial(signed_assertion, document))
        covered = await self._xmlsec.signed_bytes(document, signed, provider.metadata.public_keys)
        expected = Expected(
            provider=provider.metadata.entity_id,
            audience=provider.own.entity_id,
            recipient=provider.own.acs_url,
            in_response_to=request_id,
            now=now,
            leeway_seconds=provider.settings.leeway_seconds,
        )
        assertion = await self._xmlsec.aside(partial(read_assertion, covered, expected))
        vouched = Vouched(subject_of(assertion, provider.settings), assertion.attributes)
        return Proved(vouched, assertion.digest, assertion.until)

    @property
    def is_ready(self) -> bool:
        """Whether the program that it needs is there."""
        return self._xmlsec.is_installed

    def close(self) -> None:
        """Let the threads end."""
        self._xmlsec.close()


def subject_of(assertion: VerifiedAssertion, settings: SamlSettings) -> str:
    """Say by what a person is known: an attribute of one value, or the name ID in the format that was asked for.

    Raises:
        SamlRefused: by nothing that names the same person the next time.
    """
    if settings.subject_attribute:
        values = assertion.attributes.get(settings.subject_attribute, ())
        if len(values) != 1:
            raise SamlRefused(f"the attribute that users are known by has {len(values)} values, not one")
        subject = values[0].strip()
    elif assertion.name_id_format == TRANSIENT:
        raise SamlRefused("the name ID is transient: it names somebody else the next time")
    elif settings.name_id_format not in {UNSPECIFIED, assertion.name_id_format}:
        raise SamlRefused("the name ID has another format than was asked for")
    else:
        subject = assertion.name_id
    if not usable_subject(subject):
        raise SamlRefused("the subject is empty, too long or has control characters")
    return subject


def is_installed() -> bool:
    """Tell whether the extra ``saml`` is there; nothing is loaded."""
    return all(importlib.util.find_spec(name) is not None for name in ("saml2", "defusedxml"))
