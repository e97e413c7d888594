"""``workgate demo``: an organisation, people, an application, projects and the example app, running."""

import asyncio
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from workgate.cli.context import fail
from workgate.cli.demo_data import DOMAIN, LANES, PASSWORD, PEOPLE, projects
from workgate.domain.accounts import Environment
from workgate.domain.mails import Mail
from workgate.domain.oauth import ApplicationType
from workgate.opening import SystemClock
from workgate.ops.settings import load_settings
from workgate.ops.telemetry import configure_logging
from workgate.server import Workgate, server_for
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered
from workgate.service.definitions import NewApplication
from workgate.serving import Server, listen

_FOLDER = Path(".workgate-demo")
_LOGO = Path(__file__).parent / "assets" / "clientapp-logo.png"
_EXAMPLES = (
    Path(__file__).parents[1] / "examples" / "third_party_app" / "app.py",
    Path(__file__).parents[3] / "examples" / "third_party_app" / "app.py",
)


def demo(
    port: Annotated[int, typer.Option(help="Workgate's port.", min=1, max=65535)] = 8400,
    app_port: Annotated[int, typer.Option(help="The example app's port.", min=1, max=65535)] = 8401,
) -> None:
    """Run a made-up organisation and an app that connects to it. Everything is made anew each time."""
    began = time.monotonic()
    configure_logging()
    try:
        listener = listen("127.0.0.1", port)
        listen("127.0.0.1", app_port).close()
    except OSError as error:
        fail(f"{error}: is a demo running already? Choose others with --port and --app-port")
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(mode=0o700)
    try:
        asyncio.run(_run(listener, f"http://localhost:{port}", app_port, began))
    except KeyboardInterrupt:
        print(file=sys.stderr)


async def _run(listener: socket.socket, url: str, app_port: int, began: float) -> None:
    app_url = f"http://127.0.0.1:{app_port}"
    settings = load_settings({}, database_url=f"sqlite:///{_FOLDER / 'workgate.db'}", mail_folder=str(_FOLDER / "mail"))
    workgate = Workgate(settings, clock=SystemClock())
    workgate.outbox.sent = _show_mail
    environment, registered = await _seed(workgate, f"{app_url}/callback")
    _write_variables(url, app_url, registered)
    example = _start_example(url, app_url, app_port, registered)
    ready = functools.partial(_announce, url, app_url, environment, began)
    try:
        # The server stops at either signal; while it begins and when it is done, there is nothing else to stop.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await _serve(server_for(workgate), listener, example, app_port, ready)
    finally:
        example.terminate()
        example.wait(timeout=10)


async def _seed(workgate: Workgate, redirect_uri: str) -> tuple[Environment, Registered]:
    environments = await workgate.services.administration.create_environments(DOMAIN, LANES, name="My Organization")
    for environment in environments:
        users = [
            await workgate.services.administration.create_user(environment, password=PASSWORD, **person)
            for person in PEOPLE
        ]
        await workgate.database.objects.insert(
            projects(environment, users, now=workgate.clock.now(), entropy=workgate.entropy)
        )
    registered = await workgate.services.registry.register(
        environments[0],
        NewApplication(
            name="ClientApp",
            type=ApplicationType.WEB,
            redirect_uris=[redirect_uri],
            description="Shows your projects on one page.",
            developer_name="ClientApp's developers",
            developer_email="developers@clientapp.example",
            privacy_url="https://clientapp.example/privacy",
            logo=_LOGO.read_bytes(),
        ),
        by=OPERATOR,
    )
    # Other organisations could install it; there are none, but its own users can come by the central host, too.
    client_id = registered.application.client_id
    await workgate.services.central.set_central(environments[0], client_id, central=True, by=OPERATOR)
    return environments[0], registered


def _central_url(url: str) -> str:
    return f"http://oauth.{LANES[0]}.localhost:{url.rpartition(':')[2]}"


def _write_variables(url: str, app_url: str, registered: Registered) -> None:
    """Write what the README's calls need, for the shell."""
    variables = {
        "WORKGATE_DATABASE_URL": f"sqlite:///{(_FOLDER / 'workgate.db').absolute()}",
        "WORKGATE_URL": url,
        "CENTRAL_URL": _central_url(url),
        "CLIENT_ID": registered.application.client_id,
        "CLIENT_SECRET": registered.client_secret or "",
        "REDIRECT_URI": f"{app_url}/callback",
    }
    file = os.open(_FOLDER / "demo.env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as lines:
        lines.writelines(f"export {name}='{value}'\n" for name, value in variables.items())


def _start_example(url: str, app_url: str, port: int, registered: Registered) -> "subprocess.Popen[bytes]":
    example = next((path for path in _EXAMPLES if path.exists()), None)
    if example is None:
        fail("the example app is missing from this installation")
    variables: dict[str, str] = {
        **os.environ,
        "WORKGATE_URL": url,
        "CLIENT_ID": registered.application.client_id,
        "CLIENT_SECRET": registered.client_secret or "",
        "REDIRECT_URI": f"{app_url}/callback",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    # A session of its own: Ctrl-C reaches Workgate alone, which then ends the example.
    command = [sys.executable, str(example)]
    return subprocess.Popen(command, env=variables, start_new_session=True)  # noqa: S603 - our own file


async def _serve(
    server: Server,
    listener: socket.socket,
    example: "subprocess.Popen[bytes]",
    app_port: int,
    ready: Callable[[], None],
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not serving.done() and example.poll() is None and not await _accepts(app_port):
        await asyncio.wait([serving], timeout=0.02)
    if not serving.done() and example.poll() is None:
        ready()
    while not serving.done():
        await asyncio.wait([serving], timeout=0.5)
        if example.poll() is not None and not server.should_exit:
            print("The example app ended; stopping.", file=sys.stderr)
            server.should_exit = True
    await serving


async def _accepts(port: int) -> bool:
    """Tell whether something listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _show_mail(mail: Mail) -> None:
    """Say that a mail landed in the folder, with the link in it."""
    print(f"  Mail to {mail.to}: {mail.link or mail.subject}", flush=True)


def _announce(url: str, app_url: str, environment: Environment, began: float) -> None:
    name, password = PEOPLE[0]["username"], PASSWORD
    others = ", ".join(str(person["username"]) for person in PEOPLE[1:])
    print(
        f"""
Workgate is ready ({time.monotonic() - began:.1f} s): {environment.name}, lanes {" and ".join(LANES)}

  The example app   {app_url}      open this one and press Connect
  Workgate          {url}
  The preview lane  http://{DOMAIN}.preview.localhost:{url.rpartition(":")[2]}
  The central host  {_central_url(url)}      see docs/central-host.md

  Sign in as        {name}     (administrator)   password  {password}
         or as      {others}     same password

  For the README's calls:  . {_FOLDER}/demo.env
  Mail lands in {_FOLDER / "mail"}, and its links are shown here.
  Ctrl-C stops everything.
""",
        flush=True,
    )
