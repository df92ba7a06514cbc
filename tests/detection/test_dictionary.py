"""The dictionary detector and its filters, on a small knowledge base."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.detection.detector import detect_stream
from concept_linker.detection.dictionary import DictionaryDetector
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.search.normalise import TOKEN, key

NAMES = [
    ("X:1", "lesion", 0),
    ("X:2", "Hippocampus", 0),
    ("X:3", "left ventricle", 0),
    ("X:4", "left ventricular hypertrophy", 0),
    ("X:5", "Magnetic Resonance Imaging", 0),
    ("X:5", "MRI", 2),
    ("X:6", "catalase", 0),
    ("X:6", "CAT", 2),
    ("X:7", "BMP", 2),
    ("X:8", "SH3YL1", 0),
    ("X:8", "Ray", 2),
    ("X:9", "Carcinoma, Squamous Cell", 0),
    ("X:10", "A", 0),
    ("X:11", "vitamin C", 0),
    ("X:12", "TNF-alpha", 0),
    ("X:13", "mass", 0),
    ("X:14", "cell", 0),
    ("X:15", "IV", 2),
    ("X:16", "B1", 0),
    ("X:17", "X-ray", 0),
    ("X:18", "bone marrow edema", 0),
    ("X:19", "1,25-dihydroxyvitamin D", 0),
]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder: Path = tmp_path_factory.mktemp("kb") / "small"
    rows = [(cid, name, kind, "X") for cid, name, kind in NAMES]
    build_knowledge_base([SourceTables.from_rows(SourceInfo("test", "small"), names=rows)], folder)
    return KnowledgeBase.open(folder)


@pytest.fixture(scope="module")
def detector(kb: KnowledgeBase) -> DictionaryDetector:
    return DictionaryDetector(kb, everyday=frozenset({"mass"}))


def found(detector: DictionaryDetector, text: str) -> list[str]:
    return [text[start:end] for start, end, *_ in detector.detect([text]).spans[0]]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Lesions of the hippocampi.", ["Lesions", "hippocampi"]),
        ("left ventricular hypertrophy", ["left ventricular hypertrophy"]),
        ("The left ventricle", ["left ventricle"]),
        ("squamous-cell carcinomas", ["squamous-cell carcinomas"]),
        ("TNF-α, TNFα and TNF alpha", ["TNF-α", "TNFα", "TNF alpha"]),
        # case
        ("A cat with CAT and CATs.", ["CAT", "CATs"]),
        ("MRI, MRIs, mri", ["MRI", "MRIs"]),
        ("X-ray, not ray or RAY; but Ray", ["X-ray", "Ray"]),
        # edges of words
        ("BMP4 and xBMP, BMP", ["BMP"]),
        ("cell_line cell-line", ["cell"]),
        # nothing runs over a break
        ("left (ventricle) left, ventricle left; ventricle left. Ventricle", []),
        ("bone marrow\nedema, bone  marrow edema", ["bone  marrow edema"]),
        # panel labels, numbers, everyday words
        ("(A) A, B1, IV, 12 mass", []),
        ("LESIONS WITHOUT A CELL MASS", ["LESIONS", "CELL"]),
        ("vitamin C", ["vitamin C"]),
        ("1,25-dihydroxyvitamin D; 1, 25-dihydroxyvitamin D", ["1,25-dihydroxyvitamin D"]),
        ("", []),
        ("!!! ...", []),
    ],
)
def test_filters(detector: DictionaryDetector, text: str, mentions: list[str]) -> None:
    assert found(detector, text) == mentions


def test_texts_together_give_what_each_gives_alone(detector: DictionaryDetector) -> None:
    texts = ["Lesions of the hippocampi.", "", "LESIONS WITHOUT A CELL MASS", "\n", "mass, lesion"]
    assert detector.detect(texts * 60).spans == [detector.detect([t]).spans[0] for t in texts] * 60


def test_an_endless_stream(detector: DictionaryDetector) -> None:
    spans = detect_stream(detector, itertools.repeat("a lesion"))
    assert [next(spans) for _ in range(300)] == detector.detect(["a lesion"]).spans * 300


WORDS = st.sampled_from(
    [
        *"lesion left ventricle ventricular hypertrophy MRI TNF α cell squamous carcinoma".split(),
        *"bone marrow edema BMP 4 é".split(),
        *(" ", ", ", "-", "(", ")", "\0"),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=30))
def test_equal_to_a_plain_twin(kb: KnowledgeBase, words: list[str]) -> None:
    """Every run of tokens tried in plain Python, the longest first."""
    text = "".join(words)
    detector = DictionaryDetector(kb, everyday=frozenset())
    tokens = [(m.start(), m.end()) for m in TOKEN.finditer(text)]
    names = {key(name) for _, name, _ in NAMES} | {"squamous cell carcinoma"}
    runs = [
        (start, end)
        for i, (start, _) in enumerate(tokens)
        for j, (_, end) in enumerate(tokens[i:], i)
        if key(text[start:end]) in names
        and (i == 0 or tokens[i - 1][1] != start)
        and (j + 1 == len(tokens) or tokens[j + 1][0] != end)
        and not any(
            any(c in "()\n" for c in text[a:b])
            or ", " in text[a:b]
            or b - a > 3
            or " -" in text[a:b]
            or "- " in text[a:b]
            for (_, a), (b, _) in zip(tokens[i:j], tokens[i + 1 : j + 1], strict=True)
        )
        and detector._accepts(text[start:end])
    ]
    taken: list[tuple[int, int]] = []
    for start, end in sorted(runs, key=lambda run: (run[0] - run[1], run)):
        if all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
    assert [(start, end) for start, end, *_ in detector.detect([text]).spans[0]] == sorted(taken)
