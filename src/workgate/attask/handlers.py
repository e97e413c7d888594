"""The API's calls: signing in and out, projects and users. Plain ASGI: every call of a client lands here."""

from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from workgate import asgi
from workgate.attask.call import Call, Carrier, read_call
from workgate.attask.envelope import ApiError, ApiFault, Payload, invalid, not_found, not_signed_in
from workgate.attask.metadata import PROJ, USER, ObjectType, object_type
from workgate.attask.query import read_fields, read_query
from workgate.attask.rows import FindUser, project_row, user_row
from workgate.attask.signing_in import login_data
from workgate.domain.accounts import Environment, Session, SessionOrigin
from workgate.domain.ids import ObjectId
from workgate.domain.objects import Condition, ObjectQuery
from workgate.domain.ports import ObjectStore, StoreUnavailable, UserStore
from workgate.oauth.errors import Fault
from workgate.ops.telemetry import described, log_refusal
from workgate.service.environments import EnvironmentDirectory
from workgate.service.sessions import SessionService
from workgate.service.signing_in import Arrival, MoreToDo, SignedIn, SigningIn, SignInLimited, SignInRefused

_Answer = tuple[Payload, asgi.Headers]


class AttaskApp:
    """The object API of all environments."""

    def __init__(
        self,
        *,
        directory: EnvironmentDirectory,
        sessions: SessionService,
        signing_in: SigningIn,
        users: UserStore,
        objects: ObjectStore,
        largest_body: int,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._signing_in = signing_in
        self._users = users
        self._objects = objects
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        try:
            payload, headers = await self._answer(scope, receive)
        except ApiError as error:
            extra = [] if error.retry_after is None else [(b"retry-after", b"%d" % error.retry_after)]
            await asgi.send_json(send, error.fault.status, error.payload(), [*asgi.NO_STORE, *extra])
        except StoreUnavailable as error:
            log_refusal(event="store_unavailable", error=str(error), path=scope["path"])
            unavailable = ApiError(ApiFault.UNAVAILABLE, "The service cannot answer at this moment: try again.")
            headers = [*asgi.NO_STORE, (b"retry-after", b"2")]
            await asgi.send_json(send, unavailable.fault.status, unavailable.payload(), headers)
        except Exception as error:
            log_refusal(event="request_failed", error=described(error), path=scope["path"])
            failed = ApiError(ApiFault.FAILED, "Something went wrong on our side: try again.")
            await asgi.send_json(send, failed.fault.status, failed.payload())
        else:
            await asgi.send_json(send, 200, payload, [*asgi.NO_STORE, *headers])

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        environment = await self._directory.by_host(asgi.host(scope))
        if environment is None:
            if self._directory.central_host(asgi.host(scope)) is not None:
                raise ApiError(ApiFault.NOT_FOUND, Fault.CENTRAL_HOST.description)
            raise ApiError(ApiFault.NOT_FOUND, "No organisation has this address: check its domain and lane.")
        call = await read_call(scope, receive, self._largest_body)
        if not call.segments:
            raise ApiError(ApiFault.UNSUPPORTED, "you must specify an action")
        match call.segments:
            case ("login",):
                return await self._login(scope, environment, call)
            case ("logout",):
                return await self._logout(scope, environment, call)
        session = await self._session(environment, call)
        if call.method != "GET":
            if call.carrier is Carrier.COOKIE:
                raise ApiError(
                    ApiFault.FORBIDDEN,
                    "A cookie alone can only read: send the session as the header sessionID.",
                )
            raise ApiError(ApiFault.UNSUPPORTED, f"{call.method} is not supported here: the API is read-only")
        return {"data": await self._read(environment, session, call)}, ()

    async def _session(self, environment: Environment, call: Call) -> Session:
        session = None
        if call.session_id is not None:
            session = await self._sessions.check(environment.environment_id, call.session_id)
        if session is None:
            raise not_signed_in()
        return session

    async def _read(self, environment: Environment, session: Session, call: Call) -> Payload | list[Payload]:
        match call.segments:
            case ("session",):
                return login_data(environment, session, call.session_id or "")
            case (name,):
                return await self._get(environment, session, call, _kind(name, call), _ids(call))
            case (name, "search"):
                return await self._search(environment, session, call, _kind(name, call))
            case (name, object_id):
                return await self._get(environment, session, call, _kind(name, call), [object_id])
        raise invalid("unrecognized URI format: too many parts")

    async def _search(self, environment: Environment, session: Session, call: Call, kind: ObjectType) -> list[Payload]:
        if kind is not PROJ:
            raise ApiError(ApiFault.UNSUPPORTED, f"search is not supported for {kind.name}: ask for it by ID")
        me = str(session.user.user_id)
        wildcards = {"$$USER": me, "$$USER.ID": me, "$$CUSTOMER": str(environment.customer_id)}
        query = read_query(kind, call.version, call.params, wildcards)
        shown = read_fields(kind, call.version, call.params)
        found = await self._objects.find(environment.environment_id, query)
        return [await project_row(stored, shown, self._finder(environment)) for stored in found]

    async def _get(
        self, environment: Environment, session: Session, call: Call, kind: ObjectType, ids: list[str]
    ) -> Payload | list[Payload]:
        shown = read_fields(kind, call.version, call.params)
        rows = [await self._one(environment, session, kind, object_id, shown) for object_id in ids]
        return rows[0] if len(rows) == 1 else rows

    async def _one(
        self,
        environment: Environment,
        session: Session,
        kind: ObjectType,
        object_id: str,
        shown: Mapping[str, tuple[str, ...]],
    ) -> Payload:
        if kind is USER:
            wanted = session.user.user_id if object_id == "$$USER" else ObjectId(object_id)
            user = await self._users.user(environment.environment_id, wanted)
            if user is not None:
                return user_row(user, environment, shown)
        else:
            query = ObjectQuery(obj_code=kind.code, conditions=(Condition("ID", (object_id,)),), limit=1)
            found = await self._objects.find(environment.environment_id, query)
            if found:
                return await project_row(found[0], shown, self._finder(environment))
        raise not_found(kind.name, object_id)

    def _finder(self, environment: Environment) -> FindUser:
        return lambda user_id: self._users.user(environment.environment_id, user_id)

    async def _login(self, scope: Scope, environment: Environment, call: Call) -> _Answer:
        agent = asgi.header(scope, b"user-agent") or ""
        outcome = await self._signing_in.by_password(
            Arrival(environment=environment, address=asgi.address(scope), agent=agent),
            username=call.one("username") or "",
            password=call.one("password") or "",
            origin=SessionOrigin.API,
        )
        match outcome:
            case SignedIn(token, session):
                session_id = token.reveal()
                data = login_data(environment, session, session_id)
                return {"data": data}, _cookie(scope, call, session_id, environment.session_idle_seconds)
            case MoreToDo():
                raise AssertionError("a program was asked for a further step")
            case SignInRefused(reference):
                raise ApiError(
                    ApiFault.NOT_SIGNED_IN,
                    "The user name or password is not right, or the account is locked for some minutes."
                    + (f" Reference {reference}." if reference else ""),
                )
            case SignInLimited(retry_after):
                raise ApiError(
                    ApiFault.TOO_MANY,
                    f"Too many failed tries: wait {retry_after} s.",
                    retry_after=retry_after,
                )

    async def _logout(self, scope: Scope, environment: Environment, call: Call) -> _Answer:
        """End the session that was sent; without one there is nothing to end, and that is a success too."""
        if call.carrier is Carrier.COOKIE and call.cross_site:
            raise ApiError(ApiFault.FORBIDDEN, "Another site cannot sign you out: send the header sessionID.")
        if call.session_id is not None:
            session = await self._sessions.find(environment.environment_id, call.session_id)
            if session is not None:
                await self._sessions.sign_out(environment, session, asgi.address(scope))
        return {"data": {"success": True}}, _cookie(scope, call, "", 0)


def _cookie(scope: Scope, call: Call, session_id: str, seconds: int) -> asgi.Headers:
    """The cookie of the contract, by which a browser's later calls may read. No other site gives or takes it."""
    if call.cross_site:
        return []
    secure = "; Secure" if scope["scheme"] == "https" else ""
    cookie = f"attask={session_id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return [(b"set-cookie", cookie.encode("latin-1"))]


def _kind(name: str, call: Call) -> ObjectType:
    kind = object_type(name)
    if kind is None:
        shown = name if len(name) <= 40 and name.isalnum() else "of that name"
        raise invalid(f"Unknown object type: {shown} in v{call.version}.0")
    return kind


def _ids(call: Call) -> list[str]:
    ids = [
        part for name in ("id", "ID", "ids") for text in call.params.get(name, []) for part in text.split(",") if part
    ]
    if not ids:
        raise ApiError(ApiFault.UNSUPPORTED, "you must specify an action")
    if len(ids) > 100:
        raise invalid("At most 100 objects can be asked for by ID at once")
    return ids
