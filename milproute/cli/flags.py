"""Flags and outputs that verbs with a solver share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from milproute.cli.console import number, whole

SolverFlag = Annotated[
    str, typer.Option("--solver", help="Solver, with native options if need be: highs[presolve=off].")
]
TimeLimitFlag = Annotated[
    float,
    typer.Option(
        "--time-limit", parser=number, metavar="SECONDS", help="Seconds for building and solving together."
    ),
]
ConfirmFlag = Annotated[
    bool,
    typer.Option("--confirm", help="Prove the claim a second time in another way, up to the same limit."),
]
GapFlag = Annotated[
    float, typer.Option("--gap", parser=number, metavar="GAP", help="Relative gap at which to stop.")
]
ThreadsFlag = Annotated[
    int, typer.Option("--threads", parser=whole, metavar="N", help="Threads of the solver.")
]
OutFlag = Annotated[Path | None, typer.Option("--out", help="Write the plan as JSON.")]
PlotFlag = Annotated[Path | None, typer.Option("--plot", help="Draw the plan (.svg or .png).")]
ModelFlag = Annotated[Path | None, typer.Option("--write-model", help="Write the model (.mps).")]


def check_outputs(inputs: list[str], out: Path | None, plot: Path | None, model: Path | None) -> None:
    """Refuse, before anything is solved, outputs that cannot be written or would overwrite something.

    Raises
    ------
    OptionError : a suffix that stands for no picture or model.
    OutputError : no such folder, no permission, or the same file twice.
    """
    from milproute.instances import OptionError, OutputError
    from milproute.instances.files import check_writable

    if plot is not None:
        from milproute.plotting.save import picture_format

        picture_format(plot)
    if model is not None and model.suffix.lower() != ".mps":
        raise OptionError(f"--write-model {model} has the suffix {model.suffix!r}; allowed: .mps")
    check_writable([out, plot, model])
    taken = {Path(text).resolve(): f"the input {text}" for text in inputs if Path(text).is_file()}
    for flag, path in (("--out", out), ("--plot", plot), ("--write-model", model)):
        if path is None:
            continue
        if path.resolve() in taken:
            other = taken[path.resolve()]
            raise OutputError(f"{flag} {path} would overwrite {other}; allowed: a file of its own.")
        taken[path.resolve()] = f"what {flag} writes"
