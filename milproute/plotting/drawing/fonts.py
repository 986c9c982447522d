"""Fonts: other ones for characters that the usual one lacks, and what no font at hand can draw."""

from __future__ import annotations

import logging
import unicodedata
import warnings
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matplotlib.artist import Artist

PLACEHOLDERS = "Last Resort"  # a font of matplotlib whose glyphs only say that one is missing
INVISIBLE = ("Cc", "Cf", "Cs")  # kinds of characters that need no glyph
# What matplotlib warns of at every measuring and drawing; we say it once, in one sentence.
NOISE = (r"Glyph \d+ .* missing from", r"Matplotlib currently does not support")


class UndrawnWarning(UserWarning):
    """A picture whose text holds characters that no font at hand has."""


@contextmanager
def readable_fonts(words: Iterable[str]) -> Iterator[None]:
    """Let the text that is made in the block use installed fonts for what the usual one lacks.

    Parameters
    ----------
    words : all names that will be written, and perhaps more.
    """
    families = list(mpl.rcParams["font.family"])
    usual = [FontProperties(family=families, weight=weight) for weight in ("normal", "bold")]
    with quiet_glyphs():
        missing = frozenset(c for font in usual for c in _lacking("".join(words), font))
        with mpl.rc_context({"font.family": [*families, *_others(missing)]}):
            yield


@contextmanager
def quiet_glyphs() -> Iterator[None]:
    """Leave out what matplotlib says of missing glyphs, and of fonts that have one weight only."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)


def undrawn(figure: Artist) -> str:
    """Return the characters in a figure, sorted, that the fonts of their texts lack."""
    with quiet_glyphs():
        return "".join(sorted({c for text in _texts(figure) for c in _lacking(text.get_text(), _font(text))}))


def better_read(figure: Artist) -> list[Text]:
    """Return the texts that a reader of SVG draws better than we do.

    Those are texts with characters that our fonts lack, and of scripts whose letters join or run from
    right to left, which not every version of matplotlib knows how to set.
    """
    with quiet_glyphs():
        return [
            text
            for text in _texts(figure)
            if any(map(_is_joined, text.get_text())) or _lacking(text.get_text(), _font(text))
        ]


def width(text: str, narrow: float, wide: float) -> float:
    """Return the width of a text whose characters are ``narrow`` or, as in East Asia, ``wide``."""
    return sum(wide if unicodedata.east_asian_width(c) in "WF" else narrow for c in text)


def _texts(figure: Artist) -> list[Text]:
    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text()]


def _font(text: Text) -> FontProperties:
    return text.get_fontproperties()


def _is_joined(character: str) -> bool:
    kind = unicodedata.bidirectional(character)
    return kind in ("R", "AL") or unicodedata.category(character).startswith("M")


def _lacking(words: str, font: FontProperties) -> set[str]:
    """Return the characters of a text that none of the families of a font has."""
    found = {c for c in words if not c.isspace() and unicodedata.category(c) not in INVISIBLE}
    for family in font.get_family():
        if not found:
            break
        one = font.copy()
        one.set_family([family])
        found = {c for c in found if ord(c) not in _characters(fontManager.findfont(one))}
    return found


@cache
def _characters(file: str) -> frozenset[int]:
    """Return what a font file has glyphs for; nothing for one that cannot be scaled."""
    try:
        font = FT2Font(file)
    except (RuntimeError, OSError):  # a format that matplotlib lists and cannot read
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


@lru_cache(maxsize=64)
def _others(missing: frozenset[str]) -> tuple[str, ...]:
    """Return installed families that have some of the characters, those with the most first."""
    if not missing:
        return ()
    upright = [
        entry
        for entry in fontManager.ttflist
        if entry.style == "normal" and not entry.name.startswith(PLACEHOLDERS)
    ]
    has: dict[str, frozenset[str]] = {}
    for entry in sorted(upright, key=lambda entry: (entry.name, str(entry.weight), entry.fname)):
        own = frozenset(c for c in missing if ord(c) in _characters(entry.fname))
        has[entry.name] = has.get(entry.name, own) & own  # in every weight
    chosen: list[str] = []
    while missing and has:
        best = max(sorted(has), key=lambda name: len(has[name] & missing))
        if not has[best] & missing:
            break
        chosen.append(best)
        missing = missing - has.pop(best)
    return tuple(chosen)
