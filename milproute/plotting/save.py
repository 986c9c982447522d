"""Writing a picture: SVG or PNG by suffix, whole or not at all, the same bytes each time."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

from milproute.instances.errors import OptionError
from milproute.instances.files import check_writable, write_bytes
from milproute.plotting.drawing.fonts import UndrawnWarning, better_read, quiet_glyphs, undrawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.text import Text

FORMATS = {".png": "png", ".svg": "svg"}
PNG_DPI = 200
SHOWN = 20  # characters in the sentence on those that cannot be drawn


def picture_format(path: Path | str) -> str:
    """Return ``png`` or ``svg``, as the suffix of ``path`` says.

    Raises
    ------
    OptionError : another suffix, or none; names what is allowed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise OptionError(
            f"{path}: a picture cannot end in {suffix!r}; allowed: {allowed}. Change the suffix."
        )
    return FORMATS[suffix]


def save_figure(picture: Axes | Figure | SubFigure, path: Path | str) -> None:
    """Write the figure of ``picture`` to ``path``; the same figure gives the same bytes.

    Text is drawn. Where our fonts lack characters of an SVG, its text is written as text instead, for the
    reader's fonts; in a PNG placeholders stand for them.

    Parameters
    ----------
    picture : a figure, or axes in one.
    path : ends in ``.svg`` or ``.png`` (200 dots an inch).

    Raises
    ------
    OptionError : another suffix.
    OutputError : the folder is missing or cannot be written.

    Warns
    -----
    UndrawnWarning : a PNG whose text holds characters that no font at hand has.
    """
    form = picture_format(path)
    check_writable([Path(path)])
    figure = whole_figure(picture)
    if missing := undrawn_sentence(figure, path):
        warnings.warn(missing, UndrawnWarning, stacklevel=2)
    content = BytesIO()
    with _written_as_text(better_read(figure) if form == "svg" else []), quiet_glyphs():
        figure.savefig(
            content,
            format=form,
            dpi=PNG_DPI,
            bbox_inches="tight",
            pad_inches=0.12,
            facecolor="white",
            metadata={"Date": None} if form == "svg" else None,
        )
    write_bytes(Path(path), content.getvalue())


def whole_figure(picture: Axes | Figure | SubFigure) -> Figure:
    """Return the figure that a picture is in."""
    figure = picture.figure
    while figure is not figure.figure:  # a subfigure points at the figure around it
        figure = figure.figure
    return figure


def undrawn_sentence(picture: Axes | Figure | SubFigure, path: Path | str) -> str:
    """Return a sentence on what a PNG cannot show; empty where it shows all, and for an SVG."""
    missing = undrawn(whole_figure(picture)) if picture_format(path) == "png" else ""
    if not missing:
        return ""
    shown = " ".join(missing[:SHOWN]) + (f" … ({len(missing)} in all)" if len(missing) > SHOWN else "")
    return (
        f"{path}: no installed font has the characters {shown}, so placeholders stand for them. "
        "Install a font that has them (Noto, say), or draw an .svg, which the reader's fonts show."
    )


@contextmanager
def _written_as_text(texts: list[Text]) -> Iterator[None]:
    """Write the text of an SVG as text if some has to be; the halo of that would make it a drawing."""
    halos = [text.get_path_effects() for text in texts]
    for text in texts:
        text.set_path_effects([])
    try:
        with mpl.rc_context({"svg.hashsalt": "milproute", "svg.fonttype": "none" if texts else "path"}):
            yield
    finally:
        for text, halo in zip(texts, halos, strict=True):
            text.set_path_effects(halo)
