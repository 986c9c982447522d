"""Bad input: exit status 2, one message with the place, the value and what is allowed, nothing written."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances import resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import Command

Document = dict[str, Any]


def toy() -> Document:
    return resolve("toy").document()


def put(*steps: str | int, value: object) -> Callable[[Document], None]:
    """Return a change that puts ``value`` at a place of a document."""

    def change(document: Document) -> None:
        here: Any = document
        for step in steps[:-1]:
            here = here[step]
        here[steps[-1]] = value

    return change


def again(table: str, index: int = 0, **other: object) -> Callable[[Document], None]:
    """Return a change that appends a copy of a row."""

    def change(document: Document) -> None:
        document[table].append(document[table][index] | other)

    return change


NAN, INFINITY = float("nan"), float("inf")

# change, place, value as it is shown, what is allowed
BAD_INSTANCES = [
    (
        put("format", value="milproute.instance/2"),
        "format",
        "'milproute.instance/2'",
        "'milproute.instance/1'",
    ),
    (put("nodes", 0, "memry", value=3), "nodes[0].memry", "an unknown key", "Did you mean 'memory'?"),
    (put("colour", value=1), "colour", "an unknown key", "name"),
    (again("nodes"), "nodes[5].id", "'a'", "unique ids"),
    (again("links"), "links[5]", "('a', 'b')", "one link between two nodes"),
    (again("links", source="b", target="a"), "links[5]", "('a', 'b')", "one link between two nodes"),
    (again("requests"), "requests[2].id", "'r0'", "unique ids"),
    (put("links", 1, "target", value="a"), "links[1].target", "'a'", "another node than its source"),
    (put("links", 1, "target", value="z"), "links[1].target", "'z'", "the id of a node"),
    (put("requests", 0, "source", value="z"), "requests[0].source", "'z'", "the id of a node"),
    (put("requests", 1, "target", value="b"), "requests[1].target", "'b'", "another node than its source"),
    (put("links", 3, "probability", value=1.2), "links[3].probability", "1.2", "a number from 0 to 1"),
    (put("links", 3, "probability", value=-0.1), "links[3].probability", "-0.1", "a number from 0 to 1"),
    (put("links", 3, "probability", value=NAN), "links[3].probability", "nan", "a number from 0 to 1"),
    (put("links", 3, "fidelity", value=1.01), "links[3].fidelity", "1.01", "to 1"),
    (put("links", 3, "length_km", value=INFINITY), "links[3].length_km", "inf", "a finite number"),
    (put("links", 3, "length_km", value=-1.0), "links[3].length_km", "-1.0", "of at least 0"),
    (put("links", 3, "channels", value=2.5), "links[3].channels", "2.5", "a whole number"),
    (put("links", 3, "channels", value=-2), "links[3].channels", "-2", "a whole number of at least 0"),
    (put("links", 3, "channels", value="5 of"), "links[3].channels", "'5 of'", "a whole number"),
    (put("links", 3, "channels", value=True), "links[3].channels", "true", "a whole number"),
    (put("links", 3, "channels", value=None), "links[3].channels", "null", "a whole number"),
    (put("nodes", 2, "memory", value=-1), "nodes[2].memory", "-1", "a whole number of at least 0"),
    (put("nodes", 2, "swap_probability", value=2), "nodes[2].swap_probability", "2", "a number from 0 to 1"),
    (put("nodes", 2, "position_km", value=[NAN, 0]), "nodes[2].position_km[0]", "nan", "a finite number"),
    (put("nodes", 2, "id", value=""), "nodes[2].id", "''", "a non-empty string"),
    (put("nodes", 2, "id", value=7), "nodes[2].id", "7", "a non-empty string"),
    (put("nodes", value=[]), "nodes", "[]", "at least 1"),
    (put("requests", 0, "demand", value=1.5), "requests[0].demand", "1.5", "a whole number"),
    (put("requests", 0, "min_fidelity", value=INFINITY), "requests[0].min_fidelity", "inf", "to 1"),
    (put("attenuation_per_km", value=NAN), "attenuation_per_km", "nan", "a finite number of at least 0"),
    (lambda d: d.pop("requests"), "requests", "missing", "a list"),
]


@pytest.mark.parametrize(
    ("change", "place", "value", "allowed"), BAD_INSTANCES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_bad_instance_is_named_with_file_place_value_and_what_is_allowed(
    refused: Command, tmp_path: Path, change: Callable[[Document], None], place: str, value: str, allowed: str
) -> None:
    document = toy()
    change(document)
    (tmp_path / "bad.json").write_text(json.dumps(document))
    said = refused("solve", "bad.json", "--out", "plan.json").said
    assert said.startswith(f"error: bad.json: {place}")
    assert f" is {value}" in said
    assert "; allowed: " in said
    assert allowed in said.partition(" is ")[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "error: bad.json: line 1, column 2 is not JSON"),
        ("", "error: bad.json: line 1, column 1 is not JSON"),
        ("[]", "error: bad.json: the document is a list; allowed: a JSON object"),
        ("{}", "error: bad.json: format is missing; allowed: 'milproute.instance/1'"),
        ('{"format": 1, "format": 2}', "error: bad.json: key 'format' is given twice in one object"),
        ("[" * 100_000, "error: bad.json: the document is nested too deeply"),
    ],
)
def test_what_is_no_instance_at_all_is_refused(
    refused: Command, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    assert refused("solve", "bad.json").said.startswith(message)


def test_bytes_that_are_no_text_are_refused(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(b'{"name": "\xff"}')
    said = refused("solve", "bad.json").said
    assert 'bad.json: line 1 is no UTF-8 (byte 0xFF after \'{"name": "\'); allowed: UTF-8 text.' in said
    assert said.endswith("Save the file as UTF-8.")


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        ("none.json", "none.json is missing; allowed: an existing file"),
        ("none/toy", "none/toy is missing; allowed: an existing file"),
        ("none.txt", "none.txt is missing; allowed: an existing file"),
        (".", ". is a folder; allowed: an existing file"),
        ("surfnet-1", "unknown instance 'surfnet-1': did you mean 'surfnet-10'? allowed: "),
        ("waxmann:nodes=9", "did you mean 'waxman'?"),
        ("waxman:nods=9", "unknown parameter of waxman 'nods': did you mean 'nodes'? allowed: "),
        ("waxman:nodes=nine", "nine"),
        ("waxman:nodes=-9", "-9"),
        ("waxman:nodes=9,requests=2,seed=-1", "-1"),
        ("waxman:nodes=nan", "nan"),
    ],
)
@pytest.mark.parametrize("verb", [["solve"], ["instances", "info"], ["instances", "make"]], ids=" ".join)
def test_an_instance_that_does_not_exist_is_refused_by_every_verb(
    refused: Command, verb: list[str], instance: str, message: str
) -> None:
    assert message in refused(*verb, instance).said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--solver hihgs", "unknown solver 'hihgs': did you mean 'highs'? allowed: "),
        (
            "--solver highs[",
            "solver 'highs[' is no selector; allowed: NAME or NAME[option=value,option=value]",
        ),
        (
            "--solver highs[presolve]",
            "'presolve' in solver 'highs[presolve]' is no option; allowed: option=value",
        ),
        ("--formulation lnik", "unknown formulation 'lnik': did you mean 'link'? allowed: link, path, reps"),
        ("--variant by-sorce", "unknown variant of link 'by-sorce': did you mean 'by-source'? allowed: "),
        ("--method roundign", "unknown method 'roundign': did you mean 'rounding'? allowed: exact, rounding"),
        ("--flows fractional", "unknown flows 'fractional': "),
        ("--time-limit 0", "time_limit is 0.0; allowed: a number of seconds above 0"),
        ("--time-limit -1", "time_limit is -1.0; allowed: a number of seconds above 0"),
        ("--time-limit nan", "time_limit is nan; allowed: a number of seconds above 0"),
        ("--time-limit soon", "Invalid value for '--time-limit': 'soon' is given; allowed: a number"),
        ("--gap -1", "gap is -1.0; allowed: a number >= 0"),
        ("--gap nan", "gap is nan; allowed: a number >= 0"),
        ("--gap inf", "gap is inf; allowed: a number >= 0"),
        ("--gap x", "Invalid value for '--gap': 'x' is given; allowed: a number"),
        ("--threads 0", "threads is 0; allowed: a whole number >= 1"),
        ("--threads 1.5", "Invalid value for '--threads': '1.5' is given; allowed: a whole number"),
        ("--seed -1", "seed is -1; allowed: a whole number from 0 to 2147483647"),
        ("--seed 2147483648", "seed is 2147483648; allowed: a whole number from 0 to 2147483647"),
        ("--seed nan", "Invalid value for '--seed': 'nan' is given; allowed: a whole number"),
        ("--relax --method rounding", "link by rounding gives whole numbers: leave out --relax"),
        ("--relax --formulation reps", "reps by rounding gives whole numbers: leave out --relax"),
        ("--formulatoin link", "No such option: --formulatoin"),
        ("--time-limit", "--time-limit"),
        ("surplus", "Got unexpected extra argument(s) (surplus)"),
        ("--plot plan.jpg", "plan.jpg: a picture cannot end in '.jpg'; allowed: .png, .svg"),
        ("--plot plan", "plan: a picture cannot end in ''; allowed: .png, .svg"),
        ("--write-model model.lp", "--write-model model.lp has the suffix '.lp'; allowed: .mps"),
        (
            "--write-model model.mps --formulation reps",
            "--write-model writes one model, but --formulation reps solves several; allowed: link, path",
        ),
        ("--out none/plan.json", "none/plan.json cannot be written: there is no folder none. Make it first."),
        ("--plot none/plan.svg", "none/plan.svg cannot be written: there is no folder none. Make it first."),
        ("--write-model none/m.mps", "none/m.mps cannot be written: there is no folder none. Make it first."),
        ("--out .", ". cannot be written: it is a folder. Name a file in it."),
        ("--out x.svg --plot x.svg", "--plot x.svg would overwrite what --out writes"),
        ("--out toy.json --plot x.svg", "--out toy.json would overwrite the input toy.json"),
        # None of these may leave the other outputs behind:
        ("--method roundign --write-model m.mps --out p.json --plot p.png", "unknown method"),
        ("--relax --method rounding --write-model m.mps --out p.json", "gives whole numbers"),
        ("--out p.json --plot p.png --write-model none/m.mps", "none/m.mps cannot be written"),
    ],
)
def test_options_that_do_not_exist_or_fit_are_refused_before_solving(
    refused: Command, tmp_path: Path, flags: str, message: str
) -> None:
    (tmp_path / "toy.json").write_text(json.dumps(toy()))
    assert message in refused("solve", "toy.json", *shlex.split(flags)).said


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("presolv=off", "unknown option of highs 'presolv': did you mean 'presolve'? allowed: "),
        ("presolve=maybe", "highs refuses presolve='maybe'"),
        ("threads=many", "highs refuses threads='many'"),
    ],
)
def test_a_bad_native_option_is_found_by_the_solver_and_nothing_is_written(
    milproute: Command, tmp_path: Path, option: str, message: str
) -> None:
    outputs = ("--out", "p.json", "--plot", "p.svg", "--write-model", "m.mps")
    ran = milproute("solve", "toy", "--solver", f"highs[{option}]", *outputs)
    assert (ran.status, ran.out) == (2, "")
    assert ran.said.startswith(f"error: {message}")
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_a_missing_solver_is_exit_status_3_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from milproute.cli import main
    from milproute.solvers.backends import BACKENDS, Entry

    monkeypatch.setitem(
        BACKENDS, "ghost", Entry("ghost", "Ghost", "no_such_package", "?", "pip install 'g[h]'")
    )
    monkeypatch.setattr(sys, "argv", ["milproute", "solve", "toy", "--solver", "ghost"])
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capsys.readouterr()
    assert (caught.value.code, captured.out) == (3, "")
    assert captured.err == "error: solver 'ghost' is not installed. Remedy: pip install 'g[h]'\n"
    monkeypatch.setattr(sys, "argv", ["milproute", "solvers"])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (0, None)
    assert "no: pip install 'g[h]'" in capsys.readouterr().out  # brackets are no markup


def test_the_path_ilp_without_pairs_is_refused_with_commands_that_run(
    refused: Command, milproute: Command, tmp_path: Path
) -> None:
    (tmp_path / "my toy.json").write_text(json.dumps(toy()))
    said = refused("solve", "my toy.json", "--formulation", "path").said
    assert "my toy.json: links[0].entangled_pairs is null; allowed: a whole number >= 0 on every link" in said
    command = shlex.split(said.split("`")[1])
    assert command[0] == "milproute"
    ran = milproute(*command[1:])
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    target = command[-1]
    assert f"and solve {target}," in said
    assert milproute("solve", target, "--formulation", "path").status == 0
    flag = shlex.split(said.split("`")[3])
    assert milproute("solve", "my toy.json", *flag).status == 0


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (None, "plan.json is missing; allowed: an existing file"),
        ("{", "plan.json: line 1, column 2 is not JSON"),
        (
            {"format": "milproute.instance/1"},
            "plan.json: format is 'milproute.instance/1'; allowed: 'milproute.plan/1'",
        ),
        ({"objective": float("nan")}, "plan.json: objective is nan; allowed: a finite number"),
        ({"status": "good"}, "plan.json: status is 'good'; allowed: 'optimal'"),
        ({"colour": 1}, "plan.json: colour is an unknown key"),
    ],
)
def test_what_is_no_plan_cannot_be_verified(
    refused: Command, tmp_path: Path, plan: Any, message: str
) -> None:
    if isinstance(plan, dict):
        plan = json.dumps(PLAN | plan)
    if plan is not None:
        (tmp_path / "plan.json").write_text(plan)
    assert message in refused("verify", "toy", "plan.json").said


PLAN: Document = {
    "format": "milproute.plan/1",
    "instance": "toy",
    "formulation": "link",
    "variant": "by-source",
    "solver": "hand",
    "solver_version": "0",
    "status": "no_solution",
    "objective": None,
    "bound": None,
    "gap": None,
    "seconds": {},
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("frobnicate", "No such command 'frobnicate'"),
        ("solve", "Missing argument 'INSTANCE'"),
        ("verify toy", "Missing argument 'PLAN'"),
        ("instances frob", "No such command 'frob'"),
        ("instances list extra", "Got unexpected extra argument(s) (extra)"),
        ("instances info toy --plot toy.jpg", "toy.jpg: a picture cannot end in '.jpg'; allowed: .png, .svg"),
        ("instances info toy --plot none/toy.svg", "none/toy.svg cannot be written: there is no folder none"),
        (
            "instances make toy --out none/toy.json",
            "none/toy.json cannot be written: there is no folder none",
        ),
        ("instances make toy --attempts p.json", "--attempts has no effect without --draw-pairs SEED"),
        ("instances make toy --draw-pairs -1", "--draw-pairs is -1; allowed: a whole number >= 0"),
        (
            "instances make toy --draw-pairs x",
            "Invalid value for '--draw-pairs': 'x' is given; allowed: a whole",
        ),
        (
            "instances make toy --draw-pairs 1 --attempts p.json",
            "p.json is missing; allowed: an existing file",
        ),
        ("instances convert toy", "Missing argument 'TARGET'"),
        ("instances convert toy toy.xyz", "toy.xyz has the suffix '.xyz'; allowed: .json, .graphml"),
        ("instances convert toy toy.json --to jsn", "unknown format 'jsn': did you mean 'json'? allowed: "),
        ("instances convert toy none/toy.json", "none/toy.json cannot be written: there is no folder none"),
        ("instances convert none.gml toy.json", "none.gml is missing; allowed: an existing file"),
        ("instances convert none.gml toy.json --memory 5", "none.gml is missing; allowed: an existing file"),
        ("instances convert toi toy.json --memory 5", "unknown instance 'toi': did you mean 'toy'?"),
        ("instances convert toy toy.json --memory 5 --seed 1", "--memory, --seed given, but toy is no file"),
        ("instances convert toy toy.net", "link 'a'-'b': probability is 0.9; allowed: null"),
    ],
)
def test_usage_of_other_verbs_is_checked(refused: Command, arguments: str, message: str) -> None:
    assert message in refused(*shlex.split(arguments)).said


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("solve none.json", "InstanceError"),
        ("solve toy --variant by-sorce", "OptionError"),
        ("solve toy --gap -1", "OptionError"),
        ("solve toy --out none/plan.json", "OutputError"),
        ("verify toy none.json", "PlanError"),
        ("instances info toi", "OptionError"),
        ("frobnicate", "UsageError"),
        ("solve", "UsageError"),
        ("solve toy --nope", "UsageError"),
        ("solve toy --threads x", "UsageError"),
    ],
)
def test_with_json_an_error_is_the_one_document_on_stdout(
    refused: Command, arguments: str, kind: str
) -> None:
    assert refused(*arguments.split(), "--json").json["error"]["type"] == kind


def test_a_bug_is_no_missing_solution(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from milproute import solvers
    from milproute.cli import main

    def solve(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(solvers, "solve", solve)
    monkeypatch.setattr(sys, "argv", ["milproute", "solve", "toy", "--json"])
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capsys.readouterr()
    assert caught.value.code == 3
    assert "Traceback" in captured.err
    assert json.loads(captured.out)["error"]["type"] == "ZeroDivisionError"
