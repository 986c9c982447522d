"""Torch: what converts computes the same, what cannot is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from milproute.instances import QNetError
from milproute.instances.qnets.torch import qnet_from_torch, qnet_to_torch

BATCH = np.random.default_rng(4).normal(size=(5, 3))


def modules(torch: Any, shape: str) -> Any:
    nn = torch.nn
    torch.manual_seed(0)
    return {
        "usual": lambda: nn.Sequential(
            nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)
        ),
        "some without bias": lambda: nn.Sequential(
            nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1, bias=False)
        ),
        "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), nn.Linear(5, 1)),
        "affine layers in a row": lambda: nn.Sequential(
            nn.Linear(3, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)
        ),
        "double": lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)).double(),
        "linear": lambda: nn.Sequential(nn.Linear(3, 1)),
        "one ReLU twice": lambda: (
            relu := nn.ReLU(),
            nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)),
        )[1],
        "a ReLU first": lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 1)),
        "a ReLU last": lambda: nn.Sequential(nn.Linear(3, 1), nn.ReLU()),
        "normalised": lambda: trained(
            torch,
            nn.Sequential(
                *(nn.Flatten(), nn.BatchNorm1d(3, affine=False), nn.Linear(3, 5), nn.BatchNorm1d(5)),
                *(nn.ReLU(), nn.Dropout(), nn.Identity(), nn.Linear(5, 1)),
            ),
        ),
    }[shape]()


def trained(torch: Any, module: Any) -> Any:
    """Give every normalisation statistics and factors of its own."""
    with torch.no_grad():
        module(3 * torch.randn(64, 3) + 1)
        for parameter in module.parameters():
            parameter.add_(torch.rand_like(parameter))
    return module.eval()


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ("usual", 3),
        ("some without bias", 3),
        ("nested", 2),
        ("affine layers in a row", 2),
        ("double", 2),
        ("linear", 1),
        ("one ReLU twice", 3),
        ("a ReLU first", 2),
        ("a ReLU last", 2),
        ("normalised", 2),
    ],
)
def test_a_sequential_is_the_network_that_torch_runs(shape: str, layers: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    module = modules(torch, shape)
    qnet = qnet_from_torch(module, ["link_load"])
    assert len(qnet.weights) == layers
    with torch.no_grad():
        expected = module.double()(torch.tensor(BATCH))[:, 0].numpy()
        np.testing.assert_allclose(qnet.forward(BATCH), expected, atol=1e-12)
        np.testing.assert_allclose(
            qnet_to_torch(qnet)(torch.tensor(BATCH))[:, 0].numpy(), expected, atol=1e-12
        )


def test_training_on_changes_no_net_read_before() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    module = modules(torch, "double")
    qnet = qnet_from_torch(module, ["link_load"])
    before = qnet.forward(BATCH)
    with torch.no_grad():
        module[0].weight.mul_(2.0)
    np.testing.assert_array_equal(qnet.forward(BATCH), before)
    assert qnet_from_torch(module, ["link_load"]) != qnet


def test_a_module_that_is_no_relu_network_is_refused_by_place_and_name() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    nn = torch.nn

    class Linear(nn.Linear):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, x: Any) -> Any:
            return super().forward(x) ** 2

    first, last = nn.Linear(3, 4), nn.Linear(4, 1)
    allowed = "allowed: Linear, ReLU, BatchNorm1d, Dropout, Identity, Flatten and nn.Sequential of these"
    training = "in training mode; allowed: evaluation mode. Call .eval() on the network first."
    plain = nn.BatchNorm1d(4, track_running_stats=False)
    cases = {
        f"module 1 is Tanh; {allowed}": nn.Sequential(first, nn.Tanh(), last),
        f"module 1 is LeakyReLU; {allowed}": nn.Sequential(first, nn.LeakyReLU(), last),
        f"module 1.0 is Dropout {training}": nn.Sequential(first, nn.Sequential(nn.Dropout()), last),
        f"module 1 is BatchNorm1d {training}": nn.Sequential(first, nn.BatchNorm1d(4), last),
        "module 1 is BatchNorm1d without running statistics; allowed: track": nn.Sequential(
            first, plain, last
        ).eval(),
        "module 1 is BatchNorm1d of 5 inputs; allowed: 4 inputs": nn.Sequential(
            first, nn.BatchNorm1d(5), last
        ).eval(),
        "module 1 is Flatten from axis 0 to -1; allowed: from axis 1 to -1": nn.Sequential(
            first, nn.Flatten(0), last
        ),
        f"module 1 is Linear; {allowed}": nn.Sequential(first, Linear(4, 1)),
        "module 1 is Linear of 3 inputs; allowed: 4 inputs": nn.Sequential(first, first),
        "layers.0.weight is 4 outputs wide; allowed: output size 1": nn.Sequential(first),
        "the last module is a network without layers": nn.Sequential(),
        "the torch module is a Linear; allowed: a torch.nn.Sequential": first,
        "is a OrderedDict; allowed: a torch.nn.Sequential. Load a state into": first.state_dict(),
    }
    for message, module in cases.items():
        with pytest.raises(QNetError) as raised:
            qnet_from_torch(module, ["link_load"])
        assert message in str(raised.value)
