"""Writing a picture: SVG or PNG by suffix, whole or not at all, the same bytes each time."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

from instances.errors import OptionError
from instances.files import check_writable, write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FORMATS = {".png": "png", ".svg": "svg"}
PNG_DPI = 200


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

    Parameters
    ----------
    picture : a figure, or axes in one.
    path : ends in ``.svg`` or ``.png`` (200 dots an inch).

    Raises
    ------
    OptionError : another suffix.
    OutputError : the folder is missing or cannot be written.
    """
    form = picture_format(path)
    check_writable([Path(path)])
    figure = picture.figure
    while figure is not figure.figure:  # a subfigure points at the figure around it
        figure = figure.figure
    content = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "milproute", "svg.fonttype": "path"}):
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
