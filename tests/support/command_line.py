"""A command of milproute and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout as the one JSON document that it is."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Return stderr as one line: where a message wraps is no matter."""
        return " ".join(self.err.split())


class Command(Protocol):
    """``milproute`` with arguments."""

    def __call__(self, *arguments: object, **options: Any) -> Ran: ...
