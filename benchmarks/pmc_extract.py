"""Measures the speed and memory of extracting records from articles.

    python benchmarks/pmc_extract.py             # speed, seconds
    python benchmarks/pmc_extract.py --scale     # memory at 1,000 to 100,000 articles, minutes

The articles are the 120 of ``data/jats``, repeated.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from machine import data_folder, save

SIZES = (1_200, 12_000, 100_000)


def articles() -> dict[str, bytes]:
    """Returns name → JATS."""
    with tarfile.open(data_folder() / "jats/articles.tar.xz") as archive:
        return {
            member.name: content.read()
            for member in archive
            if (content := archive.extractfile(member))
        }


def write_archive(path: Path, count: int) -> None:
    """Writes an archive of ``count`` articles; equal ones are adjacent, so that it is small."""
    each = list(articles().items())
    with (
        pa.output_stream(path, compression="zstd" if path.suffix == ".zst" else None) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        for number in range(count):
            name, data = each[number * len(each) // count]
            info = tarfile.TarInfo(f"{number:06}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def measure(source: Path, output: Path) -> dict[str, float]:
    """Measures an extraction in this process."""
    from concept_linker.pmc.records import write_records

    begin = time.perf_counter()
    summary = write_records([source], output)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "articles": summary.articles,
        "records": summary.records,
        "articles/s": round(summary.articles / seconds),
        "peak MB": peak,
    }


def compare_with_pubmed_parser(folder: Path, rounds: int = 10) -> dict[str, float]:
    """Measures reading the same files, with this library and with pubmed_parser."""
    import pubmed_parser

    from concept_linker.pmc.articles import read_articles

    files = articles()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    paths = [folder / name for name in files] * rounds
    begin = time.perf_counter()
    for path in paths:
        list(read_articles(path.read_bytes(), path.name))
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    for path in paths:
        pubmed_parser.parse_pubmed_caption(str(path))
    theirs = time.perf_counter() - begin
    return {
        "ours, articles/s": round(len(paths) / ours),
        "pubmed_parser, articles/s": round(len(paths) / theirs),
    }


def main() -> None:
    """Prints and saves the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:  # in a separate process, for a separate memory peak
        print(json.dumps(measure(*arguments.one)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for size in SIZES if arguments.scale else SIZES[:1]:
            source = folder / f"{size}.tar.zst"
            write_archive(source, size)
            for ending in ("jsonl", "parquet")[: 1 if size > 20_000 else 2]:
                command = [sys.executable, __file__, "--one", str(source)]
                command.append(str(folder / f"out.{ending}"))
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                row = json.loads(done.stdout)
                if arguments.scale:
                    del row[
                        "articles/s"
                    ]  # not comparable: the run is long, and the machine does other work
                rows.append({"output": ending, **row})
                print(rows[-1], flush=True)
        figures: dict[str, object] = {"rows": rows}
        if not arguments.scale:
            figures["reading alone"] = compare_with_pubmed_parser(folder)
            print(figures["reading alone"])
    name = "pmc_extract_scale" if arguments.scale else "pmc_extract"
    save(name, "python benchmarks/pmc_extract.py" + " --scale" * arguments.scale, figures)


if __name__ == "__main__":
    main()
