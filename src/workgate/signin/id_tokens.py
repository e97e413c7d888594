"""ID tokens of OpenID Connect: whether a provider signed one, for us, just now, for the request that asked for it.

Pure checks over the token, the provider's published keys and the present instant (OpenID Connect Core §3.1.3.7 and
§3.1.3.8). Only asymmetric signatures count, and of those the ones that the provider's settings list: what the token
says of itself decides nothing. Whatever is wrong is a ``NotVouched`` with the private reason.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from workgate.domain.ids import Milliseconds
from workgate.domain.sso import NotVouched, usable_subject

LEEWAY_SECONDS = 60
LONGEST_ID_TOKEN = 32 * 1024
KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "Ed25519": "OKP",
}
"""The signature algorithms that settings may list, and the key type of each."""
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "519": hashlib.sha512}
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SMALLEST_RSA_BYTES = 256
_MOST_TRIED = 8
_LATEST = 2**53

Claims = Mapping[str, object]
Jwk = Mapping[str, object]


class UnknownKey(NotVouched):
    """None of the keys at hand signed it: the provider may have a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an ID token must say to be the answer to a request of ours.

    ``begun_at`` is when the request was made; ``access_token`` what came with it, which ``at_hash`` is of.
    """

    issuer: str
    client_id: str
    algorithms: Sequence[str]
    nonce: str = field(repr=False)
    access_token: str | None = field(repr=False)
    begun_at: Milliseconds
    now: Milliseconds


def verified_claims(text: str, keys: Sequence[Jwk], expected: Expected) -> Claims:
    """Give the claims of an ID token that is what was expected.

    Raises:
        UnknownKey: no key of these signed it.
        NotVouched: it is not what was expected; the message says why.
    """
    match = _COMPACT.fullmatch(text) if len(text) <= LONGEST_ID_TOKEN else None
    if match is None:
        raise NotVouched("the ID token is not a signed JWT in compact form")
    header, claims = _object_of(match[1], "header"), _object_of(match[2], "payload")
    algorithm, kid = header.get("alg"), header.get("kid")
    # RFC 8725 §3.1: the algorithm is ours to choose, and a public key is never a secret to compute a MAC with.
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms or algorithm not in KEY_TYPES:
        raise NotVouched(f"the ID token's alg is {str(algorithm)[:20]!r}, which the settings do not list")
    if "crit" in header or "b64" in header:
        raise NotVouched("the ID token's header asks for extensions")
    if kid is not None and not isinstance(kid, str):
        raise NotVouched("the ID token's kid is not a text")
    candidates = [key for key in keys if _suits(key, algorithm, kid)][:_MOST_TRIED]
    if not any(_signed_by(text, key, algorithm) for key in candidates):
        # With a kid that is known, it is the signature that is wrong, and no new key would mend it.
        if kid is None or not candidates:
            raise UnknownKey("no published key signed the ID token")
        raise NotVouched("the ID token's signature is wrong")
    _check(claims, algorithm, expected)
    return claims


def _check(claims: Claims, algorithm: str, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise NotVouched("the ID token's iss is not the provider's")
    _check_audience(claims, expected.client_id)
    _check_times(claims, expected)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise NotVouched("the ID token's nonce is not of this request")
    if not usable_subject(claims.get("sub")):
        raise NotVouched("the ID token's sub is missing or not usable")
    if "at_hash" in claims:
        _check_access_token(claims["at_hash"], algorithm, expected.access_token)


def _check_audience(claims: Claims, client_id: str) -> None:
    """OpenID Connect Core §3.1.3.7 points 3 to 5: it is for us, and if for others too, made for us."""
    audience, azp = claims.get("aud"), claims.get("azp")
    several = audience if isinstance(audience, list) else [audience]
    if client_id not in several:
        raise NotVouched("the ID token's aud is not our client_id")
    if azp is None and len(several) > 1:
        raise NotVouched("the ID token has several audiences and no azp")
    if azp is not None and azp != client_id:
        raise NotVouched("the ID token's azp is not our client_id")


def _check_times(claims: Claims, expected: Expected) -> None:
    now, leeway = expected.now / 1000, LEEWAY_SECONDS
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if expires is None or issued is None:
        raise NotVouched("the ID token has no exp or no iat")
    if now >= expires + leeway:
        raise NotVouched(f"the ID token expired {now - expires:.0f} s ago")
    if issued > now + leeway:
        raise NotVouched(f"the ID token was issued {issued - now:.0f} s from now: compare the clocks")
    if issued < expected.begun_at / 1000 - leeway:
        raise NotVouched("the ID token is older than the request")
    not_before = _instant(claims, "nbf")
    if not_before is not None and not_before > now + leeway:
        raise NotVouched("the ID token is not valid yet")


def _check_access_token(at_hash: object, algorithm: str, access_token: str | None) -> None:
    """OpenID Connect Core §3.1.3.8."""
    if access_token is None:
        raise NotVouched("the ID token has an at_hash, and no access token came")
    digest = _HASHES[algorithm[-3:]](access_token.encode()).digest()
    left = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(at_hash, str) or not hmac.compare_digest(at_hash.encode(), left.encode()):
        raise NotVouched("the ID token's at_hash is not of the access token that came with it")


def _instant(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LATEST:
        raise NotVouched(f"the ID token's {name} is not a number of seconds")
    return value


def _suits(key: Jwk, algorithm: str, kid: str | None) -> bool:
    operations = key.get("key_ops")
    return (
        key.get("kty") == KEY_TYPES[algorithm]
        and (kid is None or key.get("kid") == kid)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (not isinstance(operations, list) or "verify" in operations)
        and (key.get("kty") != "RSA" or _rsa_bytes(key.get("n")) >= _SMALLEST_RSA_BYTES)
    )


def _rsa_bytes(modulus: object) -> int:
    return len(modulus) * 3 // 4 if isinstance(modulus, str) else 0


def _signed_by(text: str, key: Jwk, algorithm: str) -> bool:
    from joserfc import jws  # noqa: PLC0415 - loaded with the first ID token, so that no start waits for it
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import import_key  # noqa: PLC0415

    public: dict[str, str | list[str]] = {
        name: value for name, value in key.items() if name in _PUBLIC and isinstance(value, str)
    }
    try:
        jws.deserialize_compact(text, import_key(public), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


_PUBLIC = frozenset({"kty", "n", "e", "crv", "x", "y"})


def _object_of(part: str, what: str) -> dict[str, object]:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        found = None
    if not isinstance(found, dict):
        raise NotVouched(f"the ID token's {what} is not a JSON object")
    return found
