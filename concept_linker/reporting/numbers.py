"""Figures as text and as JSON; NaN stands for a figure that does not exist."""

from __future__ import annotations

from math import isnan

__all__ = ["format_count", "format_figure", "json_figure"]


def json_figure(value: float) -> float | None:
    """Returns a figure rounded to six places, or ``None`` for NaN, which JSON does not have."""
    return None if isnan(value) else round(value, 6)


def format_figure(value: float, form: str = ".3f") -> str:
    """Returns a figure as text, or ``""`` for NaN.

    >>> format_figure(0.5), format_figure(float("nan"))
    ('0.500', '')
    """
    return "" if isnan(value) else format(value, form)


def format_count(number: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> format_count(1, "row"), format_count(1200, "document")
    ('1 row', '1,200 documents')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
