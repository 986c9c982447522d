"""What all documents have in common: frozen, closed pydantic models and strict scalar types."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from milproute.instances.numbers import number_or_same, whole_or_same

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from milproute.instances.errors import DocumentError

JsonSchema: TypeAlias = dict[str, Any]

Identifier = Annotated[str, Field(strict=True, min_length=1)]
# Numbers as milproute.instances.numbers reads them: text that is a number counts as one, and 4.0 as 4.
AnyNumber = BeforeValidator(number_or_same)
AnyWhole = BeforeValidator(whole_or_same)
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), AnyNumber]
NonNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False), AnyNumber]
UnitInterval = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False), AnyNumber]
LARGEST_COUNT = 2**53  # beyond it a float no longer tells whole numbers apart
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT), AnyWhole]
Flag = Annotated[bool, Field(strict=True)]


class Frozen(BaseModel):
    """A value: immutable, closed to unknown keys, with no NaN and no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, data: Any, file: str, error: type[DocumentError]) -> Self:
        """Validate ``data``; a failure becomes ``error`` with the file, the place and the value."""
        try:
            return cls.model_validate(data)
        except ValidationError as failure:
            raise error(file, *_explain(failure, cls)) from None

    def changed(self, **fields: Any) -> Self:
        """Return a validated copy with some fields replaced; unlike `model_copy` it keeps no cache."""
        return type(self).model_validate(
            {name: getattr(self, name) for name in type(self).model_fields} | fields
        )


def inconsistent(place: str, value: object, allowed: str, remedy: str = "") -> PydanticCustomError:
    """Return the validation error for a value that is wrong only beside the others."""
    context = {"place": place, "value": repr(value), "allowed": allowed, "remedy": remedy}
    return PydanticCustomError("inconsistent", "{place} is {value}; allowed: {allowed}. {remedy}", context)


def absent(place: str, allowed: str, remedy: str = "") -> PydanticCustomError:
    """Return the validation error for a value that may only be missing beside other values than these."""
    context = {"place": place, "value": "missing", "allowed": allowed, "remedy": remedy}
    return PydanticCustomError("inconsistent", "{place} is {value}; allowed: {allowed}. {remedy}", context)


def dotted(location: Iterable[int | str]) -> str:
    """Write a pydantic location as ``links[3].probability``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _explain(failure: ValidationError, model: type[BaseModel]) -> tuple[str, str, str, str]:
    """Turn the most telling error of ``failure`` into (place, value, allowed, remedy).

    An unknown key comes first: misspelt, it also leaves the right key missing.
    """
    errors = failure.errors(include_url=False)
    error = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place, kind = dotted(error["loc"]), error["type"]
    more = len(errors) - 1
    remedy = f"({more} more error{'s' if more > 1 else ''} in this file.)" if more else ""
    if kind == "inconsistent":
        context = error["ctx"]
        return context["place"], context["value"], context["allowed"], context["remedy"]
    if kind == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        near = get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        return place, "an unknown key", ", ".join(known), f"{hint} {remedy}".strip()
    allowed = _describe(*_schema_at(model, error["loc"])) or error["msg"]
    if kind == "missing":
        required = "This key is required." if isinstance(error["loc"][-1], str) else ""
        return place, "missing", allowed, f"{required} {remedy}".strip()
    return place or "the document", _shown(error["input"]), allowed, remedy


def _shown(value: object) -> str:
    """Write a value as its file has it, cut to 80 characters."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """List the keys of the object at ``location`` below ``model``."""
    return list(_schema_at(model, location)[0].get("properties", ()))


def _schema_at(model: type[BaseModel], location: Iterable[int | str]) -> tuple[JsonSchema, JsonSchema]:
    """Return the JSON Schema of the value at ``location`` ({} when unknown) and the whole one."""
    whole = model.model_json_schema()
    here = whole
    for step in location:
        here = next((s for s in _options(here, whole) if s.get("type") != "null"), {})
        if isinstance(step, int):
            each = here.get("prefixItems", ())
            here = each[step] if step < len(each) else here.get("items", {})
        else:
            here = here.get("properties", {}).get(step) or here.get("additionalProperties") or {}
    return next(iter(_options(here, whole))) if "$ref" in here else here, whole


def _options(schema: JsonSchema, whole: JsonSchema) -> list[JsonSchema]:
    """List the alternatives of ``schema``, references resolved."""
    options = schema.get("anyOf", [schema])
    return [whole["$defs"][s["$ref"].rpartition("/")[2]] if "$ref" in s else s for s in options]


def _describe(schema: JsonSchema, whole: JsonSchema) -> str:
    """Say in words what ``schema`` allows; empty when it is unknown."""
    return " or ".join(filter(None, (_describe_one(option) for option in _options(schema, whole))))


def _describe_one(schema: JsonSchema) -> str:
    kind, low, high = schema.get("type"), schema.get("minimum"), schema.get("maximum")
    if "const" in schema or "enum" in schema:
        return ", ".join(repr(value) for value in schema.get("enum", [schema.get("const")]))
    if kind in ("number", "integer"):
        noun = "a whole number" if kind == "integer" else "a finite number" if high is None else "a number"
        if low is None:
            return noun
        if high is None or high == LARGEST_COUNT:
            return f"{noun} of at least {low}" + (f" and at most {high}" if high else "")
        return f"{noun} from {low} to {high}"
    if kind == "string":
        return "a non-empty string" if schema.get("minLength") else "a string"
    if kind == "array":
        least = schema.get("minItems", 0)
        if "prefixItems" in schema:
            return f"a list of exactly {least} values"
        return f"a list with at least {least} of them" if least else "a list"
    if kind == "object":
        keys = ", ".join(schema.get("properties", ()))
        return f"an object with the keys {keys}" if keys else "an object"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "")
