"""A linker that threads share: as if each had it alone; and what a forked process finds."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

import concept_linker
import concept_linker.linker as linker_module
from concept_linker import Annotation, ConceptLinker, KnowledgeBase

DETECTORS = ["hybrid", "ner", "dictionary"]


def captions(kb: KnowledgeBase, count: int, seed: int) -> list[str]:
    """Captions whose names and words hardly come twice, so that nothing of them is kept yet."""
    chance = random.Random(seed)
    letters = "aeioulnrst"

    def word() -> str:
        return "".join(chance.choices(letters, k=7))

    def name() -> str:
        return kb.name(chance.randrange(kb.manifest.counts["names"]))

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
    monkeypatch.setattr("concept_linker.mentions.ner_network._KEPT_WORDS", 40)
    monkeypatch.setattr("concept_linker.ranking.remembering._ROOM", 400)
    monkeypatch.setattr("concept_linker.ranking.remembering._NUMBERS", 40)
    assert linked_by_threads(ConceptLinker.load(open_base), texts, 4) == alone


def test_the_short_way_in_loads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = ConceptLinker.load
    monkeypatch.setattr(ConceptLinker, "load", lambda: loaded.append(load()) or loaded[-1])
    linker_module._loaded.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(concept_linker.link, ["a lesion"] * 8))) == 1
    assert len(loaded) == 1
    linker_module._loaded.cache_clear()
