"""One-time passwords: the vectors of the RFCs, and which instants a code is good for."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from tests.builders import NOW

from workgate.domain.ids import Milliseconds
from workgate.signin.totp import code_of, matching_step, provisioning_uri, secret_text, step_at
from workgate.web.qr import qr_code

SECRET = b"12345678901234567890"


@pytest.mark.spec("RFC 6238", "B", "the test vectors of SHA-1")
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_of(SECRET, step_at(Milliseconds(seconds * 1000)), digits=8) == code


@pytest.mark.spec("RFC 4226", "D", "the test vectors")
def test_vectors_of_rfc_4226() -> None:
    codes = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"
    assert [code_of(SECRET, count) for count in range(10)] == codes.split()


@pytest.mark.spec("RFC 6238", "5.2", "a code of the present step, or of one beside it, and of no other")
def test_drift() -> None:
    present = step_at(NOW)
    found = [matching_step(SECRET, code_of(SECRET, present + steps), NOW) for steps in range(-3, 4)]
    assert found == [None, None, present - 1, present, present + 1, None, None]
    assert matching_step(SECRET, code_of(SECRET, 0), Milliseconds(0)) == 0


@pytest.mark.spec("RFC 6238", "4.2", "a step lasts 30 seconds")
def test_steps() -> None:
    assert [step_at(Milliseconds(ms)) for ms in (0, 29_999, 30_000, 59_999, 60_000)] == [0, 0, 1, 1, 2]


def test_a_code_may_be_typed_in_groups() -> None:
    code = code_of(SECRET, step_at(NOW))
    assert matching_step(SECRET, f" {code[:3]} {code[3:]}\t", NOW) == step_at(NOW)


@pytest.mark.parametrize("typed", ["", "0", "00000000", "\0", "\u0660" * 6, "\ud800", "1" * 100_000, "-00001", "1e5"])
def test_odd_input_is_no_code(typed: str) -> None:
    assert matching_step(SECRET, typed, NOW) is None


def test_what_apps_are_given() -> None:
    uri = provisioning_uri(SECRET, issuer="Acme: “R&D”", account="ann:x@acme.example")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Acme  “R&D”:ann x@acme.example"
    assert parse_qs(parts.query) == {"secret": [secret_text(SECRET)], "issuer": ["Acme  “R&D”"]}


def test_the_longest_names_still_make_a_qr_code() -> None:
    uri = provisioning_uri(SECRET, issuer="\U0001f511" * 300, account="\U0001f511" * 254)
    assert qr_code(uri).size <= 177 + 8
