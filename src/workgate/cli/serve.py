"""``workgate serve``."""

import asyncio
import gc
import sys
from typing import Annotated

import typer
import uvicorn

from workgate.cli.context import Database, fail, settings_for
from workgate.crypto.keys import KeyRingError
from workgate.domain.ports import StoreUnavailable
from workgate.ops.telemetry import configure_logging
from workgate.server import SystemClock, Workgate, listen, uvicorn_config


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8400,
    workers: Annotated[int, typer.Option(help="Processes that serve.", min=1, max=64)] = 1,
    database: Database = None,
) -> None:
    """Serve until interrupted."""
    settings = settings_for(database)
    configure_logging(debug=settings.debug)
    if workers != 1:
        fail("the embedded database is served by one worker: leave out --workers")
    try:
        listener = listen(host, port)
        workgate = Workgate(settings, clock=SystemClock())
        asyncio.run(workgate.ready())
    except (StoreUnavailable, KeyRingError, ValueError, OSError) as error:
        fail(str(error))
    shown = f"[{host}]" if ":" in host else host
    print(f"Workgate on http://{shown}:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()  # what was loaded stays: the collector need not walk it again and again
    uvicorn.Server(uvicorn_config(workgate)).run(sockets=[listener])
