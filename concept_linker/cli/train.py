"""``concept-linker train``: a base that knows what a gold corpus says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concept_linker.cli.console import counted, print_json
from concept_linker.cli.corpora import SkipBadFlag, quarantine_for, tell_bad
from concept_linker.cli.options import KB, ForceFlag, JsonFlag, QuietFlag

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    corpus: Annotated[
        Path,
        typer.Option(metavar="CORPUS", help="Gold annotations: PubTator, BioC, BRAT, JSON Lines."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the new base.")
    ],
    kb: KB = "default",
    skip_bad: SkipBadFlag = False,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Train a knowledge base on the names and meanings of a gold corpus.

    The folder can be given wherever a knowledge base can. The first bad row of the corpus stops it;
    with --skip-bad it goes on without that mention, line or document: bad rows are in
    FOLDER.quarantine.jsonl, and the exit status is 1 if there was any.

    Examples:

        concept-linker train --corpus TRAIN.pubtator -o taught
        concept-linker train --corpus TRAIN.pubtator --kb mesh -o mesh-taught
        concept-linker link "CT shows a pleural effusion." --kb taught
    """
    from concept_linker.corpora import read_corpus
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.runtime.progress import progress_bar
    from concept_linker.training import train

    output = store.check_target(output, replace=force)
    quarantine, bad_rows = quarantine_for(output, skip_bad=skip_bad)
    gold = read_corpus(corpus, quarantine=quarantine)
    base = KnowledgeBase.open(kb, quiet=quiet)
    with progress_bar("Training", quiet=quiet) as progress:
        taught = train(gold, output, kb=base, replace=force, progress=progress)
    added = taught.info.counts["names"] - base.info.counts["names"]
    if as_json:
        counts = {"concepts": len(taught), "names_added": added, "gold_mentions": len(gold)}
        set_aside = str(bad_rows) if quarantine.count else None
        bad = {"bad": quarantine.count, "quarantine": set_aside}
        print_json({"output": str(output), **counts, **bad})
    else:
        print(f"{output}")
        print(
            f"{counted(len(taught), 'concept')}; {counted(added, 'name')} more, from "
            f"{counted(len(gold), 'gold mention')}"
        )
    tell_bad(quarantine, bad_rows)
