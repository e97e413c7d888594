"""``/livez`` and ``/readyz``: for load balancers and supervisors, on every host, without an environment.

They say whether, not why in any detail: outsiders can ask them too.
"""

from starlette.types import Receive, Scope, Send

from workgate import asgi
from workgate.service.health import Health

LIVE_PATH = "/livez"
READY_PATH = "/readyz"
_METHODS = frozenset({"GET", "HEAD"})


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 200: whoever reads it knows that the loop turns."""
    del receive
    await _answer(scope, send, 200, {"live": True})


class ReadyEndpoint:
    """Answers 200 if the node is fit to get requests, else 503 with the reasons in a word each."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive
        if scope["method"] not in _METHODS:
            await _answer(scope, send, 200, {})
            return
        reasons = await self._health.unfit()
        if reasons:
            await _answer(scope, send, 503, {"ready": False, "reasons": reasons})
        else:
            await _answer(scope, send, 200, {"ready": True})


async def _answer(scope: Scope, send: Send, status: int, payload: object) -> None:
    if scope["method"] in _METHODS:
        await asgi.send_json(send, status, payload)
    else:
        await asgi.send_json(send, 405, {"error": "method_not_allowed"}, [(b"allow", b"GET, HEAD")])
