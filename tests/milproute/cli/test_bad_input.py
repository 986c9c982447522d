"""Bad arguments: exit status 2, one message with the value and what is allowed, nothing written."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Command

Document = dict[str, Any]


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
    (tmp_path / "toy.json").write_text(json.dumps(resolve("toy").document()))
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
    (tmp_path / "my toy.json").write_text(json.dumps(resolve("toy").document()))
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
