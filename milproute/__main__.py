"""``python -m milproute``: the command line."""

from __future__ import annotations

from milproute.cli import main

if __name__ == "__main__":
    main()
