"""Where the OAuth endpoints are, and the document that says so (RFC 8414).

Routes and document are made from the same table, so they cannot disagree.
"""

OAUTH2_PREFIX = "/integrations/oauth2"
AUTHORIZE_PATH = f"{OAUTH2_PREFIX}/authorize"
CONSENT_PATH = f"{OAUTH2_PREFIX}/consent"
TOKEN_PATH = f"{OAUTH2_PREFIX}/api/v1/token"
REVOKE_PATH = f"{OAUTH2_PREFIX}/api/v1/revoke"
INTROSPECT_PATH = f"{OAUTH2_PREFIX}/api/v1/introspect"
JWT_EXCHANGE_PATH = f"{OAUTH2_PREFIX}/api/v1/jwt/exchange"
METADATA_PATH = "/.well-known/oauth-authorization-server"

GRANT_TYPES = ("authorization_code", "refresh_token")
_CONFIDENTIAL = ["client_secret_basic", "client_secret_post"]


def metadata_document(issuer: str) -> dict[str, object]:
    """Describe this authorization server.

    Args:
        issuer: scheme and host of the environment, without a trailing slash.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "revocation_endpoint": issuer + REVOKE_PATH,
        "introspection_endpoint": issuer + INTROSPECT_PATH,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*_CONFIDENTIAL, "none"],
        "revocation_endpoint_auth_methods_supported": [*_CONFIDENTIAL, "none"],
        "introspection_endpoint_auth_methods_supported": list(_CONFIDENTIAL),
        # Workfront's own endpoint, for which RFC 8414 has no words.
        "jwt_exchange_endpoint": issuer + JWT_EXCHANGE_PATH,
        "jwt_exchange_endpoint_auth_methods_supported": list(_CONFIDENTIAL),
        "jwt_exchange_signing_alg_values_supported": ["RS256"],
        "authorization_response_iss_parameter_supported": True,
    }
