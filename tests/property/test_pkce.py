"""PKCE: only what can be the digest of a verifier is a challenge, and one verifier fits one challenge."""

import base64

from hypothesis import assume, given
from hypothesis import strategies as st

from workgate.oauth import pkce

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
verifiers = st.text(st.sampled_from(ALPHABET + ".~"), min_size=43, max_size=128)


@given(verifiers, verifiers)
def test_a_verifier_fits_its_own_challenge(mine: str, yours: str) -> None:
    assert pkce.valid_verifier(mine)
    challenge = pkce.s256(mine)
    assert pkce.valid_challenge(challenge)
    assert pkce.verify(code_verifier=mine, code_challenge=challenge)
    assert pkce.verify(code_verifier=yours, code_challenge=challenge) == (mine == yours)


@given(st.binary(min_size=32, max_size=32))
def test_every_digest_has_one_challenge(digest: bytes) -> None:
    text = base64.urlsafe_b64encode(digest).decode()[:43]
    accepted = [last for last in ALPHABET if pkce.valid_challenge(text[:-1] + last)]
    assert text[-1] in accepted
    assert len(accepted) == 16  # four bits of the last character count, the other two are zero


@given(st.text(max_size=60) | st.text(st.sampled_from(ALPHABET + "+/= \n"), min_size=41, max_size=45))
def test_what_is_accepted_is_canonical(text: str) -> None:
    if pkce.valid_challenge(text):
        digest = base64.urlsafe_b64decode(text + "=")
        assert len(digest) == 32
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == text


@given(st.text(max_size=140))
def test_any_text_as_a_verifier(text: str) -> None:
    good = 43 <= len(text) <= 128 and all(character in ALPHABET + ".~" for character in text)
    assert pkce.valid_verifier(text) == good


@given(verifiers, st.characters(), st.integers(0, 128))
def test_one_foreign_character_spoils_a_verifier(verifier: str, character: str, at: int) -> None:
    assume(character not in ALPHABET + ".~")
    assert not pkce.valid_verifier(verifier[:at] + character + verifier[at + 1 :])
