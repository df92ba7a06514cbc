"""``concept-linker link``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from concept_linker.annotation import Annotation, Candidate
from concept_linker.cli.console import (
    console,
    counted,
    note,
    print_json,
    print_table,
    printable,
)
from concept_linker.cli.linking import linker_options
from concept_linker.cli.options import QuietFlag
from concept_linker.errors import InputError

__all__ = ["link"]

_TITLES = ("place", "mention", "probability", "id", "name", "semantic type", "similarity", "score")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def link(
    context: typer.Context,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="A caption in quotes; '-' reads captions from standard input, one per line.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per caption, with all candidates.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Find the concepts in a caption.

    Examples:

        concept-linker link "CT shows a pleural effusion."
        concept-linker link "CT shows a pleural effusion." --json
        concept-linker link - --json < captions.txt > linked.jsonl
    """
    from concept_linker.linker import ConceptLinker

    linker = ConceptLinker.load(**linker_options(context), quiet=quiet)
    lines = _Lines()
    texts = iter(lines) if text == "-" else iter([text])
    # One at a time, so that `tail -f captions.txt | concept-linker link -` answers at once.
    for annotation in linker.link_many(texts, batch_size=1):
        if as_json:
            print_json(annotation.to_dict())
        else:
            _print_table(annotation)
    if lines.bad:
        note(f"{counted(lines.bad, 'line')} not in UTF-8: unreadable bytes were replaced by U+FFFD")
        raise typer.Exit(1)


class _Lines:
    """Lines of standard input without their ends; bytes that are not UTF-8 become U+FFFD."""

    def __init__(self) -> None:
        self.bad = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(sys.stdin.buffer):
            if number == 0 and line.startswith(_UTF_16):
                raise InputError(
                    "standard input is UTF-16, expected UTF-8: use `iconv -f UTF-16 -t UTF-8`"
                )
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self.bad += 1
                text = line.decode("utf-8", errors="replace")
            text = text.rstrip("\r\n")
            yield text.removeprefix("\ufeff") if number == 0 else text


def _print_table(annotation: Annotation) -> None:
    out = console()
    out.print(printable(annotation.text), soft_wrap=True)
    if not annotation.mentions:
        out.print("no concepts found\n")
        return
    rows = [
        (
            f"{mention.start}-{mention.end}",
            mention.text,
            f"{mention.probability:.3f}",
            *_cells(mention.best),
        )
        for mention in annotation
    ]
    print_table(out, _TITLES, rows, left=_TITLES[:5], wrap=("mention", "name", "semantic type"))
    out.print()


def _cells(best: Candidate | None) -> tuple[str, str, str, str, str]:
    if best is None:
        return "-", "", "", "", ""
    from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES

    types = (
        SEMANTIC_TYPES[type_].name if type_ in SEMANTIC_TYPES else type_
        for type_ in best.semantic_types
    )
    return (
        best.concept_id,
        best.name,
        "; ".join(types),
        f"{best.similarity:.3f}",
        f"{best.score:.3f}",
    )
