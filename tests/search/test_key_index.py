"""The fast index against its plain twin: same keys, same cosines, same order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_index import PlainIndex

from concept_linker.search import index as key_index
from concept_linker.search.index import Hits, KeyIndex


def make_index(keys: list[str], *, probed: bool = False) -> KeyIndex:
    distinct = sorted({key.encode() for key in keys})
    offsets = np.zeros(len(distinct) + 1, np.int64)
    np.cumsum([len(key) for key in distinct], out=offsets[1:])
    blob = np.frombuffer(b"".join(distinct), np.uint8)
    arrays, ids = key_index.build(blob, offsets, few_keys=0 if probed else key_index.FEW_KEYS)
    index = KeyIndex(arrays)
    assert [index.key(int(i)).encode() for i in ids] == distinct
    return index


def found(index: KeyIndex, query: str, *, k: int, min_similarity: float) -> list[tuple[str, float]]:
    hits = index.search_many([(query,)], k=k, min_similarity=min_similarity)
    count = int(hits.counts[0])
    pairs = zip(hits.concepts[0, :count], hits.similarities[0, :count], strict=True)
    return [(index.key(int(i)), float(cosine)) for i, cosine in pairs]


def expected(
    keys: list[str], query: str, *, k: int, min_similarity: float
) -> list[tuple[str, float]]:
    """What the plain index finds, with a key that equals the query before others at 1.0."""
    everything = PlainIndex(keys).search(query, k=len(keys), min_similarity=min_similarity)
    everything.sort(key=lambda hit: (-hit[1], hit[0] != query))
    return everything[:k]


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
@given(KEYS, WORDS | NASTY, st.integers(1, 12), st.floats(0, 1), st.booleans())
def test_equal_to_the_plain_index(
    keys: list[str], query: str, k: int, min_similarity: float, probed: bool
) -> None:
    index = make_index(keys, probed=probed)
    answer_expected = expected(keys, query, k=k, min_similarity=min_similarity)
    assert found(index, query, k=k, min_similarity=min_similarity) == answer_expected


@pytest.mark.parametrize("length", [3000, 20_000])
def test_a_text_too_heavy_for_the_sums(length: int) -> None:
    """All its grams are distinct, so sums exceed 32 bits."""
    long = "".join(chr(0x4E00 + i) for i in range(length))
    keys = [long, long[: length // 2], long[::-1], "lesion"]
    for query in (long, long[:-1]):
        assert found(make_index(keys), query, k=3, min_similarity=0.1) == expected(
            keys, query, k=3, min_similarity=0.1
        )


@pytest.mark.parametrize("probed", [False, True])
def test_a_text_heavier_than_all_keys(probed: bool) -> None:
    """Its weight exceeds 32 bits, while the weight of any key is far below."""
    keys = [f"name {number}" for number in range(5000)]
    query = "".join(chr(0x4E00 + i) for i in range(6000)) + " name 17"
    hits = found(make_index(keys, probed=probed), query, k=3, min_similarity=0.0)
    assert hits == expected(keys, query, k=3, min_similarity=0.0)
    assert hits[0][0] == "name 17"


@settings(max_examples=100, deadline=None)
@given(KEYS, WORDS, st.booleans())
def test_a_key_exactly_at_the_threshold_is_found(keys: list[str], query: str, probed: bool) -> None:
    index = make_index(keys, probed=probed)
    everything = found(index, query, k=len(keys), min_similarity=0.0)
    for _, cosine in everything:
        kept = found(index, query, k=len(keys), min_similarity=cosine)
        assert kept == [hit for hit in everything if hit[1] >= cosine]
        above = float(np.nextafter(cosine, 2.0))
        if above <= 1.0:
            kept = found(index, query, k=len(keys), min_similarity=above)
            assert kept == [hit for hit in everything if hit[1] > cosine]


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_every_key_finds_itself_and_nothing_else_is_found(keys: list[str]) -> None:
    index = make_index(keys)
    for key in keys:
        key_id = index.find(key)
        assert key_id is not None
        assert index.key(key_id) == key
        assert (key, 1.0) in found(index, key, k=len(keys), min_similarity=1.0)
    for stranger in ("q", "", keys[0] + "q", "q" + keys[0]):
        assert index.find(stranger) is None


def real_keys(shared_data: Path, count: int) -> list[str]:
    import gzip
    import json

    from concept_linker.search.normalise import key

    keys = []
    with gzip.open(shared_data / "kb100k/kb.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            keys.extend(map(key, [row["canonical_name"], *row["aliases"]]))
    return sorted({k for k in keys if k})[:: max(1, len(keys) // count)]


@pytest.mark.parametrize("probed", [False, True])
def test_equal_to_the_plain_index_on_real_names(shared_data: Path, probed: bool) -> None:
    import json

    keys = real_keys(shared_data, 4000)
    index, plain = make_index(keys, probed=probed), PlainIndex(keys)
    lines = (shared_data / "kb100k/mentions_hard.jsonl").read_text("utf-8").splitlines()
    from concept_linker.search.normalise import key

    row = json.loads(lines[0])
    column = next(name for name in ("mention", "text", "query") if name in row)
    for line in lines[::100]:
        query = key(json.loads(line)[column])
        for k, min_similarity in ((5, 0.7), (30, 0.3), (10, 0.0)):
            answer_expected = plain.search(query, k=k, min_similarity=min_similarity)
            assert found(index, query, k=k, min_similarity=min_similarity) == answer_expected


def same(one: Hits, other: Hits) -> bool:
    """Returns whether two results agree where they are filled."""
    filled = np.arange(one.places.shape[1]) < one.counts[:, None]
    return (one.counts == other.counts).all() and all(
        (getattr(one, name)[filled] == getattr(other, name)[filled]).all()
        for name in ("concepts", "places", "similarities")
    )


KEY_LIST = [f"{a}{b} {c}" for a in "abcdef" for b in ("ion", "ine") for c in ("x", "lesion")]
QUERIES = [("aion",), ("bine lesion", "lesion bine"), (), ("zzz",), ("lesion",)] * 3


@pytest.mark.parametrize("probed", [False, True])
def test_batches_equal_single_queries(probed: bool) -> None:
    index = make_index(KEY_LIST, probed=probed)
    hits = index.search_many(QUERIES, k=4, min_similarity=0.2)
    for i, query in enumerate(QUERIES):
        alone = index.search_many([query], k=4, min_similarity=0.2)
        row = Hits(*(getattr(hits, name)[i : i + 1] for name in Hits.__slots__))
        assert same(alone, row)


@pytest.mark.parametrize("probed", [False, True])
def test_threads_give_the_same_answers(probed: bool) -> None:
    index = make_index(KEY_LIST, probed=probed)
    answer_expected = index.search_many(QUERIES * 20, k=5, min_similarity=0.3)
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(
            lambda _: index.search_many(QUERIES * 20, k=5, min_similarity=0.3), range(8)
        )
        assert all(same(answer, answer_expected) for answer in answers)


@pytest.mark.parametrize("probed", [False, True])
@pytest.mark.parametrize("keys", [["a"], ["ab", "ba"]])
def test_a_query_without_a_known_gram_finds_nothing(keys: list[str], probed: bool) -> None:
    assert found(make_index(keys, probed=probed), "qqq", k=3, min_similarity=0.0) == []
    assert found(make_index(keys, probed=probed), "", k=3, min_similarity=0.0) == []
