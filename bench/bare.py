"""The yardstick: a constant JSON answer, served just as Workgate is."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from bench import load
from bench.load import Script
from bench.operations import Wire
from bench.processes import Program, free_port
from bench.tournament import Plan, measures, on_disk
from workgate.serving import Server, listen

_BODY = b'{"token_type":"sessionID"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Answer every request alike, once its body is read."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})


def measure(plan: Plan) -> dict[str, float]:
    """What a request costs that nothing is done for."""
    port = free_port()
    wire = Wire(host=f"127.0.0.1:{port}", basic="", token="/token")

    def script(number: int) -> Script:
        del number
        request = wire.post(wire.token, {"grant_type": "refresh_token"})
        while True:
            yield request, True

    with on_disk() as folder:
        server = Program([sys.executable, "-m", "bench.bare", str(port)], folder / "bare.log", folder=_ROOT)
        try:
            server.wait_for(port, "/")
            result = load.run(
                port,
                script,
                roots={"server": server.pid},
                connections=plan.connections,
                seconds=plan.seconds,
                warm_up=plan.warm_up,
            )
        finally:
            server.stop()
    return measures([result])


_ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    listener = listen("127.0.0.1", int(sys.argv[1]))
    Server(app).run(sockets=[listener])
