"""How numbers of a solve are shown to people: gaps where they say something, and never -0."""

from __future__ import annotations

from milproute.instances.plan import relative_gap

LARGE = 10.0  # a relative gap above it is not worth its digits


def telling_gap(objective: float | None, bound: float | None) -> float | None:
    """Return the relative gap where it says something, else None.

    Any bound is infinitely far from an objective of 0, relatively; `relative_gap` then divides by 1e-9.
    """
    gap = relative_gap(objective, bound)
    if objective is not None and objective != bound and abs(objective) < 1e-9:
        return None
    return gap


def gap_text(objective: float | None, bound: float | None) -> str:
    """Write the relative gap in per cent; a dash where it says nothing."""
    gap = telling_gap(objective, bound)
    if gap is None:
        return "-"
    return f"> {LARGE:.0%}" if gap > LARGE else f"{gap:.2%}"


def number_text(value: float | None) -> str:
    """Write a number with six digits; a dash for none."""
    return "-" if value is None else f"{value:z.6g}"
