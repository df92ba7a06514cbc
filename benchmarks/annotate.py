"""``concept-linker annotate``: rates, scaling, memory, and what is left after 30 kills.

    python benchmarks/annotate.py scaling [CAPTIONS] [DETECTOR]
    python benchmarks/annotate.py kills [CAPTIONS] [DETECTOR]
    python benchmarks/annotate.py bad [CAPTIONS] [DETECTOR]

CAPTIONS (200,000 for scaling, 20,000 for kills, 100,000 for bad rows) are those of ROCO, repeated
with other numbers, sides and misspellings, so that a cache of mentions does not know them all.

``scaling`` runs one worker, then two, and samples their private memory.  ``kills`` ends whole runs
and single workers with signal 9, and compares what comes out with a run that nothing happened to.
``bad`` spoils every hundredth row and looks which are set aside.
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
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from machine import data_folder, save

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/annotate.py {} {} {}"
DEFAULTS = {"scaling": 200_000, "kills": 20_000, "bad": 100_000}
LEAST_SCALING = 1.8
MOST_OVERHEAD = 0.10
MOST_MEGABYTES = 600
KILLS = 30
SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


def varied(count: int) -> Iterator[dict[str, Any]]:
    """So many captions, no two alike."""
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
    """As JSON Lines; bytes as they are."""
    with path.open("wb") as file:
        for row in rows:
            file.write((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n")


def start(path: Path, out: Path, workers: int, detector: str, *more: str) -> subprocess.Popen[str]:
    """The real command in a process of its own."""
    options = ["--workers", str(workers), "--json", "--quiet", "--detector", detector, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "concept_linker", "annotate", str(path), "-o", str(out), *options],
        env={"PYTHONPATH": str(ROOT), **os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers of a run."""
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


