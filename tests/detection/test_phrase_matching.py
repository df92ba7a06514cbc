"""The compiled matching of phrases equals its plain twin."""

from __future__ import annotations

import numpy as np
import plain_phrase_matching as plain
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.detection.phrase_matching import (
    find_runs,
    hash_table,
    select_longest,
    with_closed_brackets,
)
from concept_linker.detection.tokens import tokenize
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import key

WORDS = "lesion Hippocampus Magnetic Resonance Imaging MRI sporadic vexillosis Quimby's of".split()
PIECES = st.sampled_from([*WORDS, "x", " ", ", ", "-", "(", ")", "; ", "\n", "β"])
TEXTS = st.lists(st.lists(PIECES, max_size=15).map("".join), max_size=3)
REMEMBERED = ("lesion", "of the hippocampus", "sporadic vexillosis", "mri x")


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_runs(small_kb: KnowledgeBase, texts: list[str]) -> None:
    tokens = tokenize(texts)
    hashes = np.array([key_hash(key(one)) for one in REMEMBERED], np.uint64)
    table = small_kb.rows.index.table
    found = find_runs(tokens, table, (hash_table(hashes), hashes))
    _, offsets, keys = table
    by_key = {keys[offsets[i] : offsets[i + 1]].tobytes(): i for i in range(offsets.size - 1)}
    memory = {key(one).encode(): number for number, one in enumerate(REMEMBERED)}
    assert list(map(tuple, found.tolist())) == plain.find_runs(tokens, by_key, memory)


@settings(deadline=None)
@given(st.text("a()", min_size=1, max_size=12), st.data())
def test_brackets(text: str, data: st.DataObject) -> None:
    text = f"b{text}b"
    tokens = tokenize([text])
    last = data.draw(st.integers(0, tokens.starts.size - 1))
    first = data.draw(st.integers(0, last))
    rows, ends = with_closed_brackets(tokens, np.array([[first, last, 0, 0]]))
    end = plain.closed_end(text, int(tokens.starts[first]), int(tokens.ends[last]))
    assert (rows.tolist(), ends.tolist()) == (
        ([], []) if end is None else ([[first, last, 0, 0]], [end])
    )


@given(st.data())
def test_selection(data: st.DataObject) -> None:
    runs = [(a, b) for b in range(6) for a in range(b + 1) if data.draw(st.booleans())]
    order = data.draw(st.permutations(range(len(runs))))
    first, last = np.array(runs, np.int64).reshape(-1, 2).T
    taken = select_longest(np.array(order, np.int64), first.copy(), last.copy(), 6)
    assert taken.tolist() == plain.select_longest(order, runs)
