"""Rates, scaling and memory of ``concept-linker annotate``, compared with scispaCy's linker.

    python benchmarks/annotate.py scaling [CAPTIONS] [DETECTOR]
    python benchmarks/annotate.py scispacy PYTHON [CAPTIONS]

CAPTIONS is their number (default 200,000, and 2,000 for scispaCy).  They are those of ROCO,
repeated with other numbers, sides and misspellings, so that they are not all in a cache.

``scaling`` runs one worker, then two, and samples their private memory.  ``scispacy`` runs its
linker over ``nlp.pipe``, with one process and with two, on the mentions that our dictionary finds
and the data folder's ``kb100k``; PYTHON is the interpreter of an environment that has it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from machine import data_folder, save

ROOT = Path(__file__).resolve().parents[1]
MIN_SCALING = 1.8
MAX_OVERHEAD = 0.10
MAX_MEGABYTES = 600
SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


def varied(count: int) -> Iterator[dict[str, Any]]:
    """Yields this number of captions, all different."""
    chance = random.Random(7)
    with gzip.open(data_folder() / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for number in range(count):
        row = rows[number % len(rows)]
        text = row["caption"]
        if number >= len(rows):
            text = re.sub(r"\d+", lambda _: str(chance.randrange(1, 99)), text)
            if chance.random() < 0.5:
                text = re.sub(r"\b([Ll]eft|[Rr]ight)\b", lambda found: SIDES[found[0]], text)
            words = text.split(" ")
            place = chance.randrange(len(words))
            word = words[place]
            if len(word) > 5 and chance.random() < 0.3:
                at = chance.randrange(1, len(word) - 2)
                words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            text = f"{' '.join(words)} Case {number}."
        yield {"caption": text, "image": f"{number}_{row['image']}", "licence": row["licence"]}


def write(path: Path, rows: Iterator[Any]) -> None:
    """Writes JSON Lines; bytes are written as they are."""
    with path.open("wb") as file:
        for row in rows:
            file.write((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n")


def start(
    path: Path, out: Path, workers: int, detector: str, *more: str, **options: Any
) -> subprocess.Popen[str]:
    """Starts the command in a new process."""
    given = ["--workers", str(workers), "--json", "--quiet", "--detector", detector, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "concept_linker", "annotate", str(path), "-o", str(out), *given],
        env={"PYTHONPATH": str(ROOT), **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Returns the workers of a run."""
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