class Memory(threading.Thread):
    """Samples the private megabytes of each worker."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        """Until the run ends."""
        while self._process.poll() is None:
            for worker in workers_of(self._process):
                try:
                    private = worker.memory_full_info().uss / 1e6
                except psutil.NoSuchProcess:
                    continue
                self.samples.append((time.monotonic(), private))
            time.sleep(1)

    def figures(self) -> dict[str, float]:
        """The peak, and medians of the second and the last quarter of the run."""
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
    """One worker, then two."""
    # The first run of all compiles what numba has not kept.
    small = place / "small.jsonl"
    write(small, varied(1000))
    start(small, place / "warm", 1, detector).communicate()
    print(f"{'workers':>8}{'captions/s':>12}{'linking':>10}{'overhead':>10}{'private MB':>12}")
    figures: dict[str, Any] = {}
    for workers in (1, 2):
        # As many shards a worker as with 200,000 captions and the size by default.
        size = ["--shard-size", str(count // 40)]
        process = start(path, place / f"out{workers}", workers, detector, *size)
        memory = Memory(process)
        memory.start()
        told, _ = process.communicate()
        memory.join()
        summary = json.loads(told)
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
    print(f"two workers are {ratio:.2f} x one; the same bytes: {same}")
    print("private MB in the second and the last quarter:", *memory_ends(figures))
    figures |= {"two_to_one": round(ratio, 3), "same_bytes": same}
    good = (
        ratio >= LEAST_SCALING
        and same
        and all(
            run["overhead_of_reading_and_writing"] <= MOST_OVERHEAD
            and run["peak_private_megabytes"] <= MOST_MEGABYTES
            for run in (one, two)
        )
    )
    return figures, good


def memory_ends(figures: dict[str, Any]) -> list[str]:
    """How memory went."""
    return [
        f"{run['second_quarter']} → {run['last_quarter']}"
        for run in figures.values()
        if isinstance(run, dict)
    ]


def shards(folder: Path) -> dict[str, str]:
    """Name → checksum of what a run is for."""
    files = [*folder.glob("part-*"), *folder.glob("quarantine/*")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kills(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """30 of them, two thirds of whole runs."""
    chance = random.Random(11)
    more = ["--shard-size", str(count // 100), "--format", "parquet,jsonl"]
    began = time.monotonic()
    start(path, place / "whole", 2, detector, *more).communicate()
    whole_seconds = time.monotonic() - began
    wanted = shards(place / "whole")
    done = {"runs": 0, "workers": 0}
    torn = rounds = 0
    process, out = None, place / "out0"
    while sum(done.values()) < KILLS:
        if process is None or process.poll() is not None:
            if process is not None and process.returncode == 0:  # through before its time
                torn += shards(out) != wanted
                rounds += 1
                out = place / f"out{rounds}"
            process = start(path, out, 2, detector, *more)
        time.sleep(chance.uniform(0.2, 0.6) * whole_seconds)
        workers = workers_of(process)
        if process.poll() is not None:
            continue
        if chance.random() < 2 / 3 or not workers:
            process.kill()
            process.communicate()
            done["runs"] += 1
        else:
            chance.choice(workers).kill()
            done["workers"] += 1
    assert process is not None
    process.communicate()
    start(path, out, 2, detector, *more).communicate()
    torn += shards(out) != wanted
    rounds += 1
    print(
        f"{done['runs']} runs and {done['workers']} single workers killed in {rounds} annotations"
    )
    print(f"{rounds - torn} of {rounds} came out as the undisturbed run, byte for byte")
    return {**done, "annotations": rounds, "equal": rounds - torn}, not torn


def bad(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Every hundredth row is spoilt, each in another way."""
    spoilt: list[Any] = [
        b"no JSON",
        {"image": "a"},
        {"caption": None, "image": "a"},
        {"caption": 5, "image": "a"},
        {"caption": "x" * 5_000_000, "image": "a"},
        b'{"caption": "\xff", "image": "a"}',
        b'{"caption": "\\ud800", "image": "a"}',
        b"",
        b"7",
    ]
    rows: list[Any] = list(varied(count))
    places = sorted(random.Random(5).sample(range(count), count // 100))
    for number, row in enumerate(places):
        rows[row] = spoilt[number % len(spoilt)]
    write(path, iter(rows))
    process = start(path, place / "out", 2, detector, "--format", "jsonl")
    told, _ = process.communicate()
    summary = json.loads(told)
    aside = [
        json.loads(line)
        for file in sorted((place / "out/quarantine").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    exact = [entry["line"] for entry in aside] == [row + 1 for row in places]
    images = [
        json.loads(line)["image"]
        for file in sorted((place / "out").glob("part-*.jsonl"))
        for line in file.open()
    ]
    left = set(range(count)) - set(places)
    rest = images == [rows[row]["image"] for row in sorted(left)]
    print(f"{summary['captions']:,} annotated, {summary['bad']:,} set aside")
    print(f"exactly the spoilt ones are set aside: {exact}; all others are there, in order: {rest}")
    reasons = {entry["problem"].split(" at ")[0].split(" has 5")[0] for entry in aside}
    for reason in sorted(reasons):
        print(f"  {reason[:90]}")
    figures = {"rows": count, "set_aside": summary["bad"], "exactly": exact, "others_whole": rest}
    return figures, exact and rest and process.returncode == 1


def main() -> None:
    """Runs one of them; exit status 1 where something misses its mark."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in DEFAULTS:
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULTS[what]
    detector = sys.argv[3] if len(sys.argv) > 3 else "hybrid"
    run = {"scaling": scaling, "kills": kills, "bad": bad}[what]
    with tempfile.TemporaryDirectory(dir=os.environ.get("CONCEPT_LINKER_SCRATCH")) as scratch:
        place = Path(scratch)
        path = place / "captions.jsonl"
        if what != "bad":
            write(path, varied(count))
        figures, good = run(path, place, count, detector)
    print("as wanted" if good else "MISSED")
    command = COMMAND.format(what, count, detector)
    save(
        f"annotate_{what}_{detector}", command, {"captions": count, "detector": detector, **figures}
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
