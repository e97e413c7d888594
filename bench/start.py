"""``python -m bench.start``: from the command to the first answer, with bytecode and without.

The database exists, the files are in the page cache. Without bytecode is a first start, and every start where Python
may not write any (``PYTHONDONTWRITEBYTECODE``) and nobody compiled before.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = str(Path(sys.executable).with_name("workgate"))
_REQUEST = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main() -> None:
    """Measure and print a table; with --json one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each takes its turn")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "WORKGATE_DATABASE_URL": f"sqlite:///{folder}/workgate.db"}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        compiled = {**variables, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        nothing = {**variables, "PYTHONPYCACHEPREFIX": f"{folder}/nothing", "PYTHONDONTWRITEBYTECODE": "1"}
        create = [_PROGRAM, "org", "create", "acme", "--name", "Acme"]
        subprocess.run(create, env=compiled, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        start(compiled)
        measured: dict[str, list[tuple[float, float]]] = {"with bytecode": [], "without": []}
        for _ in range(options.rounds):
            measured["with bytecode"].append(start(compiled))
            measured["without"].append(start(nothing))
    rows = [
        {
            "start": name,
            "seconds": round(statistics.median(seconds for seconds, _ in runs), 3),
            "fastest": round(min(seconds for seconds, _ in runs), 3),
            "cpu_seconds": round(statistics.median(cpu for _, cpu in runs), 3),
        }
        for name, runs in measured.items()
    ]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "rows": rows}))
        return
    print(f"{'start to first answer':24}{'seconds':>9}{'fastest':>9}{'CPU s':>9}")
    for row in rows:
        print(f"{row['start']:24}{row['seconds']:>9}{row['fastest']:>9}{row['cpu_seconds']:>9}")


def start(variables: Mapping[str, str]) -> tuple[float, float]:
    """Start a server, ask it once, end it. Gives the seconds to its answer and the CPU time of its whole life."""
    began, cpu = time.perf_counter(), _cpu_of_children()
    process = subprocess.Popen([_PROGRAM, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True, env=variables)  # noqa: S603
    try:
        line = process.stderr.readline() if process.stderr else ""
        match = re.search(r"http://([\d.]+):(\d+)", line)
        if match is None:
            raise RuntimeError(f"the server did not start: {line!r}")
        with socket.create_connection((match[1], int(match[2])), timeout=30) as connection:
            connection.sendall(_REQUEST)
            answer = connection.recv(4096)
        seconds = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"not an answer: {answer!r}")
    finally:
        process.terminate()
        process.wait(timeout=20)
    return seconds, _cpu_of_children() - cpu


def _cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
