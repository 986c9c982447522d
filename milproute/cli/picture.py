"""Pictures of verbs: written to a file, with a sentence on what could not be drawn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from milproute.cli.console import err

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save_picture(picture: Axes, path: Path) -> None:
    """Write a picture; say on stderr which characters no font at hand has."""
    from milproute.plotting import save_figure
    from milproute.plotting.drawing.fonts import UndrawnWarning
    from milproute.plotting.save import undrawn_sentence

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndrawnWarning)
        save_figure(picture, path)
    if missing := undrawn_sentence(picture, path):
        err().print(missing, markup=False, soft_wrap=True)
