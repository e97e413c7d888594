"""Second steps of signing in, as values: authenticator apps, passkeys and recovery codes; and their pure rules.

A rule says what a recovery code looks like, at which addresses passkeys can be used, and how long after signing in
somebody may change their own second steps.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId

MOST_FACTORS = 10
LONGEST_FACTOR_NAME = 64
RECOVERY_CODES = 10
RECENT_SECONDS = 600
"""For how long after signing in somebody may change their second steps without showing the password again."""
# Crockford's base 32: without letters that are taken for digits, or for each other.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_CODE_CHARACTERS = 12
_GROUP = 4


class FactorKind(StrEnum):
    """What somebody has, besides the password."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey's public half. ``rp_id`` is the host that it was made for: at no other does it sign."""

    credential_id: bytes
    public_key: bytes
    rp_id: str
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """An authenticator app, whose secret is sealed, or a passkey.

    ``last_step`` is the time step, or the signature counter, that was used last.
    """

    environment_id: EnvironmentId
    user_id: ObjectId
    factor_id: RowId
    kind: FactorKind
    name: str
    passkey: Passkey | None = None
    sealed_secret: bytes | None = field(default=None, repr=False)
    last_step: int
    created_at: Milliseconds
    last_used_at: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom a passkey is for: an environment at one host. ``origin`` is where its pages are."""

    rp_id: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Once:
    """What may be answered once: the digest of a challenge, and until when it has to be remembered."""

    digest: bytes
    expires_at: Milliseconds


def recovery_code(random: bytes) -> str:
    """Write random bytes as a recovery code, of each byte five bits: ``7K3D-9QXM-2WTB``."""
    letters = "".join(_ALPHABET[byte % 32] for byte in random[:_CODE_CHARACTERS])
    return "-".join(letters[at : at + _GROUP] for at in range(0, _CODE_CHARACTERS, _GROUP))


def read_recovery_code(text: str) -> str | None:
    """What somebody typed, as ``recovery_code`` writes it: in any case and spacing, O for 0 and so on; or None."""
    if len(text) > 4 * _CODE_CHARACTERS:
        return None
    plain = "".join(text.replace("-", "").split()).upper().translate(_READ_AS)
    if len(plain) != _CODE_CHARACTERS or any(letter not in _ALPHABET for letter in plain):
        return None
    return "-".join(plain[at : at + _GROUP] for at in range(0, _CODE_CHARACTERS, _GROUP))


def relying_party(name: str, origin: str) -> RelyingParty | None:
    """Who asks for passkeys at an origin; None: browsers have none there.

    They want a secure context, which plain http is on this machine only, and a name instead of an IP address
    (WebAuthn §5.1.2, Secure Contexts §3.1).
    """
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return None
    here = host == "localhost" or host.endswith(".localhost")
    if not host or _is_ip_address(host) or not (parts.scheme == "https" or here):
        return None
    return RelyingParty(host, name, origin)


def is_recent(opened_at: Milliseconds, now: Milliseconds) -> bool:
    """Tell whether somebody signed in so lately that they need not show it again."""
    return now < opened_at + RECENT_SECONDS * 1000


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
