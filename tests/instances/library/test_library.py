from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from milproute.instances import library as room
from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.files import save
from milproute.instances.generators.generate import generate
from milproute.instances.library import fingerprint, library, library_names, load_library
from milproute.instances.resolve import resolve
from milproute.maintenance.fingerprints import refreshed

NAMES = {
    "toy": 2,
    "surfnet-10": 10,
    "surfnet-30": 30,
    "nsfnet-10": 10,
    "nobel-germany-20": 20,
    "gabriel-100-30": 30,
    "waxman-20-5": 5,
    "waxman-50-10": 10,
    "waxman-50-20": 20,
    "waxman-50-50": 50,
    "waxman-100-20": 20,
    "waxman-100-100": 100,
    "waxman-200-50": 50,
    "grid-7x7-10": 10,
}


def test_library_has_the_promised_names() -> None:
    assert set(NAMES) <= set(library_names())


@pytest.mark.parametrize("name", library_names())
def test_library_instance_loads_under_its_name_with_its_requests(name: str) -> None:
    """Loading checks the fingerprint: this fails when other versions draw other instances."""
    instance = load_library(name)
    assert instance.name == name
    assert len(instance.requests) == NAMES.get(name, len(instance.requests))
    assert library()[name].description.endswith(".")
    if library()[name].spec:
        assert generate(instance.metadata.generator or "").links == instance.links


def test_waxman_50_instances_share_network_and_requests() -> None:
    few, more, most = (load_library(f"waxman-50-{n}") for n in (10, 20, 50))
    assert few.nodes == more.nodes == most.nodes
    assert few.links == more.links == most.links
    assert most.requests[:20] == more.requests
    assert more.requests[:10] == few.requests


def test_fingerprint_is_of_the_problem_alone() -> None:
    toy = load_library("toy")
    renamed = toy.model_validate({**toy.document(), "name": "other", "metadata": {"source": "elsewhere"}})
    assert fingerprint(renamed) == fingerprint(toy)
    document = toy.document()
    document["nodes"][0]["memory"] += 1
    assert fingerprint(toy.model_validate(document)) != fingerprint(toy)


def test_changed_draws_are_refused_with_versions_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = room.make
    monkeypatch.setattr(room, "make", lambda name, recipe: real(name, library()["waxman-50-20"]))
    with pytest.raises(InstanceError) as caught:
        load_library("waxman-50-10")
    message = str(caught.value)
    assert message.startswith("library instance waxman-50-10: fingerprint is ")
    for part in ("numpy 2.", "networkx 3.", "topohub 1.", "pip install -c constraints.txt"):
        assert part in message


def test_refreshed_catalogue_mends_fingerprints_and_keeps_the_rest() -> None:
    text = room.catalogue_path().read_text(encoding="utf-8")
    good = library()["grid-7x7-10"].fingerprint
    assert refreshed(text) == text
    assert refreshed(text.replace(good, "stale")) == text


def toy_plans() -> list[tuple[int, ...]]:
    """All numbers of copies of the toy's four simple paths: a-b-d, a-c-d, b-d-e, b-a-c-d-e."""
    return list(product(range(4), repeat=4))


def toy_links(copies: tuple[float, ...]) -> dict[str, float]:
    abd, acd, bde, bacde = copies
    return {"ab": abd + bacde, "ac": acd + bacde, "bd": abd + bde, "cd": acd + bacde, "de": bde + bacde}


