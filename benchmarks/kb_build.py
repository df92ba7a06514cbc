"""Time and memory of ``concept-linker kb build``.

    python benchmarks/kb_build.py [RUNS]
    python benchmarks/kb_build.py --large RELEASE FOLDER

Each figure is the worst of RUNS (default 3) new processes with cached compiled code.  The benchmark
also checks that both forms of kb100k, RRF and JSON Lines, give the same concepts and names.

``--large`` builds one release made by ``make_mrconso.py``, and keeps the folder.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import data_folder, save

from concept_linker import Concept, KnowledgeBase

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/kb_build.py"
#: Format, file in the data folder, and the limits in seconds and megabytes.
SOURCES = {
    "kb100k, RRF": ("rrf", "kb100k/META.tar.xz", 15, 1000),
    "kb100k, JSON Lines": ("jsonl", "kb100k/kb.jsonl.gz", 15, 1000),
    "MeSH 2023, JSON Lines": ("jsonl", "vocab/mesh_kb.jsonl.gz", 60, None),
}


def build(format: str, path: Path, folder: Path) -> tuple[float, float]:
    """Runs one build in a new process; returns seconds and peak resident megabytes."""
    arguments = ["kb", "build", "--quiet", "--force", "--source", f"{format}={path}"]
    arguments += ["-o", str(folder)]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "concept_linker", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"building {path} ended with {process.returncode}")
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    return seconds, usage.ru_maxrss / per_megabyte


def build_large(release: Path, folder: Path) -> None:
    """Builds a synthetic release once, and saves time and memory."""
    seconds, megabytes = build("rrf", release, folder)
    with (release / "MRCONSO.RRF").open("rb") as rows:
        count = sum(block.count(b"\n") for block in iter(lambda: rows.read(1 << 24), b""))
    figures = {
        "rows": count,
        **KnowledgeBase.open(folder).info.counts,
        "seconds": round(seconds),
        "megabytes": round(megabytes),
    }
    print(figures)
    save("kb_build_large", "python benchmarks/kb_build.py --large RELEASE FOLDER", figures)


def same(one: KnowledgeBase, other: KnowledgeBase, records: Path) -> bool:
    """Returns whether both have exactly the ids of the records, with equal names and types."""
    with gzip.open(records, "rt", encoding="utf-8") as stream:
        ids = {json.loads(line)["concept_id"] for line in stream}
    return len(one) == len(other) == len(ids) and all(
        _content(one.concept(concept_id)) == _content(other.concept(concept_id))
        for concept_id in ids
    )


def _content(concept: Concept) -> tuple[str, frozenset[str], tuple[str, ...]]:
    return concept.name, frozenset(name.text for name in concept.names), concept.semantic_types


def main() -> None:
    """Measures, prints and saves; exit status 1 if a limit is exceeded."""
    if sys.argv[1:2] == ["--large"]:
        build_large(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    figures: dict[str, Any] = {}
    bases = {}
    print(f"{'source':24}{'concepts':>10}{'names':>10}{'seconds':>9}{'MB':>7}{'on disk':>9}  limit")
    with tempfile.TemporaryDirectory() as place:
        for title, (format, file, most_seconds, most_megabytes) in SOURCES.items():
            folder = Path(place) / title
            # The first run compiles, and is not counted.
            costs = [build(format, data_folder() / file, folder) for _ in range(runs + 1)][1:]
            seconds, megabytes = (max(column) for column in zip(*costs, strict=True))
            kb = bases[title] = KnowledgeBase.open(folder)
            counts = kb.info.counts
            on_disk = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            within = seconds <= most_seconds and megabytes <= (most_megabytes or megabytes)
            limit = f"{most_seconds} s" + (f", {most_megabytes} MB" if most_megabytes else "")
            figures[title] = {
                "concepts": counts["concepts"],
                "names": counts["names"],
                "seconds": round(seconds, 2),
                "megabytes": round(megabytes),
                "megabytes_on_disk": round(on_disk, 1),
                "runs": runs,
                "limit": limit,
                "within": within,
            }
            print(
                f"{title:24}{counts['concepts']:>10,}{counts['names']:>10,}{seconds:>9.2f}"
                f"{megabytes:>7.0f}{on_disk:>9.1f}  {limit}{'' if within else ': OVER'}"
            )
        rrf, jsonl, _ = bases.values()
        equal = same(rrf, jsonl, data_folder() / "kb100k/kb.jsonl.gz")
    figures["kb100k is the same from both"] = equal
    print(f"kb100k is the same from both: {'yes' if equal else 'NO'}")
    save("kb_build", COMMAND, figures)
    sys.exit(0 if equal and all(figures[title]["within"] for title in SOURCES) else 1)


if __name__ == "__main__":
    main()
