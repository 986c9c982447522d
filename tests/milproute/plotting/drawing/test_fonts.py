"""Names in any script: readable in an SVG, told of in a PNG, and never a warning from inside."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from milproute.instances import resolve, save
from milproute.plotting import plot_network, plot_plan, save_figure
from milproute.plotting.drawing.fonts import UndrawnWarning, _others, better_read, undrawn
from tests.support.pictures import make_instance, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milproute.instances import Instance
    from tests.support.command_line import Command

NOWHERE = "\U0010fffd"  # a private character that no font has
SCRIPTS = {
    "Chinese": ("東京", "大阪"),
    "Arabic": ("القاهرة", "دمشق"),
    "Hebrew": ("חיפה", "עכו"),
    "Devanagari": ("दिल्ली", "आगरा"),
    "emoji": ("🦄 zoo", "👩🏽‍🚀"),
    "none": (f"a{NOWHERE}", f"{NOWHERE}b"),
}


def two_nodes(first: str, second: str) -> Instance:
    places = {first: (0.0, 0.0), second: (30.0, 9.0)}
    return make_instance(places, [(first, second)], [(first, second)])


@pytest.fixture
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no installed font help out."""
    monkeypatch.setattr("milproute.plotting.drawing.fonts._others", lambda missing: ())


def strings(path: Path) -> list[str]:
    """Return the texts of an SVG that are text; it must be well-formed."""
    return [
        "".join(element.itertext())
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("}text")
    ]


@pytest.mark.parametrize("names", SCRIPTS.values(), ids=SCRIPTS.keys())
@pytest.mark.parametrize("draw", [plot_network, lambda i: plot_plan(i, make_plan(i, []))])
@pytest.mark.usefixtures("no_other_fonts")
def test_names_that_our_font_lacks_are_text_in_an_svg(
    tmp_path: Path, draw: Callable[[Instance], Any], names: tuple[str, str]
) -> None:
    ax = draw(two_nodes(*names))  # any warning is an error here
    for name in ("1", "2"):
        save_figure(ax, tmp_path / f"{name}.svg")
    found = strings(tmp_path / "1.svg")
    assert set(names) <= set(found)
    assert any(all(name in text for name in names) for text in found), "the legend"
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert next(t for t in ax.texts if t.get_text() == names[0]).get_path_effects(), "the halo is back"


def test_names_that_our_font_has_are_drawn(tmp_path: Path) -> None:
    ax = plot_network(two_nodes("Łódź", "Αθήνα → Київ"))
    save_figure(ax, tmp_path / "a.svg")
    assert strings(tmp_path / "a.svg") == []
    assert better_read(ax.figure) == [] and undrawn(ax.figure) == ""


@pytest.mark.usefixtures("no_other_fonts")
def test_a_png_says_in_one_sentence_what_it_cannot_show(tmp_path: Path) -> None:
    ax = plot_network(two_nodes("東京", f"京{NOWHERE}"))
    with pytest.warns(UndrawnWarning) as caught:
        save_figure(ax, tmp_path / "a.png")
    assert [str(warning.message) for warning in caught] == [
        f"{tmp_path / 'a.png'}: no installed font has the characters 京 東 {NOWHERE}, so placeholders stand "
        "for them. Install a font that has them (Noto, say), or draw an .svg, which the reader's fonts show."
    ]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_an_installed_font_helps_out_where_the_usual_one_lacks_a_character(tmp_path: Path) -> None:
    script = "\U0001d49c"  # a script capital: in fonts that come with matplotlib, not in DejaVu Sans
    assert _others(frozenset(script))
    assert _others(frozenset(NOWHERE)) == ()
    for ax in (
        plot_network(two_nodes(script, "b")),
        plot_network(two_nodes(script, "b"), Figure().subplots()),
    ):
        assert undrawn(ax.figure) == "" and better_read(ax.figure) == []
        for name in ("a.png", "a.svg"):
            save_figure(ax, tmp_path / name)
    plain = plot_network(two_nodes("a", "b"))
    assert plain.texts[0].get_fontfamily() == Figure().text(0, 0, "a").get_fontfamily()


def test_control_characters_leave_an_svg_well_formed(tmp_path: Path) -> None:
    for names in (("a\x07b", "c\x00"), ("a\x1b東", "\x85")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save_figure(plot_network(two_nodes(*names)), tmp_path / "a.svg")
        strings(tmp_path / "a.svg")


@pytest.mark.parametrize("verb", [("solve",), ("instances", "info")])
def test_the_command_line_prints_no_warning_from_inside(
    milproute: Command, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    document = json.dumps(resolve("toy").document(), ensure_ascii=False)
    name = resolve("toy").nodes[0].id
    mine = type(resolve("toy")).model_validate_json(document.replace(f'"{name}"', f'"{NOWHERE}東"'))
    save(mine, tmp_path / "a.json")
    ran = milproute(*verb, "a.json", "--plot", "a.svg")
    assert (ran.status, ran.err) == (0, "")
    assert f"{NOWHERE}東" in strings(tmp_path / "a.svg")
    ran = milproute(*verb, "a.json", "--plot", "a.png")
    assert ran.status == 0
    assert len(ran.err.splitlines()) == 1 and ran.err.startswith("a.png: no installed font has the char")
    assert "Warning" not in ran.err and ".py" not in ran.err
