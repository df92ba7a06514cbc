"""``concept-linker link``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from concept_linker.annotation import Annotation, Candidate

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="link")(link)


def link(
    text: Annotated[
        str, typer.Argument(help="A caption; '-' reads one a line from standard input.")
    ],
    kb: Annotated[str, typer.Option(help="'open', or the folder of a knowledge base.")] = "open",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a caption, with all candidates.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Find the concepts of a caption.

    Examples:

        concept-linker link "CT shows a pleural effusion."

        concept-linker link - --json < captions.txt > linked.jsonl
    """
    from concept_linker.linker import ConceptLinker

    linker = ConceptLinker.load(kb, quiet=quiet)
    texts: Iterator[str] = _lines() if text == "-" else iter([text])
    # One at a time, so that `tail -f captions.txt | concept-linker link -` answers at once.
    for annotation in linker.link_many(texts, batch_size=1):
        if as_json:
            print(json.dumps(annotation.to_dict()), flush=True)
        else:
            _print_table(annotation)


def _lines() -> Iterator[str]:
    """Lines of standard input, without their ends; bytes that are no UTF-8 become U+FFFD."""
    for number, line in enumerate(sys.stdin.buffer):
        text = line.decode("utf-8", errors="replace").rstrip("\r\n")
        yield text.removeprefix("\ufeff") if number == 0 else text


def _print_table(annotation: Annotation) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, emoji=False)
    console.print(escape(annotation.text), soft_wrap=True)
    if not annotation.mentions:
        console.print("no concepts found\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("place", no_wrap=True)
    for title in ("mention", "id", "name", "semantic type"):
        table.add_column(title, overflow="fold", no_wrap=title == "id")
    for title in ("similarity", "score"):
        table.add_column(title, justify="right", no_wrap=True)
    for mention in annotation:
        place = f"{mention.start}-{mention.end}"
        if mention.best is None:
            table.add_row(place, escape(mention.text), "-", "", "", "", "")
        else:
            table.add_row(place, escape(mention.text), *map(escape, _cells(mention.best)))
    console.print(table)
    console.print()


def _cells(best: Candidate) -> tuple[str, str, str, str, str]:
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
