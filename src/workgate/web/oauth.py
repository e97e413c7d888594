"""The JSON endpoints of OAuth: token, revoke, introspect, JWT exchange, the metadata document. Plain ASGI callables."""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from workgate import asgi
from workgate.domain.accounts import Environment
from workgate.domain.ports import StoreUnavailable
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.metadata import metadata_document
from workgate.oauth.params import SECRET_PARAMETERS, TOKEN_PARAMETERS, Params, from_form, from_json
from workgate.ops.telemetry import described, log_refusal
from workgate.service.clients import ClientDesk, ClientRequest, Refused
from workgate.service.environments import EnvironmentDirectory
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.web.errors import ErrorStyle, endpoint_error

_Answer = Callable[[ClientRequest, Scope], Awaitable[object | Refused]]


class ClientEndpoint:
    """An endpoint that clients post parameters to: reads and checks the request, then asks the service.

    Args:
        directory: finds the environment by host.
        desk: records refusals that happen before any service is asked.
        answer: gives the success payload or a refusal.
        style: how errors are written.
    """

    def __init__(
        self, *, directory: EnvironmentDirectory, desk: ClientDesk, answer: _Answer, style: ErrorStyle
    ) -> None:
        self._directory = directory
        self._desk = desk
        self._answer = answer
        self._style = style

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            environment = await self._directory.by_host(asgi.host(scope))
            if environment is None:
                central = self._directory.central_host(asgi.host(scope)) is not None
                await self._error(send, Fault.CENTRAL_HOST if central else Fault.NO_ENVIRONMENT)
                return
            outcome = await self._outcome(scope, receive, environment)
        except StoreUnavailable as error:
            log_refusal(event="store_unavailable", error=str(error), path=scope["path"])
            await self._error(send, Fault.UNAVAILABLE)
            return
        except Exception as error:
            log_refusal(event="request_failed", error=described(error), path=scope["path"])
            await self._error(send, Fault.INTERNAL)
            return
        if isinstance(outcome, Refused):
            await self._error(send, outcome.refusal.fault, outcome)
        else:
            await asgi.send_json(send, 200, outcome)

    async def _outcome(self, scope: Scope, receive: Receive, environment: Environment) -> object | Refused:
        params = await _read(scope, receive)
        request = ClientRequest(
            environment=environment,
            params={} if isinstance(params, Refusal) else params,
            authorization=asgi.header(scope, b"authorization"),
            address=asgi.address(scope),
        )
        if isinstance(params, Refusal):
            return self._desk.refused(request, params)
        return await self._answer(request, scope)

    async def _error(self, send: Send, fault: Fault, refused: Refused | None = None) -> None:
        answer = endpoint_error(
            fault,
            style=self._style,
            reference=refused.reference if refused else None,
            basic=refused.basic if refused else False,
            retry_after=refused.refusal.retry_after if refused else None,
        )
        await asgi.send_json(send, answer.status, answer.body, answer.headers)


async def _read(scope: Scope, receive: Receive) -> Params | Refusal:
    if scope["method"] != "POST":
        return Refusal(fault=Fault.METHOD, reason=f"method {scope['method'][:20]}")
    if scope["query_string"]:
        in_url = from_form(scope["query_string"], SECRET_PARAMETERS)
        if isinstance(in_url, Refusal) or in_url:
            return Refusal(fault=Fault.SECRET_IN_URL, reason="credentials or tokens in the address")
    body = await asgi.read_body(scope, receive)
    if body is None:
        return Refusal(fault=Fault.BODY_TOO_LARGE, reason=f"more than {asgi.LARGEST_BODY} bytes of body")
    match asgi.content_type(scope):
        case "application/json":
            return from_json(body, TOKEN_PARAMETERS)
        case "application/x-www-form-urlencoded":
            return from_form(body, TOKEN_PARAMETERS)
        case other:
            return Refusal(fault=Fault.CONTENT_TYPE, reason=f"Content-Type {other[:60]!r}")


def token_answer(tokens: TokenService) -> _Answer:
    """What the token endpoint answers."""

    async def answer(request: ClientRequest, scope: Scope) -> object | Refused:
        del scope
        outcome = await tokens.exchange(request)
        return outcome if isinstance(outcome, Refused) else outcome.payload()

    return answer


def exchange_answer(exchange: JwtExchange) -> _Answer:
    """What the JWT exchange answers."""

    async def answer(request: ClientRequest, scope: Scope) -> object | Refused:
        del scope
        outcome = await exchange.exchange(request)
        return outcome if isinstance(outcome, Refused) else outcome.payload()

    return answer


def revoke_answer(management: TokenManagement) -> _Answer:
    """What the revocation endpoint answers: an empty object, whether or not there was anything to revoke."""

    async def answer(request: ClientRequest, scope: Scope) -> object | Refused:
        del scope
        return await management.revoke(request) or {}

    return answer


def introspect_answer(management: TokenManagement) -> _Answer:
    """What the introspection endpoint answers."""

    async def answer(request: ClientRequest, scope: Scope) -> object | Refused:
        return await management.introspect(request, asgi.origin(scope))

    return answer


class MetadataEndpoint:
    """The authorization server's description of itself (RFC 8414), for the environment of the host."""

    def __init__(self, directory: EnvironmentDirectory) -> None:
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive
        try:
            environment = await self._directory.by_host(asgi.host(scope))
        except StoreUnavailable:
            answer = endpoint_error(Fault.UNAVAILABLE, style=ErrorStyle.RFC)
            await asgi.send_json(send, answer.status, answer.body, answer.headers)
            return
        if environment is None:
            # A central host is no authorization server of its own: it has no token endpoint, and its codes come from
            # others. Clients find the document at the organisation's host.
            central = self._directory.central_host(asgi.host(scope)) is not None
            fault = Fault.CENTRAL_HOST if central else Fault.NO_ENVIRONMENT
            await asgi.send_json(send, 404, {"error": "not_found", "error_description": fault.description})
        elif scope["method"] not in {"GET", "HEAD"}:
            await asgi.send_json(send, 405, {"error": "method_not_allowed"}, [(b"allow", b"GET, HEAD")])
        else:
            await asgi.send_json(send, 200, metadata_document(asgi.origin(scope)))
