"""``workgate serve``."""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from workgate.cli.context import Database, complain, fail, settings_for
from workgate.crypto.keys import KeyRingError
from workgate.domain.ports import StoreUnavailable
from workgate.opening import SystemClock
from workgate.ops.settings import Settings
from workgate.ops.telemetry import configure_logging
from workgate.server import Workgate, load_everything, server_for
from workgate.serving import listen, listen_together
from workgate.supervisor import Supervisor

_UNUSABLE = (StoreUnavailable, KeyRingError, ValueError, OSError)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8400,
    workers: Annotated[int, typer.Option(help="Processes that serve.", min=1, max=64)] = 1,
    drain: Annotated[
        int | None, typer.Option(help="For how many seconds to go on when told to stop.", min=0, max=600)
    ] = None,
    database: Database = None,
) -> None:
    """Serve until interrupted."""
    settings = settings_for(database, drain_seconds=drain)
    configure_logging(debug=settings.debug)
    try:
        listeners = [listen(host, port)] if workers == 1 else listen_together(host, port, workers)
    except OSError as error:
        fail(str(error))

    def ready() -> None:
        shown = f"[{host}]" if ":" in host else host
        print(f"Workgate on http://{shown}:{listeners[0].getsockname()[1]}", file=sys.stderr, flush=True)

    def work(listener: socket.socket, line: socket.socket) -> int:
        # Read again, because a worker may begin long after the supervisor did.
        return _serve(settings_for(database, drain_seconds=drain), listener, supervisor=line)

    if workers == 1:
        status = _serve(settings, listeners[0], ready=ready)
    else:
        load_everything()
        status = Supervisor(listeners, work, ready, settings.drain_seconds).run()
    if status:
        raise typer.Exit(status)


async def _try(settings: Settings) -> None:
    """See whether PostgreSQL can be used, so that what is wrong is said in one line. Connections belong to a loop."""
    workgate = Workgate(settings, clock=SystemClock())
    try:
        await workgate.ready()
    finally:
        await workgate.close()


def _serve(
    settings: Settings,
    listener: socket.socket,
    *,
    ready: Callable[[], None] | None = None,
    supervisor: socket.socket | None = None,
) -> int:
    try:
        if settings.embedded_path is None:
            asyncio.run(_try(settings))
        workgate = Workgate(settings, clock=SystemClock())
    except _UNUSABLE as error:
        complain(str(error))
        return 1
    gc.collect()
    gc.freeze()  # what was opened stays, too
    server = server_for(workgate, ready=ready, loaded=gc.freeze, supervisor=supervisor)
    server.run(sockets=[listener])
    if isinstance(server.failure, ModuleNotFoundError):
        raise server.failure  # for which the program has words
    if server.failure is not None:
        complain("the pages could not be loaded: the line before, pages_not_loaded, says where")
        return 1
    return 130 if server.force_exit else 0
