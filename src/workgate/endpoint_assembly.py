"""Puts together what the endpoints that programs call are made of: all that a start waits for."""

from workgate.oauth.refresh_grant import RefreshPolicy
from workgate.opening import Opened
from workgate.service.clients import ClientDesk
from workgate.service.environments import EnvironmentDirectory
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.sessions import SessionService
from workgate.service.signing_in import SigningIn, SignInPolicy
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.endpoints import EndpointParts
from workgate.web.errors import ErrorStyle


def endpoint_parts(opened: Opened) -> EndpointParts:
    """What the endpoints of OAuth and the object API are made of."""
    settings, database, clock = opened.settings, opened.database, opened.clock
    sessions = _sessions(opened)
    desk = _desk(opened)
    refresh = RefreshPolicy(settings.refresh_retry_seconds)
    return EndpointParts(
        directory=_directory(opened),
        sessions=sessions,
        signing_in=_signing_in(opened, sessions),
        desk=desk,
        tokens=TokenService(
            desk=desk, authorizations=database.authorizations, mint=opened.mint, clock=clock, policy=refresh
        ),
        management=TokenManagement(
            desk=desk,
            sessions=database.sessions,
            mint=opened.mint,
            clock=clock,
            policy=refresh,
            overlap_seconds=settings.session_overlap_seconds,
        ),
        exchange=_jwt_exchange(opened, desk),
        error_style=ErrorStyle(settings.error_style),
    )


def _directory(opened: Opened) -> EnvironmentDirectory:
    return EnvironmentDirectory(
        opened.database.environments,
        opened.health,  # every request finds its environment first, and none is answered at a wrong time
        base_domains=opened.settings.base_domains,
        default=opened.default_environment,
    )


def _desk(opened: Opened) -> ClientDesk:
    return ClientDesk(
        applications=opened.database.applications,
        authorizations=opened.database.authorizations,
        mint=opened.mint,
        clock=opened.clock,
        audit=opened.audit,
        failures_per_client=opened.settings.client_failures,
    )


def _jwt_exchange(opened: Opened, desk: ClientDesk) -> JwtExchange:
    return JwtExchange(
        desk=desk,
        keys=opened.database.keys,
        users=opened.database.users,
        exchanges=opened.database.exchanges,
        sessions=opened.database.sessions,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
    )


def _sessions(opened: Opened) -> SessionService:
    return SessionService(
        sessions=opened.database.sessions,
        mint=opened.mint,
        ids=opened.ids,
        clock=opened.clock,
        entropy=opened.entropy,
        audit=opened.audit,
        overlap_seconds=opened.settings.session_overlap_seconds,
    )


def _signing_in(opened: Opened, sessions: SessionService) -> SigningIn:
    settings = opened.settings
    return SigningIn(
        sessions=sessions,
        users=opened.database.users,
        rules=opened.database.sign_in_rules,
        passwords=opened.passwords,
        mint=opened.mint,
        clock=opened.clock,
        audit=opened.audit,
        policy=SignInPolicy(
            lock_tries=settings.lock_tries,
            lock_minutes=settings.lock_minutes,
            failures_per_address=settings.sign_in_failures_per_address,
            failures_per_account=settings.sign_in_failures_per_account,
        ),
    )
