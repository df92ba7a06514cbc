"""What a bad day leaves of the linker.

    python benchmarks/attack.py threads [CAPTIONS] [ROUNDS]
    python benchmarks/attack.py forks [FORKS]

``threads``: eight threads link real captions (5,000) with a fresh linker, each of three detectors;
what they get is compared with one thread's, and what the linker says afterwards too; twenty rounds,
each in another order.  ``forks`` forks a process again and again while four of its threads link,
and asks the child for some captions (100).

Captions are those of ``CONCEPT_LINKER_DATA``.
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
#: How many captions are asked for in one call: a service asks for one, a loop for more.
AT_ONCE = (1, 7, 64)
#: How many captions are asked for again, when all threads are through.
AFTERWARDS = 500
#: A child that takes longer hangs.
SECONDS = 60


def captions(count: int) -> list[str]:
    """Real ones."""
    path = data_folder() / "captions/roco_cc_by.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["caption"] for line in lines][:count]


@contextmanager
def restless() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def differing(linker: ConceptLinker, texts: list[str], alone: list[Any], seed: int) -> int:
    """How many captions threads get otherwise than one thread, now or afterwards."""
    chance = random.Random(seed)
    order = chance.sample(range(len(texts)), len(texts))
    parts, at = [], 0
    while at < len(order):
        size = chance.choice(AT_ONCE)
        parts.append(order[at : at + size])
        at += size

    def link(part: list[int]) -> list[tuple[int, Any]]:
        try:
            return list(zip(part, linker.link_many([texts[i] for i in part]), strict=True))
        except Exception as error:
            return [(i, error) for i in part]

    with restless(), ThreadPoolExecutor(THREADS) as pool:
        found = dict(one for some in pool.map(link, parts) for one in some)
    wrong = {i for i, one in enumerate(alone) if found[i] != one}
    again = order[:AFTERWARDS]
    later = zip(again, linker.link_many([texts[i] for i in again]), strict=True)
    return len(wrong | {i for i, one in later if alone[i] != one})


def threads(count: int = 5000, rounds: int = 20) -> tuple[dict[str, Any], bool]:
    """Eight of them."""
    kb, texts = KnowledgeBase.open("default", quiet=True), captions(count)
    figures: dict[str, Any] = {"captions": len(texts), "threads": THREADS, "rounds": rounds}
    for detector in DETECTORS:
        alone = list(ConceptLinker.load(kb, detector=detector).link_many(texts))
        wrong = []
        for seed in range(rounds):
            wrong.append(differing(ConceptLinker.load(kb, detector=detector), texts, alone, seed))
            print(f"{detector} {seed}: {wrong[-1]} of {len(texts):,} differ", flush=True)
        figures[detector] = {"rounds_that_differ": sum(map(bool, wrong)), "captions": sum(wrong)}
    return figures, not any(figures[detector]["captions"] for detector in DETECTORS)


def child(linker: ConceptLinker, texts: list[str], alone: list[Any]) -> int | None:
    """What a forked child ends with; ``None`` if it hangs."""
    process = os.fork()
    if process == 0:
        good = False
        try:
            good = list(linker.link_many(texts)) == alone
        finally:
            os._exit(not good)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def endless(linker: ConceptLinker, texts: list[str]) -> tuple[Callable[[int], None], Event]:
    """What a thread does until enough is set."""
    enough = Event()

    def keep_linking(seed: int) -> None:
        chance = random.Random(seed)
        while not enough.is_set():
            list(linker.link_many(chance.sample(texts, 20)))

    return keep_linking, enough


def forks(count: int = 100) -> tuple[dict[str, Any], bool]:
    """While four threads link."""
    kb, texts = KnowledgeBase.open("default", quiet=True), captions(5000)
    figures: dict[str, Any] = {"forks": count}
    for detector in DETECTORS:
        alone = list(ConceptLinker.load(kb, detector=detector).link_many(texts[:20]))
        linker = ConceptLinker.load(kb, detector=detector)
        keep_linking, enough = endless(linker, texts)
        chance = random.Random(3)
        with ThreadPoolExecutor(4) as pool:
            for seed in range(4):
                pool.submit(keep_linking, seed)
            ends = []
            for _ in range(count):
                time.sleep(chance.uniform(0, 0.1))
                ends.append(child(linker, texts[:20], alone))
            enough.set()
        figures[detector] = {
            "right": ends.count(0),
            "hang": ends.count(None),
            "wrong": len(ends) - ends.count(0) - ends.count(None),
        }
        print(detector, figures[detector], flush=True)
    return figures, all(figures[detector]["right"] == count for detector in DETECTORS)


ATTACKS: dict[str, Any] = {"threads": threads, "forks": forks}


def main() -> None:
    """Runs one of them; exit status 1 where something misses its mark."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in ATTACKS:
        sys.exit(__doc__)
    figures, good = ATTACKS[what](*map(int, sys.argv[2:]))
    print("as wanted" if good else "MISSED")
    save(f"attack_{what}", f"python benchmarks/attack.py {' '.join(sys.argv[1:])}", figures)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
