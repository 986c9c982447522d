"""Physics against published numbers, other simulators' numbers, and identities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances import path_physics, physics
from milproute.instances.errors import OptionError
from milproute.instances.instance import Instance
from milproute.instances.plan import RoutedPath

unit = st.floats(0, 1)
good = st.floats(0.26, 1)


def chain(*links: dict[str, Any], swap_probability: float = 0.9) -> tuple[Instance, list[str]]:
    """Return a chain n0-n1-… with these links and the path along it."""
    ids = [f"n{i}" for i in range(len(links) + 1)]
    defaults = {"length_km": 100.0, "channels": 1, "fidelity": 0.95}
    instance = Instance.model_validate(
        {
            "name": "chain",
            "attenuation_per_km": 2e-4,
            "nodes": [{"id": v, "memory": 4, "swap_probability": swap_probability} for v in ids],
            "links": [
                {"source": u, "target": v} | defaults | link
                for u, v, link in zip(ids[:-1], ids[1:], links, strict=True)
            ],
            "requests": [],
        }
    )
    return instance, ids


@pytest.mark.parametrize(("km", "p"), [(100, 0.980199), (120, 0.976286), (1000, 0.818731)])
def test_exponential_attempt(km: float, p: float) -> None:
    assert physics.link_probability(km, 2e-4) == pytest.approx(p, abs=5e-7)


@pytest.mark.parametrize(("km", "efficiency", "p"), [(20, 0.95 * 0.9, 0.145513), (1, 1.0, 0.477496)])
def test_midpoint_attempt(km: float, efficiency: float, p: float) -> None:
    assert physics.midpoint_probability(km, 0.2, efficiency) == pytest.approx(p, abs=5e-7)


def test_midpoint_attempt_takes_arrays() -> None:
    both = physics.midpoint_probability([20, 1], 0.2, 1.0)
    assert both == pytest.approx([float(physics.midpoint_probability(km, 0.2, 1.0)) for km in (20, 1)])


def test_attenuation_units() -> None:
    assert physics.attenuation_to_db(2e-4) == pytest.approx(8.686e-4, abs=5e-8)
    assert physics.attenuation_from_db(0.2) == pytest.approx(0.0460517, abs=5e-8)
    assert physics.link_probability(50, physics.attenuation_from_db(0.2)) == pytest.approx(0.1)
    assert physics.link_probability(1000, physics.attenuation_from_db(0.2)) == pytest.approx(1e-20)


@given(st.floats(0, 10))
def test_attenuation_units_are_inverse(a: float) -> None:
    assert physics.attenuation_from_db(physics.attenuation_to_db(a)) == pytest.approx(a)


def test_several_attempts() -> None:
    assert physics.mean_pairs(5, 0.145513) == pytest.approx(0.727566, abs=2e-6)
    assert physics.at_least_one(5, 0.145513) == pytest.approx(0.544460, abs=2e-6)


def test_at_least_one_at_the_edges() -> None:
    edges = physics.at_least_one([0, 0, 3, 3, 7], [0.0, 1.0, 0.0, 1.0, 1e-20])
    assert edges == pytest.approx([0, 0, 0, 1, 7e-20], rel=1e-12, abs=0)


@given(st.integers(0, 30), unit)
def test_at_least_one_is_the_complement_of_no_pair(n: int, p: float) -> None:
    assert physics.at_least_one(n, p) == pytest.approx(1 - (1 - p) ** n, abs=1e-12)


def test_path_success_of_three_links() -> None:
    instance, path = chain({"length_km": 100.0}, {"length_km": 120.0}, {"length_km": 80.0})
    assert path_physics.path_success(instance, path) == pytest.approx(0.762829, abs=5e-7)
    assert path_physics.path_log_success(instance, path) == pytest.approx(-0.270721, abs=5e-7)
    assert path_physics.swap_success(instance, path) == pytest.approx(0.81)
    assert path_physics.path_success(instance, path[::-1]) == pytest.approx(
        path_physics.path_success(instance, path)
    )


def test_ends_do_not_swap() -> None:
    instance, path = chain({"probability": 0.5}, swap_probability=0.0)
    assert path_physics.path_success(instance, path) == 0.5
    assert path_physics.swap_success(instance, path) == 1


@pytest.mark.parametrize(("link", "q"), [({"probability": 0.0}, 0.9), ({"probability": 0.5}, 0.0)])
def test_an_impossible_path_has_log_success_minus_infinity(link: dict[str, float], q: float) -> None:
    instance, path = chain(link, link, swap_probability=q)
    assert path_physics.path_success(instance, path) == 0
    assert path_physics.path_log_success(instance, path) == -math.inf


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.floats(0.01, 1))
def test_log_success_is_the_logarithm_of_success(probabilities: list[float], q: float) -> None:
    instance, path = chain(*({"probability": p} for p in probabilities), swap_probability=q)
    log = path_physics.path_log_success(instance, path)
    assert math.exp(log) == pytest.approx(path_physics.path_success(instance, path))


def test_expected_connections_with_and_without_pairs() -> None:
    instance, path = chain({"probability": 0.5}, {"probability": 0.4}, swap_probability=0.9)
    paths = [
        RoutedPath(request="r", nodes=tuple(path), count=3.0),
        RoutedPath(request="r", nodes=tuple(path[:2]), count=2.0),
    ]
    assert path_physics.expected_connections_given_pairs(instance, paths) == pytest.approx(3 * 0.9 + 2)
    attempted = path_physics.expected_connections_from_attempts(instance, paths)
    assert attempted == pytest.approx(3 * 0.5 * 0.4 * 0.9 + 2 * 0.5)


@given(st.floats(-1 / 3, 1))
def test_werner_parameter_and_fidelity_are_inverse(w: float) -> None:
    assert physics.werner_parameter(physics.werner_fidelity(w)) == pytest.approx(w, abs=1e-15)


WEIGHTS = {
    0.50: 1.098612, 0.60: 0.762140, 0.70: 0.510826, 0.80: 0.310155, 0.85: 0.223144,
    0.90: 0.143101, 0.95: 0.068993, 0.97: 0.040822, 0.98: 0.027029, 0.99: 0.013423,
}  # fmt: skip


def test_additive_weights() -> None:
    weights = physics.additive_weight(physics.werner_parameter(list(WEIGHTS)))
    assert weights == pytest.approx(list(WEIGHTS.values()), abs=5e-7)


def test_additive_weight_at_the_edges() -> None:
    assert physics.additive_weight([1.0, 0.0, -0.2]).tolist() == [0.0, math.inf, math.inf]
    assert math.copysign(1, float(physics.additive_weight(1.0))) == 1


@pytest.mark.parametrize(
    "after",
    [
        [0.85, 0.73, 0.634, 0.5572, 0.49576, 0.446608, 0.407286],
        [0.95, 0.903333, 0.859778, 0.819126, 0.781184, 0.745772, 0.712720],
        [0.97, 0.9412, 0.913552, 0.88701, 0.86153, 0.837068, 0.813586],
    ],
)
def test_fidelity_after_ideal_hops(after: list[float]) -> None:
    for hops, fidelity in enumerate(after, start=1):
        instance, path = chain(*[{"fidelity": after[0]}] * hops)
        assert path_physics.path_fidelity(instance, path) == pytest.approx(fidelity, abs=5e-7)


def test_fidelity_of_unequal_links() -> None:
    instance, path = chain({"fidelity": 0.99}, {"fidelity": 0.90}, {"fidelity": 0.95})
    assert path_physics.path_fidelity(instance, path) == pytest.approx(0.8485777778, abs=5e-11)


def test_ideal_swap_equals_the_bell_diagonal_formula() -> None:
    f1, f2 = 0.83, 0.91
    assert physics.chain_fidelity([f1, f2]) == pytest.approx(f1 * f2 + (1 - f1) * (1 - f2) / 3)


def test_noisy_swaps() -> None:
    factor = float(physics.swap_factor(0.98, 0.99))
    assert factor == pytest.approx(0.9539973, abs=5e-8)
    assert physics.additive_weight(factor) == pytest.approx(0.0470944, abs=5e-8)
    instance, path = chain({}, {}, {})
    noisy = path_physics.path_fidelity(instance, path, {"n1": factor, "n2": factor})
    assert noisy == pytest.approx(0.804965409455, abs=5e-13)
    other = physics.chain_fidelity([0.9, 0.8], [physics.swap_factor(0.97, 0.96)])
    assert other == pytest.approx(0.6640339378, abs=5e-11)


@given(unit, unit, st.floats(0.5, 1), unit)
def test_swap_factor_is_what_twirled_bell_diagonal_swaps_collapse_to(
    f1: float, f2: float, m: float, g: float
) -> None:
    ideal = f1 * f2 + (1 - f1) * (1 - f2) / 3
    rest = (1 - ideal) / 3
    full = g * (m**2 * ideal + 2 * m * (1 - m) * rest + (1 - m) ** 2 * rest) + (1 - g) / 4
    assert physics.chain_fidelity([f1, f2], [physics.swap_factor(g, m)]) == pytest.approx(full)


def test_noisy_path_needs_a_factor_for_every_swapping_node() -> None:
    instance, path = chain({}, {}, {})
    with pytest.raises(KeyError, match="n2"):
        path_physics.path_fidelity(instance, path, {"n1": 1.0})


@given(st.lists(good, min_size=1, max_size=5), good)
def test_additive_weights_decide_min_fidelity(fidelities: list[float], least: float) -> None:
    instance, path = chain(*({"fidelity": f} for f in fidelities))
    room = physics.additive_weight(physics.werner_parameter(least)) - np.sum(
        physics.additive_weight(physics.werner_parameter(fidelities))
    )
    if abs(room) > 1e-9:
        assert (path_physics.fidelity_shortfall(instance, path, least) <= 0) == (room > 0)


@pytest.mark.parametrize("least", [None, 0.0, 0.2, 0.25])
def test_min_fidelity_of_a_quarter_restricts_nothing(least: float | None) -> None:
    instance, path = chain({"fidelity": 0.0}, {"fidelity": 0.1})
    assert path_physics.fidelity_shortfall(instance, path, least) == -math.inf


def test_two_useless_links_do_not_make_a_useful_path() -> None:
    instance, path = chain({"fidelity": 0.1}, {"fidelity": 0.1})
    assert path_physics.path_fidelity(instance, path) > 0.27  # (-0.2)^2 is positive
    assert path_physics.fidelity_shortfall(instance, path, 0.27) == pytest.approx(0.17)


def test_hop_limit() -> None:
    assert physics.hop_limit(0.95, 0.8) == 4
    assert physics.hop_limit(0.8, 0.8) == 1
    assert physics.hop_limit(0.79, 0.8) == 0
    assert physics.hop_limit(0.2, 0.8) == 0
    assert physics.hop_limit(0.2, 0.25) is None
    assert physics.hop_limit(1.0, 1.0) is None


@given(st.floats(0.5, 0.999), st.floats(0.3, 0.99))
def test_hop_limit_is_the_last_hop_that_keeps_the_fidelity(fidelity: float, least: float) -> None:
    hops = physics.hop_limit(fidelity, least)
    assert hops is not None
    assert hops == 0 or physics.chain_fidelity([fidelity] * hops) >= least - 1e-9
    assert physics.chain_fidelity([fidelity] * (hops + 1)) < least + 1e-9


def test_decoherence() -> None:
    assert physics.decoherence_factor(1e-3, 10e-3, memories=1) == pytest.approx(0.8751733, abs=5e-8)
    assert physics.decoherence_factor(1e-3, 10e-3) == pytest.approx(0.7659283, abs=5e-8)
    assert physics.decoherence_factor([0.0, 1.0], math.inf).tolist() == [1, 1]


BBPSSW = [
    ([0.7, 0.735294, 0.773171, 0.811938, 0.849472], [0.68, 0.709343, 0.743296, 0.780688]),
    (
        [0.85, 0.884146, 0.913403, 0.937091, 0.955352, 0.968880],
        [0.82, 0.857459, 0.891204, 0.919639, 0.942242],
    ),
    ([0.9, 0.926396, 0.947208, 0.962905, 0.974338], [0.875556, 0.906677, 0.932088, 0.951764]),
]


@pytest.mark.parametrize(("fidelities", "successes"), BBPSSW)
def test_bbpssw_rounds(fidelities: list[float], successes: list[float]) -> None:
    fidelity = np.asarray(fidelities[0])
    for expected, success in zip(fidelities[1:], successes, strict=True):
        fidelity, p = physics.purify_bbpssw(fidelity, fidelity)
        assert fidelity == pytest.approx(expected, abs=5e-7)
        assert p == pytest.approx(success, abs=5e-7)


def test_bbpssw_on_unequal_pairs() -> None:
    fidelity, p = physics.purify_bbpssw(0.9, 0.8)
    assert p == pytest.approx(0.8177778, abs=5e-8)
    assert fidelity == pytest.approx(0.8831522, abs=5e-8)


@pytest.mark.parametrize(("p", "fidelity"), [(0.60, 0.585410), (0.75, 0.780330), (0.90, 0.920820)])
def test_bbpssw_success_fixes_the_fidelity(p: float, fidelity: float) -> None:
    assert physics.purify_bbpssw(fidelity, fidelity)[1] == pytest.approx(p, abs=2e-6)


@given(st.floats(0.501, 0.999))
def test_bbpssw_helps_above_one_half(fidelity: float) -> None:
    assert physics.purify_bbpssw(fidelity, fidelity)[0] > fidelity


def test_dejmps_rounds() -> None:
    state = physics.werner_state(0.85)
    fidelities, successes = [0.884146, 0.971627, 0.996021, 0.999227], [0.82, 0.804581, 0.947832, 0.992826]
    for expected, success in zip(fidelities, successes, strict=True):
        state, p = physics.purify_dejmps(state, state)
        assert state[0] == pytest.approx(expected, abs=5e-7)
        assert p == pytest.approx(success, abs=5e-7)
        assert state.sum() == pytest.approx(1)


@given(unit, unit)
def test_first_dejmps_round_from_werner_is_bbpssw(f1: float, f2: float) -> None:
    state, p = physics.purify_dejmps(physics.werner_state(f1), physics.werner_state(f2))
    fidelity, same = physics.purify_bbpssw(f1, f2)
    assert (state[0], p) == pytest.approx((float(fidelity), float(same)))


def test_dejmps_that_never_succeeds_is_refused() -> None:
    with pytest.raises(OptionError, match="never succeeds"):
        physics.purify_dejmps([1, 0, 0, 0], [0, 0, 1, 0])
