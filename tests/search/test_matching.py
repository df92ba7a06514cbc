"""``KnowledgeBase.search`` against plain Python: same concepts, names, similarities and order."""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_index import PlainIndex

from concept_linker import Candidate, KnowledgeBase
from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import NameKind, SourceInfo, SourceTables
from concept_linker.search import index as key_index
from concept_linker.search.normalise import case_agrees, keys

#: Concept number, name, kind; the first name of a concept becomes its preferred one.
Row = tuple[int, str, int]

WORDS = (
    "CAT;cat;Cats;IL-6;IL6;a;b;?!;aaa aaaa;Carcinoma, Squamous Cell;squamous cell carcinoma;αβ;"
    "漢字;lesion of the lung"
).split(";")
NAMES = st.one_of(
    st.sampled_from([*WORDS, "ab" * 30, "x" * 1000]),
    st.text(st.sampled_from("abAB ,-é"), min_size=1, max_size=10).filter(str.strip),
)
ROWS = st.lists(st.tuples(st.integers(0, 7), NAMES, st.integers(0, 3)), min_size=1, max_size=30)


def make_base(rows: list[Row], folder: Path) -> KnowledgeBase:
    names = [(f"X:{number}", name, kind, "TEST") for number, name, kind in rows]
    build_knowledge_base([SourceTables.from_rows(SourceInfo("table", "test"), names=names)], folder)
    return KnowledgeBase.open(folder)


