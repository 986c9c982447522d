"""The command line: verbs that parse, call one function and print."""

from __future__ import annotations

import io
import sys
import traceback

from milproute.cli.app import app
from milproute.cli.console import BAD_INPUT, NO_SOLUTION, SOLVER_FAILED, UsageProblem, fail, print_error

__all__ = ["app", "main"]

INTERRUPTED = 130  # what typer makes of a Ctrl-C that no solver took


def main() -> None:
    """Run the command line; what is raised becomes a message and an exit status, in this one place.

    A Ctrl-C outside a solve ends with 1: there is no result. A bug ends with 3 and its traceback, so
    that no script takes it for an instance without a solution.
    """
    as_json = "--json" in sys.argv
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a poor encoding must not cost the result
    try:
        status = app(standalone_mode=False)
    except UsageProblem as problem:
        problem.show()
        if as_json:
            print_error("UsageError", problem.format_message())
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:  # sorted out at once: our errors become messages, others keep their traceback
        status = fail(error, as_json=as_json)
        if status is None:
            traceback.print_exc()
            if as_json:
                print_error(type(error).__name__, f"a bug in milproute, please report it: {error}")
            status = SOLVER_FAILED
        raise SystemExit(status) from error
    if status == INTERRUPTED:
        sys.stderr.write("stopped by Ctrl-C: there is no result\n")
        if as_json:
            print_error("KeyboardInterrupt", "stopped by Ctrl-C: there is no result")
        status = NO_SOLUTION
    sys.exit(status)
