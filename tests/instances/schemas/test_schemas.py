"""The shipped JSON Schemas: current, valid, and as strict as the loader."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import milproute.instances.schemas
from milproute.instances.instance import Instance
from milproute.instances.schemas import SCHEMAS, json_schema, schema_text

INSTANCE: dict[str, Any] = {
    "format": "milproute.instance/1",
    "name": "toy",
    "metadata": {"generator": "by hand", "seed": 1, "source": None, "licence": None},
    "attenuation_per_km": 0.0002,
    "nodes": [
        {"id": "a", "memory": 12, "swap_probability": 0.9, "position_km": [0.0, 0.5]},
        {"id": "b", "memory": 10, "swap_probability": 0.8, "position_km": None},
    ],
    "links": [
        {
            "source": "a",
            "target": "b",
            "length_km": 120.0,
            "channels": 5,
            "probability": None,
            "fidelity": 0.98,
            "entangled_pairs": 3,
        }
    ],
    "requests": [{"id": "r0", "source": "a", "target": "b", "demand": 2, "min_fidelity": None}],
}
PLAN: dict[str, Any] = {
    "format": "milproute.plan/1",
    "instance": "toy",
    "formulation": "reps",
    "variant": "by-source",
    "solver": "highs",
    "solver_version": "1.15.1",
    "status": "optimal",
    "objective": 1.0,
    "bound": 1.0,
    "gap": 0.0,
    "seconds": {"solve": 0.25},
    "relaxed": False,
    "flows": "integer",
    "size": {"rows": 10, "columns": 20, "nonzeros": 40, "integers": 8},
    "attempts": [{"source": "a", "target": "b", "channels": 3.0}],
    "paths": [{"request": "r0", "nodes": ["a", "b"], "count": 1.0}],
    "connections": {"r0": 1.0},
    "entangled_pairs": [{"source": "a", "target": "b", "pairs": 2}],
    "delivered": {"r0": 1},
    "verified": True,
    "violations": [{"rule": "load", "place": "links[0] (a-b)", "amount": 0.5, "message": "too much"}],
}
SAMPLES = {"instance.json": INSTANCE, "plan.json": PLAN}


@pytest.mark.parametrize("file", list(SCHEMAS))
def test_shipped_schemas_are_what_the_models_say(file: str) -> None:
    shipped = Path(milproute.instances.schemas.__file__).with_name(file).read_text(encoding="utf-8")
    assert shipped == schema_text(file), "run python -m milproute.maintenance.schemas"


@pytest.mark.parametrize("file", list(SCHEMAS))
def test_schemas_accept_what_the_models_write_and_refuse_more(file: str) -> None:
    schema, sample = json_schema(SCHEMAS[file]), SAMPLES[file]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(SCHEMAS[file].model_validate(sample).document())
    assert not validator.is_valid({**sample, "extra": 1})
    for key in schema["required"]:
        assert not validator.is_valid({k: v for k, v in sample.items() if k != key})
    assert "format" in schema["required"]


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("links", "probability", 1.5),
        ("links", "channels", 2.5),
        ("links", "fidelity", "good"),
        ("nodes", "memory", -1),
        ("nodes", "memory", True),
        ("nodes", "memory", 10**18),
        ("links", "channels", 2**53 + 1),
        ("links", "entangled_pairs", 2**53 + 1),
        ("requests", "demand", 2**53 + 1),
        ("nodes", "position_km", [1.0]),
        ("requests", "id", ""),
        ("requests", "priority", 1),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(part: str, field: str, value: object) -> None:
    data = copy.deepcopy(INSTANCE)
    data[part][0][field] = value
    assert not jsonschema.Draft202012Validator(json_schema(Instance)).is_valid(data)
    with pytest.raises(ValueError, match=field):
        Instance.model_validate(data)


@pytest.mark.parametrize("probability", [None, 0.5])
@pytest.mark.parametrize("attenuation", [None, 0.0002])
@pytest.mark.parametrize("drop", [True, False])
def test_schema_and_loader_agree_on_when_the_attenuation_is_needed(
    probability: float | None, attenuation: float | None, drop: bool
) -> None:
    data = copy.deepcopy(INSTANCE)
    data["links"][0]["probability"], data["attenuation_per_km"] = probability, attenuation
    if drop:
        data = {key: value for key, value in data.items() if value is not None}
        data["links"] = [{k: v for k, v in link.items() if v is not None} for link in data["links"]]
    valid = jsonschema.Draft202012Validator(json_schema(Instance)).is_valid(data)
    assert valid == (probability is not None or attenuation is not None)
    if valid:
        Instance.model_validate(data)
    else:
        with pytest.raises(ValueError, match="attenuation_per_km is missing"):
            Instance.model_validate(data)
