"""A linker that threads share: as if each had it alone; and what a forked process finds."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import concept_linker
import concept_linker.shared_linkers as shared_linkers
from concept_linker import Annotation, ConceptLinker, KnowledgeBase
from concept_linker.runtime.garbage import no_collection

ROOT = Path(__file__).resolve().parents[1]
#: Prints how long the thread that links works, and how long all others do meanwhile.
TIME_OF_THREADS = """
import json, os, sys
from pathlib import Path
from concept_linker import ConceptLinker
def ticks():
    tasks = Path("/proc/self/task").iterdir()
    stats = {task.name: (task / "stat").read_text().rsplit(")")[-1].split() for task in tasks}
    return {name: int(stat[11]) + int(stat[12]) for name, stat in stats.items()}
linker, texts = ConceptLinker.load(), json.load(sys.stdin)
linker.link(texts[0])
before = ticks()
for text in texts:
    linker.link(text)
spent = {name: now - before.get(name, 0) for name, now in ticks().items()}
print(spent.pop(str(os.getpid())), sum(spent.values()))
"""
DETECTORS = ["hybrid", "ner", "dictionary"]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def captions(kb: KnowledgeBase, count: int, seed: int) -> list[str]:
    """Captions whose names and words hardly come twice, so that nothing of them is kept yet."""
    chance = random.Random(seed)
    letters = "aeioulnrst"

    def word() -> str:
        return "".join(chance.choices(letters, k=7))

    def name() -> str:
        return kb.rows.name(chance.randrange(kb.info.counts["names"]))

    return [
        f"{word().title()} of {name()} shows {word()} {name()} and no {name()}, {word()}."
        for _ in range(count)
    ]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def linked_by_threads(
    linker: ConceptLinker, texts: Sequence[str], threads: int
) -> list[Annotation | BaseException]:
    """What each text becomes, whatever thread links it; or what was raised."""

    def link(text: str) -> Annotation | BaseException:
        try:
            return linker.link(text)
        except BaseException as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(link, texts))


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("threads", [2, 8])
@pytest.mark.parametrize("detector", DETECTORS)
def test_threads_share_a_linker(open_base: KnowledgeBase, detector: str, threads: int) -> None:
    texts = captions(open_base, 150, seed=threads)
    alone = list(ConceptLinker.load(open_base, detector=detector).link_many(texts))
    shared = ConceptLinker.load(open_base, detector=detector)
    assert linked_by_threads(shared, texts, threads) == alone
    assert list(shared.link_many(texts)) == alone  # and for ever after


@pytest.mark.usefixtures("restless")
def test_threads_share_what_fills_up(
    open_base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one thread still reads, another takes out of use."""
    texts = captions(open_base, 100, seed=5)
    alone = list(ConceptLinker.load(open_base).link_many(texts))
    monkeypatch.setattr("concept_linker.detection.ner.network._CACHED_WORDS", 40)
    monkeypatch.setattr("concept_linker.ranking.cache._CANDIDATES", 400)
    monkeypatch.setattr("concept_linker.ranking.cache._STRINGS", 40)
    assert linked_by_threads(ConceptLinker.load(open_base), texts, 4) == alone


def test_link_loads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = ConceptLinker.load
    monkeypatch.setattr(ConceptLinker, "load", lambda: loaded.append(load()) or loaded[-1])
    monkeypatch.setattr(shared_linkers, "_shared", shared_linkers._SharedLinkers())
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(concept_linker.link, ["a lesion"] * 8))) == 1
    assert len(loaded) == 1


def forked(work: Callable[[], bool], seconds: float) -> int | None:
    """What a forked child ends with: 0 where the work tells ``True``; ``None`` if it hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads
        child = os.fork()
    if child == 0:
        good = False
        try:
            good = work()
        finally:
            os._exit(not good)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def test_one_caption_at_a_time_keeps_to_its_own_thread(open_base: KnowledgeBase) -> None:
    """Threads of a BLAS that wait for each other made it ten times slower on a busy machine."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("the time that a thread took is read from /proc")
    variables = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", TIME_OF_THREADS],
        env={**variables, "PYTHONPATH": str(ROOT)},
        input=json.dumps([", ".join(captions(open_base, 4, seed)) for seed in range(60)]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    own, others = map(int, done.stdout.split())
    assert own > 0
    assert others == 0


@needs_fork
@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("detector", DETECTORS)
def test_a_process_is_forked_while_threads_link(open_base: KnowledgeBase, detector: str) -> None:
    asked = captions(open_base, 5, seed=1)
    alone = list(ConceptLinker.load(open_base, detector=detector).link_many(asked))
    shared = ConceptLinker.load(open_base, detector=detector)
    enough = threading.Event()

    def keep_linking(seed: int) -> None:
        while not enough.is_set():
            list(shared.link_many(captions(open_base, 10, seed)))
            seed += 4

    def link_what_is_asked() -> bool:
        return list(shared.link_many(asked)) == alone and gc.isenabled()

    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(keep_linking, seed) for seed in range(4)]
        try:
            ends = []
            for pause in range(8):
                time.sleep(0.013 * pause)
                ends.append(forked(link_what_is_asked, seconds=60))
        finally:
            enough.set()
        assert ends == [0] * 8
        assert [one.result() for one in busy] == [None] * 4


@needs_fork
def test_a_process_is_forked_while_a_thread_holds_everything(open_base: KnowledgeBase) -> None:
    linker = ConceptLinker.load(open_base)
    expected = linker.link("a lesion")
    ranker = linker.ranker
    features = ranker._first_stage.describer._features
    locks = [ranker._cache._lock, features._lock, linker.detector._tagger.network._lock]
    taken, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with locks[0], locks[1], locks[2], no_collection():
            taken.set()
            enough.wait()

    def work() -> bool:
        return gc.isenabled() and linker.link("a lesion") == expected and bool(linker.link("zyxw"))

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    assert not gc.isenabled()
    try:
        assert forked(work, seconds=20) == 0
    finally:
        enough.set()
        holder.join()
    assert gc.isenabled()


def test_the_collector_is_paused_by_one_thread_for_itself() -> None:
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()  # whose wish that was
    finally:
        gc.enable()
