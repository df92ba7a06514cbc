"""``concept-linker train``: a base that knows what a gold corpus says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    corpus: Annotated[
        Path, typer.Option(exists=True, help="Gold annotations: PubTator, BioC, BRAT, JSON Lines.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the new base.")],
    kb: Annotated[str, typer.Option(help="'open', or a folder.")] = "open",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Teach a knowledge base the names and meanings of a gold corpus.

    The folder can be given wherever a knowledge base can.

    Example: concept-linker train --corpus TRAIN.pubtator --kb mesh -o mesh-taught
    """
    from concept_linker.evaluation.corpora import read_corpus
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.progress import progress_bar
    from concept_linker.teaching import teach

    output = store.check_target(output)
    base = KnowledgeBase.open(kb, quiet=quiet)
    gold = read_corpus(corpus)
    with progress_bar("Teaching", quiet=quiet) as progress:
        teach(base, gold, output, progress=progress)
    taught = KnowledgeBase.open(output)
    added = taught.manifest.counts["names"] - base.manifest.counts["names"]
    print(f"{output}")
    print(f"{len(taught):,} concepts; {added:,} names more, from {len(gold):,} gold mentions")
