"""``concept-linker holdout``: sets to evaluate on, without leaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import counted, note, print_json
from concept_linker.cli.options import KB, JsonFlag, QuietFlag, existing_file, existing_records
from concept_linker.cli.parser import CommandLine

if TYPE_CHECKING:
    from concept_linker.retrieval.holdout.leaks import ImageHashes

__all__ = ["app"]

app = CommandLine(help="Build and check held-out sets.")

_HASHES = typer.Option(
    metavar="CSV",
    callback=existing_file,
    help="CSV of 'images hash', over the collection: pictures are compared too. Without it only "
    "equal paths tell that images are the same.",
)

_VERIFIED = "verified; no article, caption or image of it is in the rest"


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
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")
    ],
    size: Annotated[int, typer.Option(metavar="N", help="How many pairs to hold out.")],
    hashes: Annotated[Path | None, _HASHES] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the sample.")] = 0,
    caption_similarity: Annotated[
        float,
        typer.Option(metavar="X", help="Captions are nearly the same from this share of runs on."),
    ] = 0.6,
    image_distance: Annotated[
        int, typer.Option(metavar="BITS", help="Images are nearly the same up to so many bits.")
    ] = 8,
    kb: KB = "default",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the set again, from the files.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Hold out a set of pairs: whole articles, stratified, and nothing nearly the same in the rest.

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
            f"out of {built.survey.pairs:,} of {len(built.survey.articles):,}"
        )
        for reason, count in built.removed_by_reason().items():
            print(f"  {count:>7,} left out: {reason}")
        if built.refused:
            print(f"  {len(built.refused):>7,} rows are no pairs: {output / 'refused.csv'}")
        if built.flat:
            print(f"  {built.flat:>7,} have an image that is all one grey: not compared by hash")
        if verify and not faults:
            print(_VERIFIED)
    _end(output, faults)


@app.command()
def verify(
    holdout: Annotated[
        Path, typer.Argument(metavar="HELDOUT", help="The folder of a held-out set.")
    ],
    triplets: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDS",
            callback=existing_records,
            help="The records that it was built from.",
        ),
    ],
    hashes: Annotated[Path | None, _HASHES] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a held-out set against its collection: files, articles, captions, images.

    Exit status 1 if there is a fault.

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
    """Says the first faults; exit status 1 where there is one."""
    for line in (faults or ())[:20]:
        note(line)
    if faults:
        note(f"{holdout}: {counted(len(faults), 'fault')}")
        raise typer.Exit(1)