class Memory(threading.Thread):
    """Samples the private memory of each worker, in megabytes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        """Samples until the run ends."""
        while self._process.poll() is None:
            for worker in workers_of(self._process):
                try:
                    private = worker.memory_full_info().uss / 1e6
                except psutil.NoSuchProcess:
                    continue
                self.samples.append((time.monotonic(), private))
            time.sleep(1)

    def figures(self) -> dict[str, float]:
        """Returns the peak, and medians of the second and the last quarter of the run."""
        begun = self.samples[0][0]
        whole = self.samples[-1][0] - begun
        parts: dict[int, list[float]] = {}
        for moment, private in self.samples:
            parts.setdefault(min(3, int(4 * (moment - begun) / max(whole, 1e-9))), []).append(
                private
            )
        return {
            "peak_private_megabytes": round(max(private for _, private in self.samples)),
            "second_quarter": round(statistics.median(parts.get(1, [0]))),
            "last_quarter": round(statistics.median(parts[3])),
        }


def scaling(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Measures one worker, then two."""
    # The first run compiles what is not in numba's cache.
    small = place / "small.jsonl"
    write(small, varied(1000))
    start(small, place / "warm", 1, detector).communicate()
    print(f"{'workers':>8}{'captions/s':>12}{'linking':>10}{'overhead':>10}{'private MB':>12}")
    figures: dict[str, Any] = {}
    for workers in (1, 2):
        # As many shards per worker as 200,000 captions have by default.
        size = ["--shard-size", str(count // 40)]
        process = start(path, place / f"out{workers}", workers, detector, *size)
        memory = Memory(process)
        memory.start()
        output, _ = process.communicate()
        memory.join()
        summary = json.loads(output)
        overhead = summary["working"] / summary["linking"] - 1
        rate = count / summary["seconds"]
        figures[f"{workers} workers"] = {
            "captions_a_second": round(rate, 1),
            "linking_captions_a_second_and_worker": round(count / summary["linking"], 1),
            "overhead_of_reading_and_writing": round(overhead, 3),
            "waiting_and_starting": round(workers * summary["seconds"] / summary["working"] - 1, 3),
            "seconds": round(summary["seconds"], 1),
            **memory.figures(),
        }
        print(
            f"{workers:>8}{rate:>12,.0f}{count / summary['linking']:>10,.0f}{overhead:>10.1%}"
            f"{figures[f'{workers} workers']['peak_private_megabytes']:>12}"
        )
    one, two = figures["1 workers"], figures["2 workers"]
    ratio = two["captions_a_second"] / one["captions_a_second"]
    same = shards(place / "out1") == shards(place / "out2")
    print(f"two workers are {ratio:.2f} times as fast as one; same bytes: {same}")
    print("private MB, second and last quarter:", *memory_trends(figures))
    figures |= {"two_to_one": round(ratio, 3), "same_bytes": same}
    good = (
        ratio >= MIN_SCALING
        and same
        and all(
            run["overhead_of_reading_and_writing"] <= MAX_OVERHEAD
            and run["peak_private_megabytes"] <= MAX_MEGABYTES
            for run in (one, two)
        )
    )
    return figures, good


def memory_trends(figures: dict[str, Any]) -> list[str]:
    """Returns the change of memory from the second to the last quarter of each run."""
    return [
        f"{run['second_quarter']} → {run['last_quarter']}"
        for run in figures.values()
        if isinstance(run, dict)
    ]


def shards(folder: Path) -> dict[str, str]:
    """Returns name → checksum of shards and quarantine."""
    files = [*folder.glob("part-*"), *folder.glob("quarantine/*")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def scispacy(python: str, place: Path, count: int) -> tuple[dict[str, Any], bool]:
    """Measures its linker as a pipeline component, with one process and with two."""
    from concept_linker import ConceptLinker

    source = data_folder() / "kb100k"
    (place / "kb.jsonl").write_bytes(gzip.decompress((source / "kb.jsonl.gz").read_bytes()))
    with tarfile.open(source / "scispacy_index.tar.xz") as archive:
        archive.extractall(place, filter="data")
    linker = ConceptLinker.load(detector="dictionary")
    captions = [row["caption"] for row in varied(count)]
    write(
        place / "spans.jsonl",
        (
            [annotation.text, [[mention.start, mention.end] for mention in annotation]]
            for annotation in linker.link_many(captions)
        ),
    )
    done = subprocess.run(
        [python, f"{ROOT}/benchmarks/peers/pipe_scispacy.py", str(place)],
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for name, one in figures.items():
        rate, private = one["captions_a_second"], one["peak_private_megabytes"]
        print(f"{name:12} {rate:>8,.1f} captions/s, peak {private:,} MB private")
    return figures, True


def main() -> None:
    """Runs one benchmark; the exit status is 1 if a target is missed."""
    what, *given = sys.argv[1:] or [""]
    with tempfile.TemporaryDirectory(dir=os.environ.get("CONCEPT_LINKER_SCRATCH")) as scratch:
        place = Path(scratch)
        if what == "scaling":
            count = int(given[0]) if given else 200_000
            detector = given[1] if len(given) > 1 else "hybrid"
            write(place / "captions.jsonl", varied(count))
            name, command = f"scaling_{detector}", f"scaling {count} {detector}"
            figures, good = scaling(place / "captions.jsonl", place, count, detector)
            figures = {"detector": detector, **figures}
        elif what == "scispacy" and given:
            count = int(given[1]) if len(given) > 1 else 2000
            name, command = "scispacy", f"scispacy PYTHON {count}"
            figures, good = scispacy(given[0], place, count)
        else:
            sys.exit(__doc__)
    print("targets met" if good else "TARGETS MISSED")
    save(
        f"annotate_{name}",
        f"python benchmarks/annotate.py {command}",
        {"captions": count, **figures},
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
