"""Random chains of ONNX operators, and what torch exports, are the networks that onnxruntime runs."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings

from milproute.instances.qnets.onnx import qnet_from_onnx
from tests.support.onnx_cases import onnx, run, write
from tests.support.onnx_graphs import (
    Graph,
    graphs,
)

if TYPE_CHECKING:
    from pathlib import Path


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_random_chains_are_the_networks_that_onnxruntime_runs(
    tmp_path_factory: pytest.TempPathFactory, g: Graph
) -> None:
    path = tmp_path_factory.mktemp("graph") / "q.onnx"
    write(path, g.nodes, ("n", 4), kind=g.kind, version=g.version, **g.constants)
    x = g.rng.integers(-6, 7, (7, 4)) / 2
    expected = run(path, x, g.kind)
    scale = max(1.0, np.abs(expected).max())
    got = qnet_from_onnx(path, "link_load").forward(x)
    near = 1e-9 if g.kind is np.float64 else 1e-4
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=near)


# --- exported by torch --------------------------------------------------------------------------------


def exported(torch: Any) -> dict[str, Any]:
    nn = torch.nn

    class Dueling(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.norm = nn.Linear(4, 6), nn.BatchNorm1d(6)
            self.value = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 1))
            self.advantage = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
            self.last = nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            x = ((x - 0.5) / 2.0).view(x.size(0), -1)
            h = torch.clamp(self.norm(self.body(x)), min=0)
            a = self.advantage(h)
            q = self.value(h) + a - a.mean(dim=1, keepdim=True)
            return self.last(torch.relu(q)).squeeze(-1)

    class Blocks(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Linear(3, 4), nn.Linear(1, 2), nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            parts = (self.left(x[:, :3]).relu(), torch.maximum(self.right(x[:, 3:]), torch.zeros(2)))
            return self.last(torch.cat(parts, dim=1))

    plain = nn.Sequential(
        nn.Flatten(),
        nn.Linear(4, 6),
        nn.Dropout(),
        nn.ReLU(),
        nn.Linear(6, 6, bias=False),
        nn.ReLU(),
        nn.Linear(6, 1),
    )
    return {"dueling": Dueling(), "blocks": Blocks(), "plain": plain, "single": plain}


@pytest.mark.parametrize("version", [11, 13, 17])
@pytest.mark.parametrize("name", ["dueling", "blocks", "plain"])
def test_what_torch_exports_is_the_network_that_torch_runs(tmp_path: Path, name: str, version: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    torch.manual_seed(1)
    module = exported(torch)[name]
    x = torch.randn(64, 4)
    module(3 * x + 1)  # which gives the normalisation statistics to forget
    module.eval()
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        axes = {"x": {0: "n"}}
        torch.onnx.export(
            module,
            (x[:2],),
            content,
            dynamo=False,
            opset_version=version,
            input_names=["x"],
            dynamic_axes=axes,
        )
    path = tmp_path / "q.onnx"
    path.write_bytes(content.getvalue())
    assert onnx.load(path).graph.node
    with torch.no_grad():
        expected = module.double()(x.double()).numpy().reshape(-1)
    qnet = qnet_from_onnx(path, "link_load")
    np.testing.assert_allclose(qnet.forward(x.numpy()), expected, atol=1e-5)
    np.testing.assert_allclose(qnet.forward(x.numpy()), run(path, x.numpy()), atol=1e-4)
