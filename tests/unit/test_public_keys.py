"""Keys that are taken, and why others are not."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.signing import certificate_pem, private_key, private_pem, public_pem

from workgate.crypto.public_keys import UnusableKey, generate_pair, read_public_key


def test_a_certificate_and_a_public_key_are_the_same_key() -> None:
    key = private_key()
    pkcs1 = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
    spellings = [
        public_pem(key),
        certificate_pem(key),
        pkcs1,
        "  " + public_pem(key).replace("\n", "\r\n"),
        "Subject: /CN=robot\n" + certificate_pem(key),
    ]
    found = {read_public_key(text) for text in spellings}
    assert len(found) == 1
    (public,) = found
    assert public.pem == public_pem(key)
    assert (public.bits, len(public.fingerprint)) == (2048, 64)


def test_a_new_pair_fits_together() -> None:
    pair = generate_pair()
    private = serialization.load_pem_private_key(pair.private_pem.encode(), None)
    assert public_pem(private) == pair.public.pem
    assert "PRIVATE" not in repr(pair)


BROKEN = public_pem(private_key()).replace("A", "B")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "one PEM block"),
        ("ssh-rsa AAAAB3NzaC1yc2E", "one PEM block"),
        (public_pem(private_key()) * 2, "one PEM block"),
        (private_pem(private_key()), "private key"),
        (public_pem(private_key()) + private_pem(private_key()), "private key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "private key"),
        (public_pem(private_key("weak", 1024)), "1024 bits"),
        (certificate_pem(private_key("weak", 1024)), "1024 bits"),
        (public_pem(private_key("three", 2048, 3)), "exponent is 3"),
        (public_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (BROKEN, "broken"),
        (public_pem(private_key())[:200], "broken"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "broken"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "neither"),
        ("-----BEGIN PUBLIC KEY-----" + "A" * 20_000, "at most 16384"),
        ("-----BEGIN PUBLIC KEY-----\u00e9", "ASCII"),
    ],
)
def test_keys_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(UnusableKey, match=reason):
        read_public_key(text)
