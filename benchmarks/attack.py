"""The linker under threads and forks.

    python benchmarks/attack.py threads [CAPTIONS] [ROUNDS]
    python benchmarks/attack.py forks [FORKS]

``threads``: eight threads link CAPTIONS captions (5,000) with a new linker, for each of three
detectors.  Their results, and those of the linker afterwards, are compared with the results of one
thread, in ROUNDS rounds (20) of different order.  ``forks`` forks a process FORKS times (100) while
four of its threads link, and lets the child link some captions.

The captions are in ``CONCEPT_LINKER_DATA``.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from machine import data_folder, save

from concept_linker import ConceptLinker, KnowledgeBase

DETECTORS = ("hybrid", "ner", "dictionary")
THREADS = 8
#: The number of captions per call: a service links one at a time, a loop more.
BATCH_SIZES = (1, 7, 64)
#: The number of captions that are linked again after all threads have finished.
AFTERWARDS = 500
#: A child that takes longer than this (seconds) counts as hanging.
TIMEOUT = 60


def captions(count: int) -> list[str]:
    """Returns real captions."""
    path = data_folder() / "captions/roco_cc_by.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["caption"] for line in lines][:count]


@contextmanager
def fast_switching() -> Iterator[None]:
    """Makes the interpreter switch threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def count_different(linker: ConceptLinker, texts: list[str], expected: list[Any], seed: int) -> int:
    """Returns the number of captions whose result differs from that of one thread."""
    chance = random.Random(seed)
    order = chance.sample(range(len(texts)), len(texts))
    parts, at = [], 0
    while at < len(order):
        size = chance.choice(BATCH_SIZES)
        parts.append(order[at : at + size])
        at += size

    def link(part: list[int]) -> list[tuple[int, Any]]:
        try:
            return list(zip(part, linker.link_many([texts[i] for i in part]), strict=True))
        except Exception as error:
            return [(i, error) for i in part]

    with fast_switching(), ThreadPoolExecutor(THREADS) as pool:
        found = dict(one for some in pool.map(link, parts) for one in some)
    wrong = {i for i, one in enumerate(expected) if found[i] != one}
    again = order[:AFTERWARDS]
    later = zip(again, linker.link_many([texts[i] for i in again]), strict=True)
    return len(wrong | {i for i, one in later if expected[i] != one})


def threads(count: int = 5000, rounds: int = 20) -> tuple[dict[str, Any], bool]:
    """Compares eight threads with one."""
    kb, texts = KnowledgeBase.open("default", quiet=True), captions(count)
    figures: dict[str, Any] = {"captions": len(texts), "threads": THREADS, "rounds": rounds}
    for detector in DETECTORS:
        expected = list(ConceptLinker.load(kb, detector=detector).link_many(texts))
        wrong = []
        for seed in range(rounds):
            wrong.append(
                count_different(ConceptLinker.load(kb, detector=detector), texts, expected, seed)
            )
            print(f"{detector} {seed}: {wrong[-1]} of {len(texts):,} differ", flush=True)
        figures[detector] = {"rounds_that_differ": sum(map(bool, wrong)), "captions": sum(wrong)}
    return figures, not any(figures[detector]["captions"] for detector in DETECTORS)


def fork_and_link(linker: ConceptLinker, texts: list[str], expected: list[Any]) -> int | None:
    """Returns the exit status of a forked child; ``None`` if it hangs."""
    process = os.fork()
    if process == 0:
        good = False
        try:
            good = list(linker.link_many(texts)) == expected
        finally:
            os._exit(not good)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def endless(linker: ConceptLinker, texts: list[str]) -> tuple[Callable[[int], None], Event]:
    """Returns a function that links until an event is set, and the event."""
    stop = Event()

    def keep_linking(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            list(linker.link_many(chance.sample(texts, 20)))

    return keep_linking, stop


def forks(count: int = 100) -> tuple[dict[str, Any], bool]:
    """Forks while four threads link."""
    kb, texts = KnowledgeBase.open("default", quiet=True), captions(5000)
    figures: dict[str, Any] = {"forks": count}
    for detector in DETECTORS:
        expected = list(ConceptLinker.load(kb, detector=detector).link_many(texts[:20]))
        linker = ConceptLinker.load(kb, detector=detector)
        keep_linking, stop = endless(linker, texts)
        chance = random.Random(3)
        with ThreadPoolExecutor(4) as pool:
            for seed in range(4):
                pool.submit(keep_linking, seed)
            statuses = []
            for _ in range(count):
                time.sleep(chance.uniform(0, 0.1))
                statuses.append(fork_and_link(linker, texts[:20], expected))
            stop.set()
        figures[detector] = {
            "right": statuses.count(0),
            "hang": statuses.count(None),
            "wrong": len(statuses) - statuses.count(0) - statuses.count(None),
        }
        print(detector, figures[detector], flush=True)
    return figures, all(figures[detector]["right"] == count for detector in DETECTORS)


TESTS: dict[str, Any] = {"threads": threads, "forks": forks}


def main() -> None:
    """Runs one of the tests; the exit status is 1 if it fails."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in TESTS:
        sys.exit(__doc__)
    figures, good = TESTS[what](*map(int, sys.argv[2:]))
    print("passed" if good else "FAILED")
    save(f"attack_{what}", f"python benchmarks/attack.py {' '.join(sys.argv[1:])}", figures)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
