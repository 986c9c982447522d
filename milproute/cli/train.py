"""``milproute train``: Q-nets that solvers like."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from milproute.cli.console import InstanceArgument, JsonOption, err, number, out, print_json, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milproute.learning import FitResult

app = typer.Typer(help="Train Q-nets.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Train Q-nets."""


def _widths(text: str | tuple[int, ...]) -> tuple[int, ...]:
    """Read the widths of the hidden layers."""
    if isinstance(text, tuple):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is given; allowed: whole numbers and commas, as in 32,32"
        ) from None


@app.command()
def fit(
    instance: InstanceArgument,
    target: Annotated[Path, typer.Option("--out", help="Write the Q-net here (.safetensors).")],
    hidden: Annotated[
        Any, typer.Option(parser=_widths, metavar="N,N", help="Neurons of each hidden layer.")
    ] = "32,32",
    l1: Annotated[
        float,
        typer.Option(parser=number, metavar="WEIGHT", help="Of the sum of |w|: 1e-4 makes nets sparse."),
    ] = 0.0,
    learning_rate: Annotated[
        float,
        typer.Option(
            parser=number, metavar="RATE", help="Of Adam at the start; small rates give tamer nets."
        ),
    ] = 1e-2,
    stability: Annotated[
        float,
        typer.Option(
            parser=number,
            metavar="WEIGHT",
            help="Of the distance of neurons from a steady sign, by path bounds: 1e-3 steadies most.",
        ),
    ] = 0.0,
    samples: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Random joint actions to train on.")
    ] = 20_000,
    epochs: Annotated[int, typer.Option(parser=whole, metavar="N", help="Passes over them.")] = 100,
    max_hops: Annotated[int, typer.Option(parser=whole, metavar="N", help="Most links of a path.")] = 6,
    inputs: Annotated[
        str | None, typer.Option(metavar="BLOCK,BLOCK", help="Feature blocks; all action blocks without it.")
    ] = None,
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Seed of samples, first weights and batches.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit a Q-net to the expected deliveries of random joint actions of an instance.

    A net for `embed`: --l1 and --stability trade a little accuracy for a MILP that solves much sooner.
    """
    from time import perf_counter

    from milproute.instances import OutputError, resolve, save_qnet
    from milproute.instances.files import check_writable
    from milproute.instances.qnets.inputs import split_inputs
    from milproute.learning import INPUTS, FitOptions, fit_qnet

    if target.suffix.lower() != ".safetensors":
        raise OutputError(f"--out {target} has the suffix {target.suffix!r}; allowed: .safetensors")
    check_writable([target])
    options = FitOptions(
        hidden=hidden,
        l1=l1,
        stability=stability,
        learning_rate=learning_rate,
        samples=samples,
        epochs=epochs,
        seed=seed,
        max_hops=max_hops,
        inputs=INPUTS if inputs is None else split_inputs(inputs),
    )
    problem = resolve(instance)
    begin = perf_counter()
    with _progress(problem.name, epochs) as tell:
        result = fit_qnet(problem, options, progress=tell)
    seconds = perf_counter() - begin
    save_qnet(result.qnet, target)
    facts = _facts(result, seconds)
    if as_json:
        print_json({"instance": problem.name, "out": str(target), **facts})
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{target.name}, for {problem.name}"), show_header=False)
    for key, text in _rows(facts):
        table.add_row(key, text)
    out().print(table)


@contextmanager
def _progress(title: str, epochs: int) -> Iterator[Callable[[int, float], None] | None]:
    """Show a live bar on stderr while the block runs; nothing at all where stderr is no terminal."""
    console = err()
    if not console.file.isatty():  # rich calls a pipe a terminal when FORCE_COLOR is set
        yield None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(title), total=epochs, loss="-")
        yield lambda epoch, loss: bar.update(task, completed=epoch, loss=f"{loss:.5f}")


def _facts(result: FitResult, seconds: float) -> dict[str, Any]:
    return {
        "sizes": list(result.qnet.sizes),
        "inputs": list(result.qnet.inputs),
        "paths": result.paths,
        "validation": {"rmse": result.validation.rmse, "r2": result.validation.r2},
        "train": {"rmse": result.train.rmse, "r2": result.train.r2},
        "weights": sum(weight.size for weight in result.qnet.weights),
        "nonzeros": result.nonzeros,
        "pruned": result.pruned,
        "losses": list(result.losses),
        "seconds": seconds,
    }


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("inputs", ", ".join(facts["inputs"])), ("sizes", " × ".join(map(str, facts["sizes"])))]
    for name in ("validation", "train"):
        error = facts[name]
        rows.append((name, f"R² {error['r2']:.5f}, RMSE {error['rmse']:.4g} expected deliveries"))
    rows.append(("weights", f"{facts['nonzeros']} of {facts['weights']} are not 0"))
    rows.append(("candidate paths", str(facts["paths"])))
    rows.append(("seconds", f"{facts['seconds']:.1f}"))
    return rows
