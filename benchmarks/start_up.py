"""How long it takes to begin: import, opening the open base, the first command.

    python benchmarks/start_up.py

Each figure is the median of seven fresh processes with a warm cache; "first" is one process with an
empty cache folder, and with an empty folder of compiled code.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import save

ROOT = Path(__file__).resolve().parents[1]
CAPTION = "Axial T2-weighted MRI shows a hyperintense lesion in the left hippocampus."
LINK = ["-m", "concept_linker", "link", "--quiet", CAPTION]
RUNS = 7

TIMED = """
import time
began = time.perf_counter()
{}
print(time.perf_counter() - began)
"""
SNIPPETS = {
    "import concept_linker": TIMED.format("import concept_linker"),
    "open the open base (imports included)": TIMED.format(
        "from concept_linker import KnowledgeBase\nKnowledgeBase.open('open')"
    ),
    "open the open base (alone)": "from concept_linker import KnowledgeBase"
    + TIMED.format("KnowledgeBase.open('open')"),
}
LIMITS = {
    "import concept_linker": 0.5,
    "open the open base (imports included)": None,
    "open the open base (alone)": 0.3,
    "concept-linker link, warm cache": 3.0,
    "concept-linker link, first run": None,
    "deriving the index of the open base": 20.0,
}


def run(arguments: list[str], **environment: str) -> tuple[float, str]:
    """Wall seconds and standard output of a fresh Python process."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - began, done.stdout


def main() -> None:
    """Measures, prints a table, saves JSON."""
    run(LINK)  # the cache is warm from here on
    figures = {
        name: statistics.median(float(run(["-c", code])[1]) for _ in range(RUNS))
        for name, code in SNIPPETS.items()
    }
    figures["concept-linker link, warm cache"] = statistics.median(
        run(LINK)[0] for _ in range(RUNS)
    )
    with tempfile.TemporaryDirectory() as folder:
        fresh = {"CONCEPT_LINKER_CACHE": f"{folder}/cache", "NUMBA_CACHE_DIR": f"{folder}/numba"}
        figures["concept-linker link, first run"] = run(LINK, **fresh)[0]
    with tempfile.TemporaryDirectory() as folder:
        derive = "from concept_linker import KnowledgeBase" + TIMED.format(
            "KnowledgeBase.open('open', quiet=True)"
        )
        fresh = {"CONCEPT_LINKER_CACHE": f"{folder}/cache", "NUMBA_CACHE_DIR": f"{folder}/numba"}
        seconds = float(run(["-c", derive], **fresh)[1])
        figures["deriving the index of the open base"] = seconds
    for name, seconds in figures.items():
        limit = f"≤ {LIMITS[name]} s" if LIMITS[name] else ""
        print(f"{name:45} {seconds:7.3f} s  {limit}")
    rounded = {name: round(seconds, 4) for name, seconds in figures.items()}
    save("start_up", "python benchmarks/start_up.py", rounded)


if __name__ == "__main__":
    main()
