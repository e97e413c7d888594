"""Where the program begins."""

import sys
from typing import Any


def run() -> None:
    """Run the command line; without the server's libraries, say how to get them."""
    try:
        status = _run()
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("workgate"):
            raise
        sys.exit(f"workgate: {error.name} is not installed; the server needs: pip install 'workgate[server]'")
    sys.exit(status)


def _run() -> Any:  # noqa: ANN401 - what the library gives
    import typer

    from workgate.cli.commands import cli

    try:
        return cli(standalone_mode=False)
    except typer.Abort:
        sys.exit("workgate: ended before anything was done")
    except Exception as error:
        # The library's errors about what was typed have this method; their class lies elsewhere in each release.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        text = str(message()).rstrip()
        is_help = text.startswith("Usage:")  # what a group of commands says that was called without one
        print(text if is_help else "workgate: " + " ".join(text.split()), file=sys.stderr)
        sys.exit(2)
