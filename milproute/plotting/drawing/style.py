"""Colours, line styles, sizes (points) and the wording of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from unicodedata import category

from matplotlib.colors import to_hex, to_rgb

if TYPE_CHECKING:
    from matplotlib.typing import ColorType, LineStyleType

INK = "#22262b"
SOFT = "#6a7078"
ALARM = "#b00020"
LINK = "#b4b9c0"
NODE_FACE = "#ffffff"
NODE_EDGE = "#4a4f56"

TITLE_SIZE = 11.0
TEXT_SIZE = 8.0
LABEL_SIZE = 7.5
BADGE_SIZE = 6.4  # diameter of the mark of a request's end
SOURCE_MARK = "o"
TARGET_MARK = "s"

# Okabe and Ito (2008) without black and yellow, then dark and muted hues of Tol (2021): safe for
# colour-blind readers, and each dark enough on white.
PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#882255",
    "#332288",
    "#999933",
    "#7a4b2a",
)
DASHES: tuple[LineStyleType, ...] = ("-", (0, (4.0, 1.2)), (0, (1.4, 1.0)), (0, (5.0, 1.2, 1.4, 1.2)))
SHADES = (0.0, -0.28, 0.26, -0.45, 0.42)  # towards black (below 0) or white

# Share of the channels in use: upper end of the bin (of the share), colour, wording.
USE_BINS = (
    (0.0, "#e4e6ea", "unused"),
    (0.25, "#c6cad0", "≤ 25 %"),
    (0.5, "#a5aab2", "≤ 50 %"),
    (0.75, "#7f858e", "≤ 75 %"),
    (1.0, "#555b64", "≤ 100 %"),
)
OVERUSE = (float("inf"), "#e08e9b", "over 100 %")


UNWRITABLE = ("Cc", "Cs")  # control characters and half pairs, which no SVG may hold


class RequestStyle(NamedTuple):
    """Colour and line style of one request; no two of the first 200 requests share both."""

    color: str
    linestyle: LineStyleType


def request_style(index: int) -> RequestStyle:
    """Return the style of the request at ``index``: ten hues, then other dashes and shades."""
    cycle, hue = divmod(index, len(PALETTE))
    shade = SHADES[cycle % len(SHADES)]
    return RequestStyle(blend(PALETTE[hue], shade), DASHES[cycle % len(DASHES)])


def blend(color: ColorType, shade: float) -> str:
    """Mix ``color`` with white (``shade`` > 0) or black (``shade`` < 0), by |shade|."""
    towards = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + (towards - part) * abs(shade) for part in to_rgb(color))
    return to_hex((red, green, blue))


def use_bin(share: float) -> tuple[float, str, str]:
    """Return the bin of ``share``; rounding errors of a solver change no bin."""
    return next((entry for entry in USE_BINS if share <= entry[0] + 1e-6), OVERUSE)


def number(value: float) -> str:
    """Write a value of a plan: whole numbers without decimals, others with four digits."""
    nearest = round(value)
    if abs(value - nearest) <= 1e-6 * max(1.0, abs(value)) and abs(value) < 1e9:
        return str(nearest)
    return f"{value:z.4g}"


def shorten(name: str, most: int = 16) -> str:
    """Return ``name`` on one line and at most ``most`` characters long."""
    line = " ".join(name.split()) or repr(name)
    line = "".join("\N{REPLACEMENT CHARACTER}" if category(c) in UNWRITABLE else c for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"
