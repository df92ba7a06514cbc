"""The style sheets and scripts that come with the package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["asset"]

_FOLDER = Path(__file__).resolve().parent / "static"


def asset(name: str) -> str:
    """The text of one."""
    return (_FOLDER / name).read_text(encoding="utf-8")
