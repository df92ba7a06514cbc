"""``concept-linker holdout``: sets to evaluate on, without leaks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from concept_linker.evaluation.holdout.leaks import ImageHashes

__all__ = ["app"]

app = typer.Typer(help="Build and check held-out sets.", no_args_is_help=True)

_HASHES = typer.Option(
    help="CSV of 'images hash', over the collection: pictures are compared too. Without it only "
    "equal paths tell that images are the same."
)


@app.command()
def build(
    triplets: Annotated[Path, typer.Argument(help="Records: JSON Lines or Parquet.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")],
    size: Annotated[int, typer.Option(help="How many pairs to hold out.")],
    hashes: Annotated[Path | None, _HASHES] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    caption_similarity: Annotated[
        float, typer.Option(help="Captions are nearly the same from this share of runs on.")
    ] = 0.6,
    image_distance: Annotated[
        int, typer.Option(help="Images are nearly the same up to so many bits.")
    ] = 8,
    kb: Annotated[
        str, typer.Option(help="Semantic groups of concepts: 'open', or a folder.")
    ] = "open",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the set again, from the files.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Hold out a set of pairs: whole articles, stratified, and nothing nearly the same in the rest.

    Example: concept-linker holdout build triplets.jsonl -o pmc-9k --size 9000 --verify
    """
    from concept_linker.evaluation.concept_groups import ConceptGroups
    from concept_linker.evaluation.holdout import folder
    from concept_linker.evaluation.holdout.building import build as build_set
    from concept_linker.evaluation.holdout.building import checked_settings
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.progress import progress_bar

    settings = checked_settings(
        size=size,
        seed=seed,
        caption_similarity=caption_similarity,
        image_distance=image_distance,
    )
    folder.check_output(output)
    groups = ConceptGroups(KnowledgeBase.open(kb, quiet=quiet))
    known = _image_hashes(hashes)
    with progress_bar("Holding out", quiet=quiet) as progress:
        progress("counting", 0.0)
        built = build_set(triplets, settings, groups.main, known, progress=progress)
    folder.write(built, output, triplets=triplets, main_group=groups.main, hashes=known)
    print(
        f"{output}: {len(built.choice.pairs):,} pairs of {len(built.choice.articles):,} articles, "
        f"out of {built.survey.pairs:,} of {len(built.survey.articles):,}"
    )
    for reason, count in built.removed_by_reason().items():
        print(f"  {count:>7,} left out: {reason}")
    if built.refused:
        print(f"  {len(built.refused):>7,} rows are no pairs: {output / 'refused.csv'}")
    if verify:
        _report(output, triplets, known)


@app.command()
def verify(
    holdout: Annotated[Path, typer.Argument(help="The folder of a held-out set.")],
    triplets: Annotated[Path, typer.Argument(help="The records that it was built from.")],
    hashes: Annotated[Path | None, _HASHES] = None,
) -> None:
    """Check a held-out set against its collection: files, articles, captions, images.

    Example: concept-linker holdout verify pmc-9k triplets.jsonl
    """
    _report(holdout, triplets, _image_hashes(hashes))


def _image_hashes(path: Path | None) -> ImageHashes | None:
    if path is None:
        return None
    from concept_linker.evaluation.holdout.leaks import ImageHashes
    from concept_linker.evaluation.near_duplicates.hashing import read_hashes

    return ImageHashes(read_hashes(path))


def _report(holdout: Path, triplets: Path, hashes: ImageHashes | None) -> None:
    from concept_linker.evaluation.holdout.verifying import verify as look

    wrong = look(holdout, triplets, hashes)
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    if wrong:
        print(f"{holdout}: {len(wrong):,} faults", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{holdout}: verified; no article, caption or image of it is in the rest")
