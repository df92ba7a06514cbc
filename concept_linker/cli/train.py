"""``concept-linker train``: a knowledge base that has learned from a gold corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concept_linker.cli.bad_rows import SkipBadFlag, open_quarantine, report_bad_rows
from concept_linker.cli.console import counted, print_json
from concept_linker.cli.options import CORPUS_HELP, KB, ForceFlag, JsonFlag, OutputFolder, QuietFlag

__all__ = ["train"]


def train(
    corpus: Annotated[
        Path,
        typer.Option(metavar="CORPUS", help=CORPUS_HELP),
    ],
    output: OutputFolder,
    kb: KB = "default",
    skip_bad: SkipBadFlag = False,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Train a knowledge base on the names and meanings in a gold corpus.

    The output folder can be used as any other knowledge base. The command stops at the first bad
    row of the corpus. With --skip-bad it continues without that mention, line or document: bad rows
    are written to FOLDER.quarantine.jsonl, and the exit status is then 1.

    Examples:

        concept-linker train --corpus TRAIN.pubtator -o trained
        concept-linker train --corpus TRAIN.pubtator --kb mesh -o mesh-trained
        concept-linker link "CT shows a pleural effusion." --kb trained
    """
    from concept_linker.corpora import read_corpus
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.runtime.progress import progress_bar
    from concept_linker.training import train

    output = store.check_target(output, replace=force)
    quarantine, bad_rows = open_quarantine(output, skip_bad=skip_bad)
    gold = read_corpus(corpus, quarantine=quarantine)
    base = KnowledgeBase.open(kb, quiet=quiet)
    with progress_bar("Training", quiet=quiet) as progress:
        trained = train(gold, output, kb=base, replace=force, progress=progress)
    added = trained.info.counts["names"] - base.info.counts["names"]
    if as_json:
        counts = {"concepts": len(trained), "names_added": added, "gold_mentions": len(gold)}
        set_aside = str(bad_rows) if quarantine.count else None
        bad = {"bad": quarantine.count, "quarantine": set_aside}
        print_json({"output": str(output), **counts, **bad})
    else:
        print(f"{output}")
        print(
            f"{counted(len(trained), 'concept')}; {counted(added, 'name')} added from "
            f"{counted(len(gold), 'gold mention')}"
        )
    report_bad_rows(quarantine.count, bad_rows)