def test_toy_optimum_by_hand() -> None:
    """Worked out by hand: 3 connections with whole attempts, 3.7 without.

    Everything that reaches d from the left crosses b-d or c-d, and both requests must. b-d carries at most
    floor(0.9 * 3) = 2, c-d at most floor(0.5 * 2) = 1: no more than 3. Three are reached by one a-b-d
    (2 attempts on a-b for load 1), one a-c-d (1 on a-c, 2 on c-d) and one b-d-e (load 2 on b-d: 3
    attempts, 1 on d-e): b holds 2 + 3 = 5 of 5 qubits and d 3 + 2 + 1 = 6 of 6. Two a-b-d instead would
    need 3 + 3 qubits at b. With fractions the same cut gives 2.7 + 1 = 3.7: a-b-d 1.8, a-c-d 1, b-d-e 0.9.
    """
    toy = load_library("toy")
    p = {"ab": 0.9, "ac": 1.0, "bd": 0.9, "cd": 0.5, "de": 1.0}
    assert [("".join(link.ends), link.probability) for link in toy.links] == list(p.items())

    def fits(copies: tuple[int, ...]) -> bool:
        attempts = {link: ceil(load / p[link] - 1e-9) for link, load in toy_links(copies).items()}
        channels = all(attempts["".join(link.ends)] <= link.channels for link in toy.links)
        held = {n.id: sum(x for link, x in attempts.items() if n.id in link) for n in toy.nodes}
        return channels and all(held[node.id] <= node.memory for node in toy.nodes)

    best = max((copies for copies in toy_plans() if fits(copies)), key=sum)
    assert sum(best) == 3
    assert fits((1, 1, 1, 0))
    assert not fits((2, 1, 0, 0))


def test_toy_linear_optimum_by_hand() -> None:
    """The same with fractions, in columns: copies of four paths, then attempts on five links."""
    toy = load_library("toy")
    ends = ["".join(link.ends) for link in toy.links]
    loads = np.array([list(toy_links(tuple(row)).values()) for row in np.eye(4)]).T
    chances = np.diag([link.probability for link in toy.links])
    held = [[float(node.id in link) for link in ends] for node in toy.nodes]
    rows = np.block([[loads, -chances], [np.zeros((5, 4)), np.array(held)]])
    right = [0.0] * 5 + [float(node.memory) for node in toy.nodes]
    bounds = [(0, None)] * 4 + [(0, link.channels) for link in toy.links]
    result = linprog([-1.0] * 4 + [0.0] * 5, A_ub=rows, b_ub=right, bounds=bounds)
    assert -result.fun == pytest.approx(3.7)


def test_resolve_takes_a_path_a_library_name_or_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = load_library("toy")
    assert resolve("toy") == resolve(Path("toy")) == toy
    assert resolve("line:nodes=3,requests=1,seed=1") == generate("line:nodes=3,requests=1,seed=1")
    other = generate("line:nodes=3,requests=1,seed=2")
    monkeypatch.chdir(tmp_path)
    save(other, "waxman-50-10.json")
    assert resolve("waxman-50-10.json") == resolve(tmp_path / "waxman-50-10.json") == other
    assert resolve("waxman-50-10") == load_library("waxman-50-10")


def test_an_existing_path_wins_over_a_library_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(generate("line:nodes=3,requests=1,seed=2"), "toy")
    with pytest.raises(InstanceError, match=r"toy: the suffix is missing; .*looks like json: .*--from json"):
        resolve("toy")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("waxman-50-1", OptionError, "unknown instance 'waxman-50-1': did you mean 'waxman-50-10'?"),
        ("waxmen:nodes=3,seed=1", OptionError, "unknown generator 'waxmen': did you mean 'waxman'?"),
        ("waxman:nodes=3", OptionError, "waxman needs seed="),
        ("waxman", OptionError, "unknown instance 'waxman': did you mean 'waxman:…'?"),
        ("there/is/none.json", InstanceError, "there/is/none.json is missing; allowed: an existing file."),
        ("none.graphml", InstanceError, "none.graphml is missing; allowed: an existing file."),
        (Path("toi"), OptionError, "unknown instance 'toi': did you mean 'toy'?"),
        (".", InstanceError, ". is a folder; allowed: an existing file."),
    ],
)
def test_resolve_says_what_was_meant(text: str | Path, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        resolve(text)
    assert message in str(caught.value)


def test_importing_the_room_loads_no_solver_and_no_topohub() -> None:
    heavy = {"pyomo", "highspy", "torch", "typer", "topohub", "scipy", "networkx"}
    code = "import sys, instances, json; print(json.dumps(list(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(result.stdout))
    assert "pydantic" in loaded
    assert not heavy & loaded
