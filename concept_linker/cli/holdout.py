"""``concept-linker holdout``: held-out sets without leaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import counted, note, print_json
from concept_linker.cli.options import (
    KB,
    JsonFlag,
    OutputFolder,
    QuietFlag,
    SeedOption,
    existing_file,
    existing_records,
)
from concept_linker.cli.parser import CommandLine

if TYPE_CHECKING:
    from concept_linker.retrieval.holdout.leaks import ImageHashes

__all__ = ["app"]

app = CommandLine(help="Build and check held-out sets.")

_HASHES = typer.Option(
    metavar="CSV",
    callback=existing_file,
    help="The CSV of `images hash` for all records, to find near-duplicate images. Without it, "
    "only images with equal paths are duplicates.",
)

_VERIFIED = "verified; none of its articles, captions or images is in the remaining records"


@app.command()
def build(
    triplets: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDS",
            callback=existing_records,
            help="Records: a file, a folder of shards, or a pattern in quotes.",
        ),
    ],
    output: OutputFolder,
    size: Annotated[int, typer.Option(metavar="N", help="The number of pairs to hold out.")],
    hashes: Annotated[Path | None, _HASHES] = None,
    seed: SeedOption = 0,
    caption_similarity: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Captions that share this fraction of three-word runs are near-duplicates.",
        ),
    ] = 0.6,
    image_distance: Annotated[
        int,
        typer.Option(
            metavar="BITS",
            help="Images whose hashes differ in at most this many bits are near-duplicates.",
        ),
    ] = 8,
    kb: KB = "default",
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the files back and verify the set.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Hold out pairs: whole articles, stratified, without near-duplicates in the other records.

    Examples:

        concept-linker holdout build records.jsonl -o heldout --size 9000 --verify
        concept-linker holdout build records.jsonl -o heldout --size 9000 --hashes figures.csv
    """
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.retrieval.concept_groups import ConceptGroups
    from concept_linker.retrieval.holdout import folder
    from concept_linker.retrieval.holdout.building import build as build_set
    from concept_linker.retrieval.holdout.building import checked_settings
    from concept_linker.runtime.progress import progress_bar

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
    faults = _faults(output, triplets, known) if verify else None
    if as_json:
        print_json(
            {
                "output": str(output),
                "pairs": len(built.choice.pairs),
                "articles": len(built.choice.articles),
                "of_pairs": built.survey.pairs,
                "of_articles": len(built.survey.articles),
                "left_out": built.removed_by_reason(),
                "refused": len(built.refused),
                "flat_images": built.flat,
                "faults": faults,
            }
        )
    else:
        print(
            f"{output}: {counted(len(built.choice.pairs), 'pair')} of "
            f"{counted(len(built.choice.articles), 'article')}, "
            f"from {built.survey.pairs:,} of {len(built.survey.articles):,}"
        )
        for reason, count in built.removed_by_reason().items():
            print(f"  {count:>7,} left out: {reason}")
        if built.refused:
            print(f"  {len(built.refused):>7,} rows are not pairs: {output / 'refused.csv'}")
        if built.flat:
            print(f"  {built.flat:>7,} have a uniform image: not compared by hash")
        if verify and not faults:
            print(_VERIFIED)
    _end(output, faults)


@app.command()
def verify(
    holdout: Annotated[
        Path, typer.Argument(metavar="HELDOUT", help="The folder of the held-out set.")
    ],
    triplets: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDS",
            callback=existing_records,
            help="The records it was built from.",
        ),
    ],
    hashes: Annotated[Path | None, _HASHES] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a held-out set against its records: files, articles, captions and images.

    Exit status 1 if there are errors.

    Examples:

        concept-linker holdout verify heldout records.jsonl
        concept-linker holdout verify heldout records.jsonl --hashes figures.csv
    """
    faults = _faults(holdout, triplets, _image_hashes(hashes))
    if as_json:
        print_json({"holdout": str(holdout), "faults": faults})
    elif not faults:
        print(f"{holdout}: {_VERIFIED}")
    _end(holdout, faults)


def _image_hashes(path: Path | None) -> ImageHashes | None:
    if path is None:
        return None
    from concept_linker.cli.images import note_unmarked
    from concept_linker.retrieval.holdout.leaks import ImageHashes
    from concept_linker.retrieval.near_duplicates.hashing import read_hashes

    table = read_hashes(path)
    note_unmarked(path, table)
    return ImageHashes(table)


def _faults(holdout: Path, triplets: Path, hashes: ImageHashes | None) -> list[str]:
    from concept_linker.retrieval.holdout.verifying import verify as look

    return look(holdout, triplets, hashes)


def _end(holdout: Path, faults: list[str] | None) -> None:
    """Prints the first errors, and exits with status 1 if there are any."""
    for line in (faults or ())[:20]:
        note(line)
    if faults:
        note(f"{holdout}: {counted(len(faults), 'error')}")
        raise typer.Exit(1)
