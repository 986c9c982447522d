"""Fitted Q-nets: right targets, raw features, the same bytes every time, and fit for a solver."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from milproute.formulations.action_sets import list_candidates
from milproute.formulations.action_sets.sampling import sample_actions
from milproute.instances import (
    MissingPackageError,
    OptionError,
    QNet,
    QNetError,
    RoutedPath,
    generate,
    load_qnet,
    resolve,
    save_qnet,
)
from milproute.instances.action_set import ActionSet
from milproute.instances.path_physics import expected_connections_from_attempts
from milproute.instances.qnets.features import features
from milproute.instances.qnets.library import (
    load_library_qnet,
    qnet_catalogue_path,
    qnet_library,
    qnet_names,
    resolve_qnet,
)
from milproute.learning import FitOptions, FitResult, fit_qnet, fit_sweep
from milproute.learning.supervised.fit import prune
from milproute.learning.supervised.options import INPUTS
from milproute.learning.supervised.samples import Samples, Scaling, draw_samples
from milproute.maintenance import refit_qnets as maker
from milproute.maintenance.toml_values import with_values

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations.action_sets import Candidates
    from milproute.instances import Instance

torch = pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("safetensors", reason="needs safetensors")

from milproute.learning.supervised.stability import path_bounds  # noqa: E402

SMALL = generate("waxman:nodes=12,requests=3,seed=1,demand=1-2")
QUICK: dict[str, Any] = {"hidden": (8, 8), "samples": 1000, "epochs": 10, "max_hops": 4}


def candidates_of(instance: Instance = SMALL, max_hops: int = 4) -> Candidates:
    return list_candidates(ActionSet(instance, max_hops=max_hops))


def actions(candidates: Candidates, count: int, seed: int) -> list[list[RoutedPath]]:
    requests = candidates.rules.instance.requests
    drawn = sample_actions(candidates, count, np.random.default_rng(seed))
    return [
        [
            RoutedPath(request=requests[candidates.request[p]].id, nodes=candidates.path(p), count=float(n))
            for p, n in zip(drawn[[i]].indices, drawn[[i]].data, strict=True)
        ]
        for i in range(count)
    ]


def r2(net: QNet, instance: Instance, chosen: list[list[RoutedPath]]) -> float:
    """The share of variance that a net explains, by features and physics that know no fit."""
    q = net.forward(np.array([features(instance, net.inputs, paths) for paths in chosen]))
    want = np.array([expected_connections_from_attempts(instance, paths) for paths in chosen])
    return float(1 - ((q - want) ** 2).sum() / ((want - want.mean()) ** 2).sum())


def random_layers(*sizes: int, seed: int = 0) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    pairs = list(zip(sizes[1:], sizes[:-1], strict=True))
    return [rng.normal(size=pair) for pair in pairs], [rng.normal(size=out) for out, _ in pairs]


def first_stable(net: QNet, candidates: Candidates) -> int:
    """Count neurons of the first layer that keep their sign, one request at a time, in numpy."""
    sums = candidates.features(net.inputs) @ net.weights[0].T
    high, low = net.biases[0].copy(), net.biases[0].copy()
    for k in np.unique(candidates.request):
        copies = candidates.rules.copies[k]
        high += copies * np.maximum(sums[candidates.request == k].max(axis=0), 0)
        low += copies * np.minimum(sums[candidates.request == k].min(axis=0), 0)
    return int(((low >= 0) | (high <= 0)).sum())


def test_samples_are_the_features_and_expected_deliveries_of_joint_actions() -> None:
    candidates, inputs = candidates_of(), ("node_memory", *INPUTS)
    drawn = draw_samples(candidates, inputs, 40, np.random.default_rng(7))
    chosen = actions(candidates, 40, 7)
    assert max(len(paths) for paths in chosen) > 2
    for x, y, paths in zip(drawn.features, drawn.deliveries, chosen, strict=True):
        np.testing.assert_allclose(x, features(SMALL, inputs, paths), atol=1e-12)
        assert y == pytest.approx(expected_connections_from_attempts(SMALL, paths), abs=1e-12)


def test_the_folded_net_takes_raw_features_and_gives_what_the_standardised_one_gives() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(3.0, [1.0, 10.0, 0.1, 0.0], size=(50, 4))
    samples = Samples(raw, rng.normal(5.0, 2.0, size=50))
    scaling = Scaling.of(samples, [slice(0, 1), slice(1, 3), slice(3, 4)])
    weights, biases = random_layers(4, 6, 5, 1)
    net = scaling.fold(("link_load",), weights, biases)
    shared = np.sqrt(np.mean(raw.std(axis=0)[1:3] ** 2))
    value = (raw - raw.mean(axis=0)) / np.array([raw.std(axis=0)[0], shared, shared, 1.0])
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        value = (np.maximum(value, 0.0) if i else value) @ weight.T + bias
    want = value[:, 0] * samples.deliveries.std() + samples.deliveries.mean()
    np.testing.assert_allclose(net.forward(raw), want, atol=1e-9)


def test_a_fitted_net_predicts_actions_it_has_not_seen() -> None:
    result = fit_qnet(SMALL, hidden=(16, 16), samples=4000, epochs=25, max_hops=4)
    fresh = r2(result.qnet, SMALL, actions(candidates_of(), 500, 99))
    assert fresh > 0.98
    assert result.validation.r2 == pytest.approx(fresh, abs=0.01)
    assert result.losses[-1] < result.losses[0] / 5
    assert result.paths == len(candidates_of())


def test_the_same_seed_gives_the_same_bytes_whatever_torch_was_doing(tmp_path: Path) -> None:
    written = []
    for run, seed in enumerate((0, 0, 1)):
        torch.manual_seed(run)
        path = tmp_path / f"{run}.safetensors"
        save_qnet(fit_qnet(SMALL, seed=seed, stability=1e-3, l1=1e-4, **QUICK).qnet, path)
        written.append(path.read_bytes())
    assert written[0] == written[1] != written[2]


def test_training_leaves_the_state_of_torch_alone() -> None:
    before, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        torch.set_num_threads(2)
        fit_qnet(SMALL, **QUICK)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(torch.get_rng_state(), state)
    assert float(torch.tensor(1e-40) * 1.0) > 0  # denormals are back


def test_a_larger_l1_weight_leaves_fewer_weights() -> None:
    swept = fit_sweep(SMALL, (0.0, 1e-3, 1e-2), **{**QUICK, "epochs": 30})
    counts = [swept[l1].nonzeros for l1 in (0.0, 1e-3, 1e-2)]
    assert counts == sorted(counts, reverse=True)
    assert counts[2] < counts[0] / 2
    assert all(
        result.nonzeros == sum(np.count_nonzero(w) for w in result.qnet.weights) for result in swept.values()
    )


@pytest.mark.parametrize("state", [(), ("node_memory",)])
def test_the_stability_penalty_fixes_the_sign_of_more_neurons(state: tuple[str, ...]) -> None:
    options = {**QUICK, "samples": 3000, "epochs": 60, "inputs": (*state, *INPUTS)}
    free, held = (fit_qnet(SMALL, stability=weight, **options) for weight in (0.0, 3e-3))
    counts = [first_stable(result.qnet, candidates_of()) for result in (free, held)]
    assert counts[1] >= counts[0] + 3
    assert held.validation.r2 > 0.9


def test_path_bounds_hold_for_every_action_and_are_met_in_the_first_layer() -> None:
    instance = generate("waxman:nodes=12,requests=1,seed=1")
    for problem in (SMALL, instance):
        candidates = candidates_of(problem)
        width = candidates.features(INPUTS).shape[1]
        weights, biases = random_layers(width, 6, 5, 1, seed=3)
        bounds = path_bounds(candidates, INPUTS, np.full(width, 2.0))
        found = bounds.layers(*([torch.tensor(a, dtype=torch.float32) for a in x] for x in (weights, biases)))
        value = draw_samples(candidates, INPUTS, 4000, np.random.default_rng(0)).features / 2.0
        for layer, (low, high) in enumerate(found):
            value = value @ weights[layer].T + biases[layer]
            assert (value >= low.numpy() - 1e-4).all() and (value <= high.numpy() + 1e-4).all()
            if layer == 0 and problem is instance:
                np.testing.assert_allclose(value.min(axis=0), low.numpy(), atol=1e-4)
                np.testing.assert_allclose(value.max(axis=0), high.numpy(), atol=1e-4)
            value = np.maximum(value, 0.0)


def test_the_penalty_is_what_unstable_biases_would_have_to_move() -> None:
    candidates = candidates_of(generate("line:nodes=2,requests=1,seed=1"), 1)
    bounds = path_bounds(candidates, ("request_served",), np.ones(1))
    weights = [torch.tensor([[5.0], [5.0], [5.0], [-5.0]]), torch.ones(1, 4)]
    # Bounds: [-1, 4], [1, 6], [-6, -1], [-2, 3].
    biases = [torch.tensor([-1.0, 1.0, -6.0, 3.0]), torch.zeros(1)]
    assert float(bounds.penalty(weights, biases)) == pytest.approx(1 + 0 + 0 + 2)


def test_tiny_weights_are_pruned_and_useful_ones_kept() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    net = QNet(("link_load",), ([[1.0, 1e-7, -2.0]],), ([0.5],))
    slim, dropped = prune(net, Samples(x, net.forward(x) + rng.normal(size=200)))
    assert dropped == 1 and slim.weights[0].tolist() == [[1.0, 0.0, -2.0]]
    exact = Samples(x * [1, 1e9, 1], net.forward(x * [1, 1e9, 1]))
    assert prune(net, exact) == (net, 0)


def test_a_net_reads_nothing_off_a_state_that_never_changes() -> None:
    options = {**QUICK, "inputs": ("link_probability", "link_load", "request_served"), "epochs": 3}
    net = fit_qnet(SMALL, **options).qnet
    links = len(SMALL.links)
    assert not net.weights[0][:, :links].any()
    assert net.weights[0][:, links:].any()


def test_a_float32_file_keeps_a_fitted_net_exactly(tmp_path: Path) -> None:
    net = fit_qnet(SMALL, **QUICK).qnet
    save_qnet(net, tmp_path / "q.safetensors", np.float32)
    save_qnet(net, tmp_path / "double.safetensors")
    assert load_qnet(tmp_path / "q.safetensors") == net == load_qnet(tmp_path / "double.safetensors")
    sizes = [(tmp_path / name).stat().st_size for name in ("q.safetensors", "double.safetensors")]
    assert sizes[0] < sizes[1]


def test_progress_is_told_after_every_epoch() -> None:
    heard: list[tuple[int, float]] = []
    result = fit_qnet(SMALL, progress=lambda epoch, loss: heard.append((epoch, loss)), **QUICK)
    assert heard == list(enumerate(result.losses, start=1))
    assert len(heard) == QUICK["epochs"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no layer": ({"hidden": ()}, "hidden is ; allowed: widths >= 1"),
    "empty layer": ({"hidden": (4, 0)}, "hidden is 4,0; allowed: widths >= 1"),
    "samples": ({"samples": 9}, "samples is 9; allowed: a whole number >= 10"),
    "epochs": ({"epochs": 0}, "epochs is 0; allowed: a whole number >= 1"),
    "seed": ({"seed": -1}, "seed is -1; allowed: a whole number >= 0"),
    "l1": ({"l1": -1.0}, "l1 is -1.0; allowed: a finite number >= 0"),
    "stability": ({"stability": float("nan")}, "stability is nan; allowed: a finite number >= 0"),
    "rate": ({"learning_rate": 0.0}, "learning_rate is 0.0; allowed: a finite number > 0"),
    "hops": ({"max_hops": 0}, "the hop limit is 0"),
    "block": ({"inputs": ("link_lod",)}, "did you mean 'link_load'"),
    "divergence": ({"learning_rate": 1e30, "samples": 100}, "Lower it."),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_refused_with_value_and_remedy(name: str) -> None:
    changes, message = BAD[name]
    with pytest.raises(OptionError) as caught:
        fit_qnet(SMALL, **{**QUICK, **changes})
    assert message in str(caught.value)


def test_an_instance_without_a_path_is_refused() -> None:
    with pytest.raises(OptionError, match="only the empty action"):
        fit_qnet(generate("line:nodes=4,requests=2,channels=0,seed=1"), **QUICK)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("milproute.instances.optional.import_module", absent)
    with pytest.raises(MissingPackageError, match=r"pip install 'milproute\[learn\]'"):
        fit_qnet(SMALL, **QUICK)


def test_options_and_keywords_say_the_same() -> None:
    options = FitOptions(**QUICK)
    first, second = fit_qnet(SMALL, options), fit_qnet(SMALL, **QUICK)
    assert isinstance(first, FitResult) and first.qnet == second.qnet
    assert fit_qnet(SMALL, options, seed=5).qnet == fit_qnet(SMALL, replace(options, seed=5)).qnet


# --- library ------------------------------------------------------------------------------------------


def test_the_library_has_the_promised_nets() -> None:
    waxman = "20-3-16x16", "50-5-32x32", "50-5-32x32-l0", "50-10-64x64", "100-10-32x32"
    assert {"q-surfnet-5-16x32", *(f"q-waxman-{size}" for size in waxman)} <= set(qnet_names())


@pytest.mark.parametrize("name", qnet_names())
def test_a_library_net_is_as_good_as_its_recipe_says(name: str) -> None:
    recipe = qnet_library()[name]
    net, instance, max_hops = load_library_qnet(name)
    fresh = r2(net, instance, actions(candidates_of(instance, max_hops), 1000, 12345))
    assert recipe.r2 > 0.998
    assert fresh == pytest.approx(recipe.r2, abs=1.5e-3)
    assert all(word in recipe.command for word in (recipe.instance, recipe.file, f"--max-hops {max_hops}"))
    assert "x".join(map(str, net.sizes[1:-1])) in name


def test_the_l1_term_makes_the_library_net_sparser_and_steadier() -> None:
    dense, instance, max_hops = load_library_qnet("q-waxman-50-5-32x32-l0")
    sparse, same, _ = load_library_qnet("q-waxman-50-5-32x32")
    assert instance == same
    counts = [sum(np.count_nonzero(w) for w in net.weights) for net in (dense, sparse)]
    assert counts[1] < counts[0] / 5
    candidates = candidates_of(instance, max_hops)
    assert first_stable(sparse, candidates) > first_stable(dense, candidates) + 10


def test_a_library_net_can_be_fitted_anew_by_its_command(tmp_path: Path) -> None:
    recipe = qnet_library()["q-waxman-20-3-16x16"]
    command = recipe.command.replace("--samples 20000 --epochs 100", "--samples 500 --epochs 2")
    assert command != recipe.command
    values = maker.refit(recipe.model_copy(update={"command": command}), tmp_path)
    assert values["fingerprint"] == recipe.fingerprint
    assert float(values["r2"]) < recipe.r2
    net = load_qnet(tmp_path / recipe.file)
    instance = load_library_qnet("q-waxman-20-3-16x16")[1]
    assert net == fit_qnet(instance, hidden=(16, 16), l1=1e-4, samples=500, epochs=2).qnet


def test_refreshing_the_catalogue_changes_the_values_of_one_net_only() -> None:
    text = qnet_catalogue_path().read_text(encoding="utf-8")
    name = "q-waxman-50-5-32x32"
    new = with_values(text, {f"qnets.{name}": {"r2": 0.5, "rmse": 0.25}})
    assert [line for line in new.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
    before, after = (tomllib.loads(t)["qnets"] for t in (text, new))
    assert after.pop(name) == {**before.pop(name), "r2": 0.5, "rmse": 0.25}
    assert after == before


def test_a_name_or_a_path_finds_a_net(tmp_path: Path) -> None:
    net = load_library_qnet("q-waxman-20-3-16x16")[0]
    assert resolve_qnet("q-waxman-20-3-16x16") == net
    path = tmp_path / "mine.safetensors"
    save_qnet(net, path)
    assert resolve_qnet(path) == resolve_qnet(str(path)) == net
    with pytest.raises(OptionError, match="did you mean 'q-waxman-20-3-16x16'"):
        resolve_qnet("q-waxman-20-3-16x61")
    with pytest.raises(OptionError, match="unknown library Q-net 'toy'"):
        load_library_qnet("toy")
    for missing in ("nets/q.safetensors", "q.safetensors"):
        with pytest.raises(QNetError, match="is missing; allowed: an existing file"):
            resolve_qnet(missing)


def test_a_net_is_refused_for_another_instance_than_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("milproute.instances.qnets.library")
    monkeypatch.setattr(module, "resolve", lambda _: resolve("waxman:nodes=20,requests=3,seed=2"))
    with pytest.raises(Exception, match=r"fingerprint is made for the instance .* constraints\.txt"):
        load_library_qnet("q-waxman-20-3-16x16")
