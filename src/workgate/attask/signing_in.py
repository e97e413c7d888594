"""What ``login`` and ``session`` answer (contract §3.3)."""

from msgspec import Raw, json

from workgate.attask.envelope import Payload
from workgate.domain.accounts import Environment, Session

_VERSIONS = range(2, 23)
# What no user and no session changes, written once: it is two thirds of the answer to the busiest call.
_CURRENCY: Payload = {
    "ID": None,
    "symbol": "$",
    "groupingSeparator": ",",
    "decimalSeparator": ".",
    "fractionDigits": 2,
    "useNegativeSign": False,
}
_VERSION_INFORMATION: Payload = {
    "version": "workgate",
    "release": "workgate",
    "buildNumber": "0",
    "lastUpdated": "2026/11/24 00:00:00",
    "currentAPI": f"v{_VERSIONS[-1]}.0",
    "apiVersions": {f"v{number}.0": f"/attask/api/v{number}.0/" for number in _VERSIONS},
}
_CURRENCY_JSON, _VERSION_INFORMATION_JSON = (Raw(json.encode(part)) for part in (_CURRENCY, _VERSION_INFORMATION))


def login_data(environment: Environment, session: Session, session_id: str) -> Payload:
    """Describe the signed-in user, the session and the API's versions."""
    return {
        "sessionID": session_id,
        "userID": session.user.user_id,
        "userCompanyID": None,
        "isAdmin": session.user.is_admin,
        "timeZone": "UTC",
        "timeZoneName": "Coordinated Universal Time",
        "locale": "en_US",
        "iso3Country": "USA",
        "iso3Language": "eng",
        "customerID": environment.customer_id,
        "tenantID": environment.customer_id,
        "hasInsightsAccess": False,
        "currency": _CURRENCY_JSON,
        "versionInformation": _VERSION_INFORMATION_JSON,
    }
