"""What happened, in the words of the audit pages; and a refusal's reason, taken apart where a part is to be marked."""

import re
from dataclasses import dataclass

from workgate.domain.audit import AuditEvent
from workgate.domain.texts import N_
from workgate.oauth.redirects import MARK

EVENT_WORDS = {
    AuditEvent.SIGNED_IN: N_("Signed in"),
    AuditEvent.SIGN_IN_FAILED: N_("Sign-in failed"),
    AuditEvent.ACCOUNT_LOCKED: N_("Account locked"),
    AuditEvent.SIGNED_OUT: N_("Signed out"),
    AuditEvent.SESSIONS_ENDED: N_("Other sign-ins ended"),
    AuditEvent.PASSWORD_CHANGED: N_("Password changed"),
    AuditEvent.PASSWORD_RESET: N_("Password set by a mailed link"),
    AuditEvent.LINK_MAILED: N_("Link for a new password mailed"),
    AuditEvent.SECOND_FACTOR_ADDED: N_("Second step added"),
    AuditEvent.SECOND_FACTOR_REMOVED: N_("Second step removed"),
    AuditEvent.SECOND_FACTORS_RESET: N_("Second steps reset by an administrator"),
    AuditEvent.RECOVERY_CODES_MADE: N_("New recovery codes made"),
    AuditEvent.RECOVERY_CODE_USED: N_("Recovery code used"),
    AuditEvent.USER_CREATED: N_("User created"),
    AuditEvent.USER_PROVISIONED: N_("User created by an identity provider"),
    AuditEvent.USER_CHANGED: N_("User changed"),
    AuditEvent.USER_INVITED: N_("User invited"),
    AuditEvent.SIGN_IN_RULES_CHANGED: N_("Rules of signing in changed"),
    AuditEvent.PROVIDER_CREATED: N_("Identity provider added"),
    AuditEvent.PROVIDER_CHANGED: N_("Identity provider changed"),
    AuditEvent.PROVIDER_DELETED: N_("Identity provider deleted"),
    AuditEvent.PROVIDER_TESTED: N_("Identity provider tested"),
    AuditEvent.CONSENT_GIVEN: N_("Access allowed"),
    AuditEvent.CONSENT_REFUSED: N_("Access not allowed"),
    AuditEvent.AUTHORIZE_REFUSED: N_("Authorization request refused"),
    AuditEvent.CODE_REDEEMED: N_("Code redeemed"),
    AuditEvent.CODE_REPLAYED: N_("Code used a second time"),
    AuditEvent.TOKEN_REFRESHED: N_("Token refreshed"),
    AuditEvent.TOKEN_REPEATED: N_("Token answer repeated"),
    AuditEvent.REFRESH_REPLAYED: N_("Old refresh token used again"),
    AuditEvent.TOKEN_REFUSED: N_("Request of a client refused"),
    AuditEvent.TOKEN_REVOKED: N_("Token revoked"),
    AuditEvent.JWT_EXCHANGED: N_("JWT exchanged"),
    AuditEvent.SESSION_ENDED: N_("Session of an application ended"),
    AuditEvent.CONNECTION_WITHDRAWN: N_("Access withdrawn by the user"),
    AuditEvent.CONNECTION_WITHDRAWN_BY_ADMIN: N_("Access withdrawn by an administrator"),
    AuditEvent.ADMINISTRATION_REFUSED: N_("Administration refused"),
    AuditEvent.APPLICATION_CREATED: N_("Application created"),
    AuditEvent.APPLICATION_CHANGED: N_("Application changed"),
    AuditEvent.APPLICATION_DELETED: N_("Application deleted"),
    AuditEvent.APPLICATION_INSTALLED: N_("Application of another organisation installed"),
    AuditEvent.APPLICATION_UNINSTALLED: N_("Application of another organisation uninstalled"),
    AuditEvent.SECRET_ADDED: N_("Client secret added"),
    AuditEvent.SECRET_NOTED: N_("Note of a client secret changed"),
    AuditEvent.SECRET_DELETED: N_("Client secret deleted"),
    AuditEvent.KEY_ADDED: N_("Public key added"),
    AuditEvent.KEY_GENERATED: N_("Key pair generated"),
    AuditEvent.KEY_DELETED: N_("Public key deleted"),
}

# As ``oauth.redirects.describe_mismatch`` writes it. What came may hold anything, this sentence too; a registered URI
# holds neither quotes nor '>', so the last match is the true one, and the first mark of each is where they part.
_MISMATCH = re.compile(
    rf"came (?P<came>['\"].*{MARK}.*['\"]), registered is '(?P<registered>[^'>]*{MARK}[^'>]*)'"
    r"(?P<rest>, and \d+ more that differ earlier)?; they differ from character \d+ on",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Marked:
    """A text of which the middle is marked."""

    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A redirect URI that came, and the registered one that is nearest to it, the difference marked in both."""

    came: Marked
    registered: Marked


def mismatch_in(reason: str) -> Mismatch | None:
    """Find the two redirect URIs in the reason of a refusal; None if it is about something else."""
    found = _MISMATCH.fullmatch(reason)
    if found is None:
        return None
    before, _, came = found["came"][1:-1].partition(MARK)
    also_before, _, registered = found["registered"].partition(MARK)
    alike = _alike_at_the_end(came, registered)
    return Mismatch(
        Marked(before, came[: len(came) - alike], came[len(came) - alike :]),
        Marked(also_before, registered[: len(registered) - alike], registered[len(registered) - alike :]),
    )


def _alike_at_the_end(came: str, registered: str) -> int:
    """How many of the last characters are the same, where neither was cut off."""
    if came.endswith("…") or registered.endswith("…"):
        return 0
    pairs = zip(reversed(came), reversed(registered), strict=False)
    alike = 0
    for one, other in pairs:
        if one != other:
            break
        alike += 1
    return alike
