"""What the commands that read gold corpora share: what becomes of bad rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import counted, note

if TYPE_CHECKING:
    from concept_linker.quarantine import Quarantine

__all__ = ["SkipBadFlag", "quarantine_for", "tell_bad"]

SkipBadFlag = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Set bad mentions, lines and documents of corpora aside, do not stop at the first.",
    ),
]


def quarantine_for(output: Path, *, skip_bad: bool) -> tuple[Quarantine, Path]:
    """What takes bad rows, and the file that they go to.

    Args:
        output: what is written; the file stands beside it.
        skip_bad: go on, else the first bad row stops.
    """
    from concept_linker.quarantine import Quarantine

    path = output.with_name(f"{output.name}.quarantine.jsonl")
    if not skip_bad:
        return Quarantine(advice="--skip-bad sets such rows aside and goes on"), path
    path.unlink(missing_ok=True)
    return Quarantine(path), path


def tell_bad(quarantine: Quarantine, path: Path) -> None:
    """Says how many rows were bad, and ends with status 1 if any was."""
    if quarantine.count:
        note(f"{counted(quarantine.count, 'bad row')} set aside in {path}")
        raise typer.Exit(1)
