"""What commands do with bad rows of their input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import counted, note

if TYPE_CHECKING:
    from concept_linker.quarantine import Quarantine

__all__ = ["SkipBadFlag", "open_quarantine", "report_bad_rows"]

SkipBadFlag = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Continue after bad rows and write them to a .quarantine.jsonl file, instead of "
        "stopping at the first.",
    ),
]


def open_quarantine(output: Path, *, skip_bad: bool) -> tuple[Quarantine, Path]:
    """Returns the quarantine for bad rows, and its file next to the output.

    Args:
        output: the file or folder that the command writes.
        skip_bad: continue after bad rows; otherwise the first one raises.
    """
    from concept_linker.quarantine import Quarantine

    path = output.with_name(f"{output.name}.quarantine.jsonl")
    if not skip_bad:
        return Quarantine(advice="--skip-bad sets bad rows aside and continues"), path
    path.unlink(missing_ok=True)
    return Quarantine(path), path


def report_bad_rows(count: int, path: Path | None) -> None:
    """Prints how many rows were set aside, and exits with status 1, if there are any."""
    if count:
        note(f"{counted(count, 'bad row')} set aside in {path}")
        raise typer.Exit(1)
