"""Candidate search by size of the knowledge base: opening, speed, memory.

    python benchmarks/candidates_scale.py --kb NAME=FOLDER … [--plot FILE] [--queries N]

Each FOLDER is a base built with ``concept-linker kb build``.  Cold queries are N (3,000) keys with
two typing errors each, all distinct and none equal to a name; one core, k = 30.  The stream is the
mentions that the dictionary detector finds in the ROCO captions, in order and with repeats, in one
call, which searches equal mentions once; k = 30, min_similarity = 0.7.  Memory is read from
``/proc/self/smaps_rollup`` after 10,000 queries, in four workers at once: private and
proportional (PSS).
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

from machine import data_folder, save

from concept_linker import KnowledgeBase
from concept_linker.detection.detector import detect_stream
from concept_linker.detection.dictionary import DictionaryDetector

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_an_error(text: str, rng: random.Random) -> str:
    """Returns the text with a letter removed, inserted, or swapped with the next."""
    at, kind = rng.randrange(len(text)), rng.random()
    if kind < 0.4:
        return text[:at] + text[at + 1 :]
    if kind < 0.8:
        return text[:at] + rng.choice(_LETTERS) + text[at:]
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def cold_queries(kb: KnowledgeBase, count: int, seed: int) -> list[str]:
    """Returns keys with two typing errors each."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        key = kb.rows.index.key(rng.randrange(len(kb.rows.index)))
        if len(key) > 6:
            text = with_an_error(with_an_error(key, rng), rng)
            if not kb.rows.find(text):
                found[text] = None
    return list(found)


def stream(kb: KnowledgeBase) -> list[str]:
    """Returns the mentions of the captions, in order."""
    path = data_folder() / "captions/roco_cc_by.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        captions = [json.loads(line)["caption"] for line in lines]
    spans = detect_stream(DictionaryDetector(kb), captions)
    return [
        text[start:end]
        for text, found in zip(captions, spans, strict=True)
        for start, end, *_ in found
    ]


def rate(kb: KnowledgeBase, texts: list[str], min_similarity: float) -> int:
    """Returns texts per second, the median of 3 runs."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        kb.search_many(texts, k=30, min_similarity=min_similarity)
        seconds.append(time.perf_counter() - began)
    return round(len(texts) / sorted(seconds)[1])


def memory(*names: str) -> int:
    """Returns the memory of this process in megabytes."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return round(sum(sizes[name] for name in names) / 1000)


def speed(folder: str, queries: int) -> dict[str, Any]:
    """Measures opening and rates, in a new process on one core."""
    os.sched_setaffinity(0, {0})
    began = time.perf_counter()
    kb = KnowledgeBase.open(folder)
    figures: dict[str, Any] = {"open_s": round(time.perf_counter() - began, 4)}
    figures["names"] = kb.info.counts["names"]
    texts = cold_queries(kb, queries, 1)
    kb.search_many(texts[:50], k=30, min_similarity=0.7)
    for min_similarity in (0.7, 0.5):
        figures[f"cold_per_s_at_{min_similarity}"] = rate(kb, texts, min_similarity)
    mentions = stream(kb)
    figures["stream_mentions"], figures["stream_distinct"] = len(mentions), len(set(mentions))
    figures["stream_per_s"] = rate(kb, mentions, 0.7)
    return figures


def worker(folder: str, barrier: Any, answers: Any) -> None:
    """Runs 10,000 queries, waits for the other workers, and reads its memory."""
    kb = KnowledgeBase.open(folder)
    before = memory("Private_Clean", "Private_Dirty")
    texts = cold_queries(kb, 10_000, os.getpid())
    for first in range(0, len(texts), 250):
        kb.search_many(texts[first : first + 250], k=30, min_similarity=0.7)
    del texts
    barrier.wait()
    answers.put((before, memory("Private_Dirty"), memory("Pss")))
    barrier.wait()


def shared(folder: str, workers: int = 4) -> dict[str, Any]:
    """Measures the memory of several workers."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=worker, args=(folder, barrier, answers)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return {
        "private_mb_before": max(before for before, _, _ in found),
        "private_mb": max(private for _, private, _ in found),
        "pss_mb_of_4": [pss for _, _, pss in found],
    }


def plot(path: Path, figures: dict[str, dict[str, Any]]) -> None:
    """Plots milliseconds per cold mention by the number of names."""
    import matplotlib.pyplot as plt

    rows = sorted(figures.values(), key=lambda row: int(row["names"]))
    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for min_similarity in (0.5, 0.7):
        costs = [1000 / row[f"cold_per_s_at_{min_similarity}"] for row in rows]
        axes.loglog([row["names"] for row in rows], costs, marker="o", label=f"at {min_similarity}")
    axes.set(
        xlabel="names", ylabel="ms per cold mention, one core", title="k = 30, two typing errors"
    )
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kb", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--queries", type=int, default=3000, help="number of cold queries")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for one in arguments.kb:
        name, _, folder = one.partition("=")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures[name] = pool.apply(speed, [folder, arguments.queries]) | shared(folder)
        print(name)
        for figure, value in figures[name].items():
            print(f"  {figure:20} {value}")
    if arguments.plot:
        plot(arguments.plot, figures)
    bases = " ".join(f"--kb {name}=FOLDER" for name in figures)
    save("candidates_scale", f"python benchmarks/candidates_scale.py {bases}", figures)


if __name__ == "__main__":
    main()
