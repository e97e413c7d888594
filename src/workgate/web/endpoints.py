"""The endpoints of OAuth that programs call, by their paths."""

from dataclasses import dataclass

from starlette.types import ASGIApp

from workgate.oauth.metadata import INTROSPECT_PATH, JWT_EXCHANGE_PATH, METADATA_PATH, REVOKE_PATH, TOKEN_PATH
from workgate.service.clients import ClientDesk
from workgate.service.environments import EnvironmentDirectory
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.sessions import SessionService
from workgate.service.signing_in import SigningIn
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.errors import ErrorStyle
from workgate.web.oauth import (
    ClientEndpoint,
    MetadataEndpoint,
    exchange_answer,
    introspect_answer,
    revoke_answer,
    token_answer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointParts:
    """What the endpoints are made of; the first three are the object API's and the pages' too."""

    directory: EnvironmentDirectory
    sessions: SessionService
    signing_in: SigningIn
    desk: ClientDesk
    tokens: TokenService
    management: TokenManagement
    exchange: JwtExchange
    error_style: ErrorStyle


def client_endpoints(parts: EndpointParts) -> dict[str, ASGIApp]:
    """Make the endpoints."""
    clients = {
        TOKEN_PATH: token_answer(parts.tokens),
        INTROSPECT_PATH: introspect_answer(parts.management),
        REVOKE_PATH: revoke_answer(parts.management),
        JWT_EXCHANGE_PATH: exchange_answer(parts.exchange),
    }
    endpoints: dict[str, ASGIApp] = {
        path: ClientEndpoint(directory=parts.directory, desk=parts.desk, answer=answer, style=parts.error_style)
        for path, answer in clients.items()
    }
    endpoints[METADATA_PATH] = MetadataEndpoint(parts.directory)
    return endpoints
