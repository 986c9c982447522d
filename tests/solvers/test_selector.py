"""Selectors: a name and native options, or a message that says what is allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import OptionError
from milproute.solvers.selector import parse_selector


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("highs", "highs", {}),
        (" highs ", "highs", {}),
        ("highs[]", "highs", {}),
        ("highs[presolve=off]", "highs", {"presolve": "off"}),
        ("highs[ a = 1 , b = 2.5 ]", "highs", {"a": 1, "b": 2.5}),
        ("scip[limits/gap=0]", "scip", {"limits/gap": 0}),
        ("highs[a=1e-3,b=true,c=False,d=-2]", "highs", {"a": 1e-3, "b": True, "c": False, "d": -2}),
        ("highs[expression=x=y]", "highs", {"expression": "x=y"}),
        ("highs[a=1,]", "highs", {"a": 1}),
        ("highs[a=1,a=2]", "highs", {"a": 2}),
    ],
)
def test_a_selector_is_a_name_and_typed_options(text: str, name: str, options: dict[str, object]) -> None:
    found, native = parse_selector(text)
    assert (found, native) == (name, options)
    assert [type(value) for value in native.values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize(
    "text", ["", " ", "[a=1]", "highs[", "highs]", "highs[a=1", "highs[a=1]x", "highs[[a=1]]"]
)
def test_what_is_no_selector_is_refused_with_the_text_and_the_form(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_selector(text)
    assert repr(text) in str(caught.value)
    assert "allowed: NAME or NAME[option=value,option=value]" in str(caught.value)


@pytest.mark.parametrize("item", ["presolve", "presolve=", "=off"])
def test_an_option_without_name_or_value_is_refused(item: str) -> None:
    with pytest.raises(OptionError, match=rf"'{item}' in solver 'highs\[{item}\]' is no option; allowed"):
        parse_selector(f"highs[{item}]")


words = st.text(st.characters(categories=("L", "N"), include_characters="_/."), min_size=1)


@given(words, st.dictionaries(words, st.booleans() | st.integers() | st.floats(allow_nan=False), max_size=4))
def test_what_is_written_is_read_back(name: str, options: dict[str, bool | int | float]) -> None:
    text = f"{name}[{','.join(f'{key}={value}' for key, value in options.items())}]"
    assert parse_selector(text) == (name, options)