def plain_search(kb: KnowledgeBase, text: str, *, k: int, min_similarity: float) -> list[Candidate]:
    """What ``search_many`` documents, by going through all names."""
    table = [
        (name.text, name.kind, concept_id)
        for concept_id in kb.rows.ids
        for name in kb.concept(concept_id).names
    ]
    forms = keys(text)
    plain = PlainIndex([key for name, _, _ in table for key in keys(name)])
    place = {key: i for i, key in enumerate(plain.keys)}
    ranked = []
    for number, (name, kind, concept_id) in enumerate(table):
        for key in keys(name):
            if key in forms:
                order = (0, forms.index(key), not case_agrees(text, name), kind, number)
                ranked.append((order, 1.0, concept_id, number))
                continue
            similarity = max((plain.similarity(form, key) for form in forms), default=0.0)
            if similarity > 0 and similarity >= min_similarity:
                ranked.append(
                    ((1, -similarity, place[key], kind, number), similarity, concept_id, number)
                )
    found: dict[str, Candidate] = {}
    for _, similarity, concept_id, number in sorted(ranked):
        name, alias = kb.concept(concept_id).name, table[number][0]
        found.setdefault(concept_id, Candidate(concept_id, name, alias, similarity, similarity, ()))
    return list(found.values())[:k]


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(NAMES, min_size=1, max_size=4), st.integers(1, 9), st.floats(0, 1))
def test_equal_to_plain_python(
    rows: list[Row], texts: list[str], k: int, min_similarity: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kb = make_base(rows, Path(folder) / "kb")
        for text, candidates in zip(
            texts, kb.search_many(texts, k=k, min_similarity=min_similarity), strict=True
        ):
            assert candidates == plain_search(kb, text, k=k, min_similarity=min_similarity)


@pytest.mark.parametrize("few_keys", [0, key_index.FEW_KEYS])
def test_both_ways_on_real_names(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_keys: int
) -> None:
    import gzip
    import json

    rows = []
    with gzip.open(shared_data / "kb100k/kb.jsonl.gz", "rt", encoding="utf-8") as stream:
        for number, line in zip(range(200), stream, strict=False):
            row = json.loads(line)
            rows += [(number, name, 1) for name in [row["canonical_name"], *row["aliases"]]]
    monkeypatch.setitem(key_index.build.__kwdefaults__, "few_keys", few_keys)
    kb = make_base(rows, tmp_path / "kb")
    texts = [name[1:] + name[:1] for _, name, _ in rows[::80]] + [rows[5][1], rows[9][1].upper()]
    for k, min_similarity in ((30, 0.2), (3, 0.6)):
        answers = kb.search_many(texts, k=k, min_similarity=min_similarity)
        for text, candidates in zip(texts, answers, strict=True):
            assert candidates == plain_search(kb, text, k=k, min_similarity=min_similarity)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    names = [f"{a} {b} {c}" for a in ("left", "right") for b in ("lung", "kidney", "hippocampus")
             for c in ("lesion", "cyst", "tumour", "oedema")]  # fmt: skip
    rows = [(i // 2, name, 1) for i, name in enumerate(names)]
    return make_base(rows, tmp_path_factory.mktemp("kb") / "kb")


TEXTS = ["left lung", "kidny cyst", "hipocampus", "LEFT LUNG LESION", "", "?", "漢"] * 5


def test_batches_repeats_and_single_texts_agree(kb: KnowledgeBase) -> None:
    answers = kb.search_many(TEXTS, k=4, min_similarity=0.3)
    assert answers == [kb.search(text, k=4, min_similarity=0.3) for text in TEXTS]
    assert kb.search_many([], k=4, min_similarity=0.3) == []
    answers[0].clear()  # an answer belongs to its caller
    assert kb.search_many(TEXTS, k=4, min_similarity=0.3)[0]


def answers_of(kb: KnowledgeBase) -> list[list[Candidate]]:
    return kb.search_many(TEXTS, k=4, min_similarity=0.3)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12's, and our purpose
@pytest.mark.parametrize("way", ["thread", "fork", "spawn"])
def test_threads_and_processes_give_the_same_answers(kb: KnowledgeBase, way: str) -> None:
    expected = answers_of(kb)
    if way != "thread" and way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {way}")
    pool = (
        ThreadPoolExecutor(3)
        if way == "thread"
        else ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(way))
    )
    with pool as workers:
        assert list(workers.map(answers_of, [kb] * 4)) == [expected] * 4


def copy(kb: KnowledgeBase, folder: Path) -> Path:
    folder.mkdir()
    for path in kb.path.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("name", key_index.ARRAYS)
def test_a_truncated_array_is_rejected(kb: KnowledgeBase, tmp_path: Path, name: str) -> None:
    folder = copy(kb, tmp_path / "kb")
    path = folder / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(KnowledgeBaseError, match=rf"{name}\.npy.*damaged"):
        KnowledgeBase.open(folder)


@pytest.mark.parametrize("name", key_index.ARRAYS)
def test_a_flipped_bit_is_found_on_demand(kb: KnowledgeBase, tmp_path: Path, name: str) -> None:
    folder = copy(kb, tmp_path / "kb")
    store.verify(folder)
    data = np.fromfile(folder / f"{name}.npy", np.uint8)
    data[-1] ^= 1
    data.tofile(folder / f"{name}.npy")
    with pytest.raises(KnowledgeBaseError, match=rf"{name}\.npy: wrong checksum"):
        store.verify(folder)


def test_a_newer_format_is_rejected(kb: KnowledgeBase, tmp_path: Path) -> None:
    folder = copy(kb, tmp_path / "kb")
    manifest = (folder / store.MANIFEST).read_text("utf-8")
    newer = manifest.replace(f'"format": {store.FORMAT}', f'"format": {store.FORMAT + 1}', 1)
    assert newer != manifest
    (folder / store.MANIFEST).write_text(newer, "utf-8")
    with pytest.raises(KnowledgeBaseError, match=f"format is {store.FORMAT + 1}"):
        KnowledgeBase.open(folder)


def test_an_equal_name_comes_before_one_of_the_same_cosine(tmp_path: Path) -> None:
    """ "aaaa" has the grams of "aaa": both are at 1.0, and only one of them is the text."""
    rows = [(0, "aaa aaa", NameKind.PREFERRED), (1, "aaa aaaa", NameKind.PREFERRED)]
    kb = make_base(rows, tmp_path / "kb")
    for text in ("aaa aaa", "aaa aaaa"):
        assert kb.search(text, k=1)[0].alias == text
