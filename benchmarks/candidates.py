"""Candidate search against its peers: one knowledge base, the same mentions, one core.

    python benchmarks/candidates.py --scispacy PYTHON [--gilda PYTHON] [--simstring PYTHON]
        [--quickumls PYTHON] [--tfidf PYTHON] [--mmlite PYTHON]

PYTHON is the interpreter of an environment with the peer (``scispacy==0.6.2`` with
``pyarrow<26``, ``gilda``, ``quickumls``, ``simstring-rust``, ``scikit-learn`` with
``sparse_dot_topn``, ``mmlite``).  ``benchmarks/peers/measure.py`` measures
``kb100k`` of the data folder with k = 30 and threshold 0.2 (simstring 0.6): medians of 5 runs over
2,000 mentions in one call and 400 one by one. "Hard" mentions have two typing errors, missing or
additional words.  QuickUMLS and mmlite treat each mention as a text, and return matches in it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from machine import data_folder, save

ROOT = Path(__file__).resolve().parents[1]
RUNNERS = {
    "concept_linker": "ours",
    "scispacy": "scispacy_generator",
    "gilda": "gilda_grounder",
    "quickumls": "quickumls_matcher",
    "simstring": "simstring_cosine",
    "tfidf": "tfidf_topn",
    "mmlite": "mmlite_lookup",
}
#: Seconds that scispaCy takes to build its index on one core, measured separately.
SCISPACY_BUILD = 927


def unpack(folder: Path) -> None:
    """Unpacks all files for the runners into a folder."""
    source = data_folder() / "kb100k"
    (folder / "kb.jsonl").write_bytes(gzip.decompress((source / "kb.jsonl.gz").read_bytes()))
    for name in ("mentions.jsonl", "mentions_hard.jsonl"):
        (folder / name).write_bytes((source / name).read_bytes())
    for name in ("META.tar.xz", "scispacy_index.tar.xz"):
        with tarfile.open(source / name) as archive:
            archive.extractall(folder, filter="data")


def measure(python: str, runner: str, folder: Path) -> dict[str, Any] | str:
    """Returns the figures of one runner, in a new process, or why it failed."""
    done = subprocess.run(
        ["taskset", "-c", "0", python, f"{ROOT}/benchmarks/peers/{runner}.py", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT) if runner == "ours" else ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def show(results: dict[str, dict[str, Any] | str]) -> None:
    """Prints a table of easy mentions, with hard ones in parentheses."""
    print(f"{'system':15} {'build s':>8} {'batch/s':>16} {'single/s':>14}  recall@1, @5, @30")
    for name, figures in results.items():
        if isinstance(figures, str):
            print(f"{name:15} {figures}")
            continue
        easy, hard = figures["mentions"], figures["mentions_hard"]
        recall = [f"{easy[f'recall@{k}']:.4f} ({hard[f'recall@{k}']:.4f})" for k in (1, 5, 30)]
        build = figures.get("built_s", SCISPACY_BUILD if name == "scispacy" else "")
        rates = [f"{easy[way]:,} ({hard[way]:,})" for way in ("batch_per_s", "single_per_s")]
        print(f"{name:15} {build:>8} {rates[0]:>16} {rates[1]:>14}  {', '.join(recall)}")


def ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Returns speed ratios, and whether recall is at least equal."""
    found: dict[str, Any] = {"build": round(SCISPACY_BUILD / ours["built_s"], 1)}
    for name in ("mentions", "mentions_hard"):
        for way in ("batch_per_s", "single_per_s"):
            found[f"{name} {way}"] = round(ours[name][way] / theirs[name][way], 1)
        found[f"{name} recall at least equal"] = all(
            ours[name][f"recall@{k}"] >= theirs[name][f"recall@{k}"] for k in (1, 5, 30)
        )
    return found


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in list(RUNNERS)[1:]:
        parser.add_argument(f"--{name}", metavar="PYTHON")
    pythons = {"concept_linker": sys.executable, **vars(parser.parse_args())}
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        results = {
            name: measure(python, RUNNERS[name], Path(folder)) if python else "not installed"
            for name, python in pythons.items()
        }
    show(results)
    figures: dict[str, Any] = {"systems": results}
    ours, theirs = results["concept_linker"], results["scispacy"]
    if not isinstance(ours, str) and not isinstance(theirs, str):
        figures["times scispaCy"] = ratios(ours, theirs)
        for name, ratio in figures["times scispaCy"].items():
            print(f"{name}: {ratio}")
    options = [f"--{name} PYTHON" for name, python in list(pythons.items())[1:] if python]
    save("candidates", " ".join(["python benchmarks/candidates.py", *options]), figures)


if __name__ == "__main__":
    main()
