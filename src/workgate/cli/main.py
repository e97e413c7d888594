"""Where the program begins."""

import sys


def run() -> None:
    """Run the command line; without the server's libraries, say how to get them."""
    try:
        from workgate.cli.commands import cli
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("workgate"):
            raise
        sys.exit(f"workgate: {error.name} is not installed; the server needs: pip install 'workgate[server]'")
    cli()
