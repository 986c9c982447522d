"""A small instance as a document, and files that hold documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Edit = Callable[[dict[str, Any]], object]


TOY: dict[str, Any] = {
    "format": "milproute.instance/1",
    "name": "toy",
    "metadata": {"generator": "by hand", "seed": 1, "source": None, "licence": None},
    "attenuation_per_km": 0.0002,
    "nodes": [
        {"id": "a", "memory": 12, "swap_probability": 0.9, "position_km": [0.0, 0.5]},
        {"id": "b", "memory": 10, "swap_probability": 0.8, "position_km": None},
        {"id": "ç", "memory": 0, "swap_probability": 1.0, "position_km": [3.0, 4.0]},
    ],
    "links": [
        {
            "source": "a",
            "target": "b",
            "length_km": 120.0,
            "channels": 5,
            "probability": None,
            "fidelity": 0.98,
            "entangled_pairs": None,
        },
        {
            "source": "ç",
            "target": "b",
            "length_km": 80.0,
            "channels": 3,
            "probability": 0.25,
            "fidelity": 0.9,
            "entangled_pairs": 2,
        },
    ],
    "requests": [{"id": "r0", "source": "a", "target": "ç", "demand": 2, "min_fidelity": 0.8}],
}


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.json"
    path.write_text(text, encoding="utf-8")
    return path
