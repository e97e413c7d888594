"""The admin API as an ASGI application: who calls, whether he may, what he sends, and what is answered.

The order is always the same: the environment, the address, its method, the session, the rights, the body.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, assert_never

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from workgate import asgi
from workgate.domain.accounts import Environment, Session
from workgate.domain.audit import AuditEvent
from workgate.domain.ports import StoreUnavailable
from workgate.domain.problems import NotAllowed, Problem
from workgate.oauth.errors import Fault
from workgate.ops.telemetry import described, log_refusal
from workgate.service.acting import Acting
from workgate.service.environments import EnvironmentDirectory
from workgate.service.sessions import SessionService
from workgate.web.api import ADMIN_PATH
from workgate.web.api.calls import AdminServices, Answer, Call, Lines, Picture
from workgate.web.api.errors import Code, Failure, failure_of
from workgate.web.api.openapi import openapi_document
from workgate.web.api.operations import JSON, Operation, RawBody
from workgate.web.api.reading import read_json, read_query
from workgate.web.api.routes import OPENAPI_PATH, find

_READING = frozenset({"GET", "HEAD"})
_CHALLENGE = (b"www-authenticate", b'Bearer realm="Workgate"')
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class AdminApi:
    """The admin API of all environments.

    Args:
        directory: finds the environment by host.
        sessions: tells who calls.
        services: what the operations ask.
    """

    def __init__(self, directory: EnvironmentDirectory, sessions: SessionService, services: AdminServices) -> None:
        self._directory = directory
        self._sessions = sessions
        self._services = services
        self._document: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._serve(scope, receive, send)
        except Failure as failure:
            await _refuse(send, failure)
        except StoreUnavailable as error:
            log_refusal(event="store_unavailable", error=str(error), path=scope["path"])
            message = "the service cannot answer at this moment: try again"
            await _refuse(send, Failure(Code.UNAVAILABLE, message, headers=[(b"retry-after", b"2")]))
        except Exception as error:
            log_refusal(event="request_failed", error=described(error), path=scope["path"])
            await _refuse(send, Failure(Code.FAILED, "something went wrong on our side: try again"))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        environment = await self._directory.by_host(asgi.host(scope))
        if environment is None:
            if self._directory.central_host(asgi.host(scope)) is not None:
                raise Failure(Code.NOT_FOUND, Fault.CENTRAL_HOST.description)
            raise Failure(Code.NOT_FOUND, "no organisation has this address: check its domain and lane")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if scope["path"] == OPENAPI_PATH:
            _must_be_one_of(method, {"GET"})
            await _send(send, 200, JSON, self._described())
            return
        found = find(scope["path"].removeprefix(ADMIN_PATH))
        if found is None:
            raise Failure(Code.NOT_FOUND, "nothing lives at this address: openapi.json lists what there is")
        operations, parts = found
        _must_be_one_of(method, operations)
        operation = operations[method]
        session = await self._session(scope, environment)
        acting = Acting(session.user, asgi.address(scope))
        try:
            if not operation.everybody:
                acting.must_administer(environment)
            call: Call[Any, Any] = Call(
                environment=environment,
                user=session.user,
                acting=acting,
                origin=asgi.origin(scope),
                path=parts,
                query=read_query(scope["query_string"], operation.query),
                body=await _body(scope, receive, operation),
            )
            answer = await operation.handler(self._services, call)
        except NotAllowed as problem:
            raise self._not_allowed(problem, operation, environment, acting) from None
        except Problem as problem:
            raise failure_of(problem) from None
        await _answer(scope, receive, send, operation, answer)

    async def _session(self, scope: Scope, environment: Environment) -> Session:
        """Find the session; a cookie alone can only read (contract §3.3)."""
        explicit = asgi.header(scope, b"sessionid") or asgi.bearer_token(scope)
        session_id = explicit or asgi.cookie_session(scope)
        session = None
        if session_id:
            session = await self._sessions.check(environment.environment_id, session_id)
        if session is None:
            message = "sign in: send a session as the header sessionID"
            raise Failure(Code.NOT_SIGNED_IN, message, headers=[_CHALLENGE])
        if explicit is None and scope["method"] not in _READING:
            raise Failure(Code.NOT_ALLOWED, "a cookie alone can only read: send the session as the header sessionID")
        return session

    def _not_allowed(
        self, problem: NotAllowed, operation: Operation, environment: Environment, acting: Acting
    ) -> Failure:
        failure = failure_of(problem)
        failure.reference = self._services.audit.refuse(
            AuditEvent.ADMINISTRATION_REFUSED,
            environment,
            reason=f"{operation.name}: {problem}",
            actor=None if acting.user is None else acting.user.user_id,
            address=acting.address,
        )
        return failure

    def _described(self) -> bytes:
        if self._document is None:
            self._document = msgspec.json.encode(openapi_document())
        return self._document


def _must_be_one_of(method: str, allowed: Iterable[str]) -> None:
    names = {*allowed}
    if method not in names:
        names |= {"HEAD"} if "GET" in names else set()
        shown = ", ".join(sorted(names))
        message = f"this address takes {shown}"
        raise Failure(Code.WRONG_METHOD, message, headers=[(b"allow", shown.encode())])


async def _body(scope: Scope, receive: Receive, operation: Operation) -> object:
    match operation.body:
        case None:
            return None
        case RawBody(media_types, largest):
            return await _bytes(scope, receive, media_types, largest)
        case kind:
            return read_json(await _bytes(scope, receive, (JSON,), operation.largest), kind)


async def _bytes(scope: Scope, receive: Receive, media_types: tuple[str, ...], largest: int) -> bytes:
    if asgi.content_type(scope) not in media_types:
        raise Failure(Code.WRONG_MEDIA_TYPE, f"send it with the Content-Type {' or '.join(media_types)}")
    body = await asgi.read_body(scope, receive, largest)
    if body is None:
        raise Failure(Code.TOO_LARGE, f"the body may have {largest} bytes")
    return body


async def _answer(scope: Scope, receive: Receive, send: Send, operation: Operation, answer: Answer) -> None:
    match answer:
        case None:
            headers = [*asgi.NO_STORE, _NOSNIFF]
            await send({"type": "http.response.start", "status": operation.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        case Picture(media_type, content):
            await _send(send, operation.status, media_type, content)
        case Lines(chunks):
            await _stream(scope, receive, send, operation, chunks)
        case msgspec.Struct():
            await asgi.send_json(send, operation.status, answer)
        case _:
            assert_never(answer)


async def _refuse(send: Send, failure: Failure) -> None:
    await asgi.send_json(send, failure.status, failure.body, [*asgi.NO_STORE, *failure.headers])


async def _send(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        _NOSNIFF,
        *asgi.NO_STORE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(
    scope: Scope, receive: Receive, send: Send, operation: Operation, chunks: AsyncIterator[bytes]
) -> None:
    """Send chunks as they come; what fails before the first one can still be answered as an error."""
    first = await anext(chunks)

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        if scope["method"] != "HEAD":
            async for chunk in chunks:
                yield chunk

    headers = {
        "Content-Disposition": 'attachment; filename="audit.jsonl"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    response = StreamingResponse(all_of_them(), operation.status, headers, operation.media_type)
    try:
        await response(scope, receive, send)
    except Exception as error:
        # The answer has begun: that it ends too early is all that the client can be told.
        log_refusal(event="export_broken_off", error=described(error), path=scope["path"])
