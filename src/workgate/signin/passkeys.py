"""Passkeys (Web Authentication, Level 2) as a second step: what the browser is asked, and whether its answer is good.

The library parses and verifies. What it leaves to us is here: who the relying party is, that a page of another site
had no part in it, whose passkey it is, and that the signature counter grows.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workgate.domain.second_factors import Passkey, RelyingParty

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CHALLENGE_BYTES = 32
LARGEST_ANSWER = 16 * 1024
_TIMEOUT = 300_000
_KNOWN_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})


class PasskeyRefused(Exception):
    """An answer that is not taken; the message is the private reason."""


class CounterRefused(PasskeyRefused):
    """The signature counter did not grow: perhaps the passkey was copied (WebAuthn §6.1.1)."""


@dataclass(frozen=True, slots=True)
class PasskeyUser:
    """Whose passkey it is to be. ``handle`` is what the authenticator knows the user by."""

    handle: bytes
    username: str
    name: str


def registration_options(party: RelyingParty, user: PasskeyUser, challenge: bytes, existing: Sequence[Passkey]) -> str:
    """What ``navigator.credentials.create`` is asked, as JSON; an authenticator that has one already makes none."""
    # Loading this takes a while, which a server's start need not spend.
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415
    from webauthn.helpers.structs import (  # noqa: PLC0415
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.rp_id,
        rp_name=party.name,
        user_id=user.handle,
        user_name=user.username,
        user_display_name=user.name,
        challenge=challenge,
        timeout=_TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(party, existing),
    )
    return options_to_json(options)


def check_registration(party: RelyingParty, *, answer: str, challenge: bytes) -> tuple[Passkey, int]:
    """Verify what the browser answered (WebAuthn §7.1); gives the new passkey and its signature counter.

    Raises:
        PasskeyRefused: it is no good.
    """
    from webauthn import verify_registration_response  # noqa: PLC0415 - as above

    credential = _read(answer)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
        )
    except Exception as error:  # a foreign parser of foreign bytes: besides its own errors it lets others through
        raise PasskeyRefused(f"the passkey was not taken: {_said(error)}") from None
    _must_be_own_page(credential)
    transports = credential["response"].get("transports")
    known = _KNOWN_TRANSPORTS.intersection(t for t in transports if isinstance(t, str)) if transports else ()
    passkey = Passkey(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        rp_id=party.rp_id,
        transports=tuple(sorted(known)),
    )
    return passkey, verified.sign_count


def authentication_options(party: RelyingParty, challenge: bytes, passkeys: Sequence[Passkey]) -> str:
    """What ``navigator.credentials.get`` is asked, as JSON."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415 - as above

    options = generate_authentication_options(
        rp_id=party.rp_id,
        challenge=challenge,
        timeout=_TIMEOUT,
        allow_credentials=_descriptors(party, passkeys),
    )
    return options_to_json(options)


def credential_id_in(answer: str) -> bytes:
    """Which passkey an answer says it is of; nothing about it is proved yet.

    Raises:
        PasskeyRefused: it names none.
    """
    named = _read(answer).get("id")
    try:
        return base64.urlsafe_b64decode(str(named) + "==")
    except (ValueError, binascii.Error):
        raise PasskeyRefused("the answer names no passkey") from None


def check_authentication(
    party: RelyingParty, *, answer: str, challenge: bytes, passkey: Passkey, counter: int, handle: bytes
) -> int:
    """Verify what the browser answered (WebAuthn §7.2); gives the signature counter.

    Args:
        party: who asked.
        answer: the credential, as JSON.
        challenge: what was asked to be signed.
        passkey: the one that the answer names.
        counter: its signature counter as it was last.
        handle: whose it is.

    Raises:
        CounterRefused: the signature is right, but the counter did not grow.
        PasskeyRefused: it is no good.
    """
    from webauthn import verify_authentication_response  # noqa: PLC0415 - as above

    credential = _read(answer)
    if passkey.rp_id != party.rp_id:
        raise PasskeyRefused("the passkey was made at another address of this server")
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared below, to be told from what is plainly wrong
        )
    except Exception as error:  # as above
        raise PasskeyRefused(f"the passkey was not taken: {_said(error)}") from None
    _must_be_own_page(credential)
    whose = credential["response"].get("userHandle")
    if whose and _bytes(whose) != handle:
        raise PasskeyRefused("the passkey says that it is another user's")
    now = verified.new_sign_count
    if now <= counter and (now or counter):
        raise CounterRefused(f"the signature counter went from {counter} to {now}: the passkey may have been copied")
    return now


def _descriptors(party: RelyingParty, passkeys: Sequence[Passkey]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor  # noqa: PLC0415

    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id, transports=[AuthenticatorTransport(name) for name in passkey.transports] or None
        )
        for passkey in passkeys
        if passkey.rp_id == party.rp_id
    ]


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > LARGEST_ANSWER:
        raise PasskeyRefused("the answer is larger than any passkey's")
    try:
        credential = json.loads(answer)
    except (ValueError, RecursionError):
        raise PasskeyRefused("the answer is no JSON") from None
    if not isinstance(credential, dict):
        raise PasskeyRefused("the answer is no JSON object")
    return credential


def _must_be_own_page(credential: dict[str, Any]) -> None:
    """Refuse what a frame of another site asked for; our pages are never in one."""
    client_data = json.loads(_bytes(credential["response"]["clientDataJSON"]))
    if client_data.get("crossOrigin", False) is not False:
        raise PasskeyRefused("the answer was given within another site's page")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
