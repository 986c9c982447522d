"""Notes: what a reader or writer did that nobody asked for word by word, said on stderr."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGGER = "milproute"  # without a handler of the caller's own, Python writes warnings to stderr


def tell(subject: str, notes: Iterable[str]) -> None:
    """Say each note about ``subject``, a file or an instance, as a warning of the logger ``milproute``."""
    for note in notes:
        logging.getLogger(LOGGER).warning("note: %s: %s", subject, note)
