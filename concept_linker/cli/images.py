"""``concept-linker images``: perceptual hashes, and images that come twice."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import typer

__all__ = ["app"]

app = typer.Typer(help="Hash images and find near-duplicates.", no_args_is_help=True)


@app.command(name="hash")
def hash_command(
    images: Annotated[
        Path, typer.Argument(help="A folder of images, read with all folders below it.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The CSV to write.")],
    triplets: Annotated[
        Path | None,
        typer.Option(help="Hash the images of these records, by the paths that they give."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Write the perceptual hash of every image, with all paths of a hash.

    Images that cannot be read are listed in OUTPUT.unreadable.csv, and nothing takes their place.

    Example: concept-linker images hash figures -o figures.csv
    """
    from tqdm import tqdm

    from concept_linker.evaluation.near_duplicates import hashing

    paths: Iterable[str] = hashing.images_in(images) if triplets is None else _paths(triplets)
    listed = output.with_name(output.name + ".unreadable.csv")
    total = len(paths) if isinstance(paths, list) else None
    with tqdm(total=total, desc="Hashing", unit=" images", disable=quiet) as bar:
        hashes = hashing.hash_images(images, paths, progress=bar.update)
        bad = hashing.write_hashes(output, hashes)
    listed.unlink(missing_ok=True)
    if bad:
        with listed.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("path", "problem"))
            writer.writerows((one.path, one.problem) for one in bad)
        print(f"{len(bad):,} images cannot be read: listed in {listed}", file=sys.stderr)
    print(f"{output}")


def _paths(triplets: Path) -> list[str]:
    from concept_linker.evaluation.pairs import read_pairs

    return list(dict.fromkeys(pair.image for pair in read_pairs(triplets)))


@app.command()
def duplicates(
    first: Annotated[Path, typer.Argument(help="Hashes, such as of what is trained on.")],
    second: Annotated[
        Path | None,
        typer.Argument(help="Hashes, such as of what is evaluated on; without it, FIRST alone."),
    ] = None,
    distance: Annotated[
        int, typer.Option("-d", "--distance", help="The most bits that differ; 0 for equal ones.")
    ] = 8,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the pairs to this CSV.")
    ] = None,
) -> None:
    """List the images that two lists share, or that come twice in one.

    Example: concept-linker images duplicates training.csv evaluation.csv -o report.csv
    """
    from concept_linker.evaluation.near_duplicates.duplicates import REPORT_COLUMNS
    from concept_linker.evaluation.near_duplicates.duplicates import duplicates as find
    from concept_linker.evaluation.near_duplicates.hashing import read_hashes
    from concept_linker.triplets.placing import beside

    tables = [read_hashes(path) for path in (first, second) if path]
    counts: Counter[int] = Counter()

    def write(out: TextIO) -> None:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(REPORT_COLUMNS)
        for pair in find(*tables, distance=distance):
            writer.writerow(pair)
            counts[pair.distance] += 1

    if output is None:
        write(sys.stdout)
    else:
        with beside(output) as part, part.open("w", encoding="utf-8", newline="") as stream:
            write(stream)
    images = " and ".join(f"{len(one):,}" for one in tables)
    print(
        f"{images} images: {counts.total():,} pairs within {distance} bits, "
        f"{counts[0]:,} of them equal",
        file=sys.stderr,
    )
