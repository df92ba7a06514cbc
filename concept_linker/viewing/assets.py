"""The style sheets and scripts of this package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["asset"]

_FOLDER = Path(__file__).resolve().parent / "static"


def asset(name: str) -> str:
    """Returns the text of one, by its path in ``static``."""
    return (_FOLDER / name).read_text(encoding="utf-8")
