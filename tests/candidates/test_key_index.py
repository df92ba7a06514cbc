"""The fast index against its plain twin: same keys, same cosines, same order."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.candidates import key_index
from concept_linker.candidates.key_index import KeyIndex
from concept_linker.candidates.oracle import PlainIndex


def make_index(keys: list[str]) -> KeyIndex:
    distinct = sorted({key.encode() for key in keys})
    offsets = np.zeros(len(distinct) + 1, np.int64)
    np.cumsum([len(key) for key in distinct], out=offsets[1:])
    arrays, ids = key_index.build(np.frombuffer(b"".join(distinct), np.uint8), offsets)
    index = KeyIndex(arrays)
    assert [index.key(int(i)).encode() for i in ids] == distinct
    return index


def found(index: KeyIndex, query: str, *, k: int, threshold: float) -> list[tuple[str, float]]:
    hits = index.search_many([query], k=k, threshold=threshold)
    count = int(hits.counts[0])
    return [
        (index.key(int(i)), float(cosine))
        for i, cosine in zip(hits.ids[0, :count], hits.similarities[0, :count], strict=True)
    ]


WORDS = st.text(st.sampled_from("abcé β漢𝒳 "), min_size=1, max_size=12).filter(str.strip)
NASTY = st.sampled_from(
    [
        "a",
        "b",
        "aa",
        "aaa",
        "aaaa",
        "ab" * 40,
        "a" * 1000,
        "漢字",
        "𝒳",
        "é",
        "z" * 3,
        "a a a a",
        "abc abc",
    ]
)
KEYS = st.lists(WORDS | NASTY, min_size=1, max_size=40)


@settings(max_examples=300, deadline=None)
@given(KEYS, WORDS | NASTY, st.integers(1, 12), st.floats(0, 1))
def test_equal_to_the_oracle(keys: list[str], query: str, k: int, threshold: float) -> None:
    expected = PlainIndex(keys).search(query, k=k, threshold=threshold)
    assert found(make_index(keys), query, k=k, threshold=threshold) == expected


@settings(max_examples=100, deadline=None)
@given(KEYS, WORDS)
def test_the_threshold_is_met_by_a_key_exactly_at_it(keys: list[str], query: str) -> None:
    index = make_index(keys)
    everything = found(index, query, k=len(keys), threshold=0.0)
    for _, cosine in everything:
        kept = found(index, query, k=len(keys), threshold=cosine)
        assert kept == [hit for hit in everything if hit[1] >= cosine]
        above = float(np.nextafter(cosine, 2.0))
        if above <= 1.0:
            kept = found(index, query, k=len(keys), threshold=above)
            assert kept == [hit for hit in everything if hit[1] > cosine]


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_every_key_finds_itself_and_nothing_else_is_found(keys: list[str]) -> None:
    index = make_index(keys)
    for key in keys:
        key_id = index.find(key)
        assert key_id is not None
        assert index.key(key_id) == key
        assert (key, 1.0) in found(index, key, k=len(keys), threshold=1.0)
    for stranger in ("q", "", keys[0] + "q", "q" + keys[0]):
        assert index.find(stranger) is None


def real_keys(shared_data: Path, count: int) -> list[str]:
    import gzip
    import json

    from concept_linker.candidates.normalise import key

    keys = []
    with gzip.open(shared_data / "kb100k/kb.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            keys.extend(map(key, [row["canonical_name"], *row["aliases"]]))
    return sorted({k for k in keys if k})[:: max(1, len(keys) // count)]


def test_equal_to_the_oracle_on_real_names(shared_data: Path) -> None:
    import json

    keys = real_keys(shared_data, 4000)
    index, oracle = make_index(keys), PlainIndex(keys)
    lines = (shared_data / "kb100k/mentions_hard.jsonl").read_text("utf-8").splitlines()
    from concept_linker.candidates.normalise import key

    row = json.loads(lines[0])
    column = next(name for name in ("mention", "text", "query") if name in row)
    for line in lines[::100]:
        query = key(json.loads(line)[column])
        for k, threshold in ((5, 0.7), (30, 0.3), (10, 0.0)):
            expected = oracle.search(query, k=k, threshold=threshold)
            assert found(index, query, k=k, threshold=threshold) == expected


def test_batches_equal_single_queries() -> None:
    keys = [f"{a}{b} {c}" for a in "abcdef" for b in ("ion", "ine") for c in ("x", "lesion")]
    index = make_index(keys)
    queries = ["aion", "bine lesion", "", "zzz", "lesion"] * 3
    hits = index.search_many(queries, k=4, threshold=0.2)
    for i, query in enumerate(queries):
        alone = index.search_many([query], k=4, threshold=0.2)
        count = int(alone.counts[0])
        assert int(hits.counts[i]) == count
        assert hits.ids[i, :count].tolist() == alone.ids[0, :count].tolist()


def test_threads_give_the_same_answers() -> None:
    keys = [f"{a}{b}{c}ion" for a in "abcdefgh" for b in "aeiou" for c in "klmn"]
    index = make_index(keys)
    queries = keys[::3] * 5
    expected = index.search_many(queries, k=5, threshold=0.3)
    answers = []

    def work() -> None:
        answers.append(index.search_many(queries, k=5, threshold=0.3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    for answer in answers:
        assert (answer.counts == expected.counts).all()
        for row, count in enumerate(expected.counts):
            assert (answer.ids[row, :count] == expected.ids[row, :count]).all()


@pytest.mark.parametrize("keys", [["a"], ["ab", "ba"]])
def test_a_query_without_a_known_gram_finds_nothing(keys: list[str]) -> None:
    assert found(make_index(keys), "qqq", k=3, threshold=0.0) == []
    assert found(make_index(keys), "", k=3, threshold=0.0) == []
