"""The command line: verbs that parse, call one function and print."""

from __future__ import annotations

import sys

from milproute.cli.app import app
from milproute.cli.console import fail

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; what milproute raises becomes a message and an exit status, in this one place."""
    try:
        app()
    except Exception as error:  # sorted out at once: only our own errors are swallowed
        status = fail(error, as_json="--json" in sys.argv)
        if status is None:
            raise
        sys.exit(status)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(1)
