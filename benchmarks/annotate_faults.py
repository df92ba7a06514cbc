"""``concept-linker annotate`` under kills, changed inputs, bad rows and file system errors.

    python benchmarks/annotate_faults.py kills [CAPTIONS] [DETECTOR]
    python benchmarks/annotate_faults.py changes [CAPTIONS] [DETECTOR]
    python benchmarks/annotate_faults.py bad [CAPTIONS] [DETECTOR]
    python benchmarks/annotate_faults.py files

``kills`` kills whole runs and single workers with signal 9 at 30 random moments, and compares the
output with that of an undisturbed run (20,000 captions).  ``changes`` overwrites the input with
another one of the same size while it is read, half of the time with the old times, kills the run
at 30 random moments, and restores the input.  ``bad`` damages every hundredth of 100,000 rows and
checks which go into quarantine.  ``files`` fills the disk, makes it read-only, removes the input,
and uses the folder of another run; it mounts small file systems, which requires root.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annotate import shards, start, varied, workers_of, write
from machine import save

DEFAULTS = {"kills": 20_000, "changes": 20_000, "bad": 100_000, "files": 5000}
KILLS = 30


def kills(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Kills 30 times, two thirds of them whole runs."""
    chance = random.Random(11)
    more = ["--shard-size", str(count // 100), "--format", "parquet,jsonl"]
    began = time.monotonic()
    start(path, place / "whole", 2, detector, *more).communicate()
    whole_seconds = time.monotonic() - began
    expected = shards(place / "whole")
    done = {"runs": 0, "workers": 0}
    different = rounds = 0
    process, out = None, place / "out0"
    while sum(done.values()) < KILLS:
        if process is None or process.poll() is not None:
            if process is not None and process.returncode == 0:  # finished before it was killed
                different += shards(out) != expected
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
    if process.returncode is None:  # the last kill was of a worker
        process.communicate()
    start(path, out, 2, detector, *more).communicate()
    different += shards(out) != expected
    rounds += 1
    print(
        f"{done['runs']} runs and {done['workers']} single workers killed in {rounds} annotations"
    )
    print(f"{rounds - different} of {rounds} equal the undisturbed run, byte for byte")
    return {**done, "annotations": rounds, "equal": rounds - different}, not different


def changes(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Kills 30 times while the input changes; the output must be that of the final input."""
    chance = random.Random(13)
    more = ["--shard-size", str(count // 100), "--format", "parquet,jsonl"]
    right, times = path.read_bytes(), path.stat()
    wrong = right.replace(b" of ", b" in ")

    def put(data: bytes, *, old_times: bool) -> None:
        path.write_bytes(data)
        if old_times:
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def finish(out: Path) -> bool:
        """Finishes a run; one that began with the other input must say so and start again."""
        process = start(path, out, 2, detector, *more, stderr=subprocess.PIPE)
        errors = process.communicate()[1]
        if process.returncode == 2 and "other input" in errors:
            start(path, out, 2, detector, *more, "--no-resume").communicate()
            return True
        return False

    began = time.monotonic()
    start(path, place / "whole", 2, detector, *more).communicate()
    whole_seconds = time.monotonic() - began
    expected = shards(place / "whole")
    killed = noticed = refused = rounds = equal = 0
    out = place / "out0"
    while killed < KILLS:
        process = start(path, out, 2, detector, *more, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.1, 0.5) * whole_seconds)
        put(wrong, old_times=chance.random() < 0.5)
        time.sleep(chance.uniform(0.1, 0.5) * whole_seconds)
        if chance.random() < 0.5:  # restored before the run ends
            put(right, old_times=True)
            time.sleep(chance.uniform(0.0, 0.3) * whole_seconds)
        if process.poll() is None:
            process.kill()
            killed += 1
        errors = process.communicate()[1]
        noticed += process.returncode == 2 and "changed during the run" in errors
        put(right, old_times=True)
        if process.returncode == 0 or chance.random() < 0.2:
            refused += finish(out)
            equal += shards(out) == expected
            rounds += 1
            out = place / f"out{rounds}"
    refused += finish(out)
    equal += shards(out) == expected
    rounds += 1
    print(f"{killed} runs killed; {noticed} more noticed the change and ended")
    print(f"{refused} folders of the other input were refused and made again")
    print(f"{equal} of {rounds} equal the undisturbed run, byte for byte")
    figures = {
        "killed": killed,
        "noticed": noticed,
        "refused": refused,
        "annotations": rounds,
        "equal": equal,
    }
    return figures, equal == rounds


def bad(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Damages every hundredth row, in different ways."""
    damaged: list[Any] = [
        b"not JSON",
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
        rows[row] = damaged[number % len(damaged)]
    write(path, iter(rows))
    process = start(path, place / "out", 2, detector, "--format", "jsonl")
    output, _ = process.communicate()
    summary = json.loads(output)
    bad_rows = [
        json.loads(line)
        for file in sorted((place / "out/quarantine").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    exact = [entry["line"] for entry in bad_rows] == [row + 1 for row in places]
    images = [
        json.loads(line)["image"]
        for file in sorted((place / "out").glob("part-*.jsonl"))
        for line in file.open()
    ]
    left = set(range(count)) - set(places)
    others_intact = images == [rows[row]["image"] for row in sorted(left)]
    print(f"{summary['captions']:,} annotated, {summary['bad']:,} in quarantine")
    print(f"exactly the damaged rows are in quarantine: {exact}")
    print(f"all others are in the output, in order: {others_intact}")
    reasons = {entry["problem"].split(" at ")[0].split(" has 5")[0] for entry in bad_rows}
    for reason in sorted(reasons):
        print(f"  {reason[:90]}")
    figures = {
        "rows": count,
        "set_aside": summary["bad"],
        "exactly": exact,
        "others_whole": others_intact,
    }
    return figures, exact and others_intact and process.returncode == 1


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mounts a file system in memory."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def error_of(path: Path, out: Path, detector: str) -> str:
    """Returns the error message of a run that must fail with one line."""
    process = start(path, out, 2, detector, "--shard-size", "250", stderr=subprocess.PIPE)
    _, errors = process.communicate()
    lines = errors.strip().splitlines()
    return lines[0] if process.returncode == 2 and len(lines) == 1 else f"WRONG: {lines}"


def files(path: Path, place: Path, count: int, detector: str) -> tuple[dict[str, Any], bool]:
    """Causes each error once; it must be reported in one line and leave finished shards intact."""
    start(path, place / "whole", 2, detector, "--shard-size", "250").communicate()
    whole = shards(place / "whole")
    errors, intact = {}, {}
    with mounted(place / "small", "-o", "size=512k") as disk:
        errors["the disk is full"] = error_of(path, disk / "out", detector)
        left = shards(disk / "out")
        intact["the disk is full"] = bool(left) and left.items() <= whole.items()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        start(path, disk / "out", 2, detector, "--shard-size", "250").communicate()
        intact["then there is room"] = shards(disk / "out") == whole
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        errors["the output is read-only"] = error_of(path, disk / "out", detector)
        intact["the output is read-only"] = shards(disk / "out") == whole
    run = start(path, place / "gone", 2, detector, "--shard-size", "250", stderr=subprocess.PIPE)
    while not (place / "gone/progress.jsonl").exists():
        time.sleep(0.001)
    content = path.read_bytes()
    path.unlink()
    errors["the input vanishes"] = run.communicate()[1].strip()
    path.write_bytes(content)
    intact["the input vanishes"] = shards(place / "gone").items() <= whole.items()
    other = place / "other.jsonl"
    write(other, varied(300))
    errors["another run's folder"] = error_of(other, place / "whole", detector)
    intact["another run's folder"] = shards(place / "whole") == whole
    for name, line in errors.items():
        print(f"{name}:\n  {line.replace(str(place), '…')}")
    print("finished shards are intact:", intact)
    return {"intact": intact}, all(intact.values()) and not any(
        "WRONG" in e for e in errors.values()
    )


def main() -> None:
    """Runs one of the tests; the exit status is 1 if it fails."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in DEFAULTS:
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else DEFAULTS[what]
    detector = sys.argv[3] if len(sys.argv) > 3 else "dictionary"
    run = {"kills": kills, "changes": changes, "bad": bad, "files": files}[what]
    with tempfile.TemporaryDirectory(dir=os.environ.get("CONCEPT_LINKER_SCRATCH")) as scratch:
        place = Path(scratch)
        path = place / "captions.jsonl"
        if what != "bad":
            write(path, varied(count))
        figures, good = run(path, place, count, detector)
    print("passed" if good else "FAILED")
    command = f"python benchmarks/annotate_faults.py {what} {count} {detector}"
    save(f"annotate_{what}", command, {"captions": count, "detector": detector, **figures})
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
