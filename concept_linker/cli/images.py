"""``concept-linker images``: perceptual hashes and near-duplicate images."""

from __future__ import annotations

import csv
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from concept_linker.cli.console import bar, counted, note, print_json
from concept_linker.cli.options import JsonFlag, QuietFlag, existing_file, existing_records
from concept_linker.cli.parser import CommandLine

if TYPE_CHECKING:
    from concept_linker.retrieval.near_duplicates.duplicates import Duplicate
    from concept_linker.retrieval.near_duplicates.hashing import HashTable, ImageHash

__all__ = ["app", "note_unmarked"]

app = CommandLine(help="Hash images and find near-duplicates.")


@app.command(name="hash")
def hash_command(
    images: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A folder of images, including its subfolders."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="CSV", help="The CSV to write.")
    ],
    triplets: Annotated[
        Path | None,
        typer.Option(
            metavar="RECORDS",
            callback=existing_records,
            help="Hash only the images of these records.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write the perceptual hash of every image, and all paths with the same hash.

    Uniform images have no hash; their column Flat is 1. Images that cannot be read are listed in
    CSV.unreadable.csv, and the exit status is then 1, as it is if rows of RECORDS are bad.

    Examples:

        concept-linker images hash figures -o figures.csv
        concept-linker images hash figures --triplets records.jsonl -o figures.csv
    """
    from concept_linker.retrieval.near_duplicates import hashing

    refused: list[int] = []
    paths = hashing.images_in(images) if triplets is None else _paths(images, triplets, refused)
    listed = output.with_name(output.name + ".unreadable.csv")
    flat: list[str] = []

    def counted_flat(hashes: Iterable[ImageHash]) -> Iterator[ImageHash]:
        for one in hashes:
            if one.flat:
                flat.append(one.path)
            yield one

    with bar("Hashing", len(paths), "images", quiet=quiet) as progress:
        hashes = hashing.hash_images(images, paths, progress=lambda: progress(1))
        bad = hashing.write_hashes(output, counted_flat(hashes))
    listed.unlink(missing_ok=True)
    if bad:
        with listed.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("path", "problem"))
            writer.writerows((one.path, one.problem) for one in bad)
    if as_json:
        print_json(
            {
                "output": str(output),
                "images": len(paths),
                "flat": len(flat),
                "unreadable": len(bad),
                "unreadable_list": str(listed) if bad else None,
                "bad_rows": len(refused),
            }
        )
    else:
        print(f"{output}: {counted(len(paths), 'image')}")
    if flat:
        some = f"{', '.join(flat[:3])}{', …' * (len(flat) > 3)}"
        note(f"{counted(len(flat), 'uniform image')} without a hash: {some}")
    if bad:
        note(f"{counted(len(bad), 'image')} cannot be read: listed in {listed}")
    if refused:
        rows = counted(len(refused), "bad row")
        note(f"{rows} left out; `concept-linker records validate` says why")
    if bad or refused:
        raise typer.Exit(1)


def _paths(images: Path, triplets: Path, refused: list[int]) -> list[str]:
    from concept_linker.images.files import check_folder
    from concept_linker.retrieval.pairs import read_pairs

    pairs = read_pairs(triplets, lambda row, why: refused.append(row))
    paths = list(dict.fromkeys(pair.image for pair in pairs))
    check_folder(images, paths, option="FOLDER")
    return paths


def note_unmarked(path: Path, table: HashTable) -> None:
    """Prints a note if a file of hashes does not say which images are uniform."""
    if not table.marked:
        note(
            f"{path}: does not mark uniform images, so another program or an earlier version wrote "
            "it: images with the hash of an empty page are left out; hash the images again"
        )


@app.command()
def duplicates(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="FIRST",
            callback=existing_file,
            help="The CSV of `images hash`, for example of training images.",
        ),
    ],
    second: Annotated[
        Path | None,
        typer.Argument(
            metavar="SECOND",
            callback=existing_file,
            help="The CSV of other images, for example for evaluation (default: FIRST itself).",
        ),
    ] = None,
    distance: Annotated[
        int,
        typer.Option(
            "-d",
            "--distance",
            metavar="BITS",
            help="The largest number of bits that differ; 0 finds equal hashes.",
        ),
    ] = 8,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="CSV", help="Write the pairs to this CSV."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per pair.")
    ] = False,
) -> None:
    """List near-duplicate images between two sets, or within one.

    Uniform images, such as empty pages, match no other image.

    Examples:

        concept-linker images duplicates figures.csv
        concept-linker images duplicates training.csv evaluation.csv -o report.csv
    """
    from concept_linker.files import write_whole
    from concept_linker.retrieval.near_duplicates.duplicates import REPORT_COLUMNS
    from concept_linker.retrieval.near_duplicates.duplicates import duplicates as find
    from concept_linker.retrieval.near_duplicates.hashing import read_hashes

    tables = []
    for path in filter(None, (first, second)):
        tables.append(read_hashes(path))
        note_unmarked(path, tables[-1])
    counts: Counter[int] = Counter()

    def found() -> Iterator[Duplicate]:
        for pair in find(*tables, distance=distance):
            counts[pair.distance] += 1
            if as_json:
                print_json(pair._asdict())
            yield pair

    if output is not None:
        with write_whole(output) as part, part.open("w", encoding="utf-8", newline="") as stream:
            _write(stream, REPORT_COLUMNS, found())
    elif as_json:
        deque(found(), maxlen=0)
    else:
        _write(sys.stdout, REPORT_COLUMNS, found())
    images = " and ".join(f"{len(one):,}" for one in tables)
    note(
        f"{images} images: {counted(counts.total(), 'pair')} within {counted(distance, 'bit')}, "
        f"{counts[0]:,} of them equal"
    )
    if flat := sum(int(one.flat.sum()) for one in tables):
        note(f"{counted(flat, 'uniform image')} not compared")


def _write(out: TextIO, columns: Sequence[str], pairs: Iterable[Duplicate]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(pairs)
