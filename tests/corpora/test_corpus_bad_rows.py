"""A bad row of a corpus is set aside alone, with its place and the reason."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import corpus_writers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.corpora import read_corpus
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.errors import SourceError
from concept_linker.quarantine import Quarantine

FORMATS = ["pubtator", "jsonl", "bioc_json", "bioc_xml", "brat"]
FAR = GoldMention(((100_000, 100_007),), ("D000009",), ("X",))


def skipping(path: Path, room: Path) -> tuple[GoldCorpus, list[dict[str, Any]]]:
    """The corpus without its bad rows, and the bad rows."""
    kept = room / "bad.jsonl"
    kept.unlink(missing_ok=True)
    corpus = read_corpus(path, quarantine=Quarantine(kept))
    rows = kept.read_text("utf-8").splitlines() if kept.exists() else []
    assert corpus.bad == len(rows)
    return corpus, [json.loads(row) for row in rows]


@st.composite
def documents(draw: st.DrawFn) -> list[GoldDocument]:
    """Documents of words, some of which are mentions."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.sampled_from("edema TNF-α lung cyst".split()), min_size=1))
        text = " ".join(["Some", *words])
        mentions = []
        at = 5
        for word in words:
            if draw(st.booleans()):
                mentions.append(GoldMention(((at, at + len(word)),), ("D000001",), ("X",)))
            at += len(word) + 1
        made.append(GoldDocument(f"d{number}", text, tuple(mentions)))
    return made


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@settings(max_examples=25)
def test_a_mention_outside_the_text_is_set_aside_alone(format: str, data: st.DataObject) -> None:
    good = data.draw(documents())
    chosen = data.draw(st.sets(st.integers(0, len(good) - 1), min_size=1))
    spoilt = [
        replace(one, mentions=(*one.mentions, FAR)) if number in chosen else one
        for number, one in enumerate(good)
    ]
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        path = getattr(corpus_writers, format)(spoilt, room / "corpus")
        corpus, rows = skipping(path, room)
        assert corpus.documents == tuple(good)
        assert len(rows) == len(chosen)
        for row in rows:
            assert "is not in the text" in row["problem"]
            assert "100000" in row["row"]
        with pytest.raises(SourceError, match="100000, 100007"):
            read_corpus(path)


XML = (
    "<collection><document><id>1</id><passage><offset>0</offset><text>A cold.</text><annotation>"
    '<location offset="{0}" length="4"/></annotation></passage></document></collection>'
)
GOOD = {"start": 2, "end": 6, "ids": ["D1"], "label": "X"}
CORPUS: dict[str, Callable[[Any], str]] = {
    "jsonl": lambda bad: json.dumps({"id": "1", "text": "A cold.", "mentions": [GOOD, bad]}),
    "bioc": lambda bad: json.dumps(
        {"documents": [{"id": "1", "passages": [{"offset": 0, "text": "A cold.", "annotations": [
            {"infons": {"MESH": "D1"}, "text": "cold", "locations": [{"offset": 2, "length": 4}]},
            bad,
        ]}]}]}
    ),
    "sentences": lambda bad: json.dumps(
        {"pmid": "1", "sentences": [
            {"tokens": ["A", "cold", "."], "mentions": [[1, 2, "D1"], bad]}
        ]}
    ),
    "medmentions": lambda bad: json.dumps(
        {"pmid": "1", "text": "A cold.", "mentions": [{"start": 2, "end": 6, "cui": "D1"}, bad]}
    ),
    "craft": lambda bad: json.dumps(
        {"fig_id": "1", "caption": "A cold.",
         "mentions": [{"spans": [[2, 6]], "ontology": "X", "id": "D1"}, bad]}
    ),
}  # fmt: skip
BAD: list[Any] = [
    {}, None, 3, "D1", [], [1], {"start": "a", "end": 6, "ids": []}, {"spans": [[1]], "ids": []},
    {"spans": [[2, 6, 7]], "ontology": "X", "id": "D1"}, {"start": 6, "end": 2, "ids": []},
    {"locations": [], "text": "cold"}, {"locations": [{"offset": 2}]}, [0, 9, "D1"], [1, 1, "D1"],
    {"start": 2, "end": 6, "cui": None},
    {"start": 2, "end": 6, "text": "hot", "ids": [], "cui": ""},
    {"locations": [{"offset": -2, "length": 4}], "text": "cold"},
]  # fmt: skip


@pytest.mark.parametrize("format", CORPUS)
@pytest.mark.parametrize("bad", BAD, ids=json.dumps)
def test_a_malformed_mention_is_set_aside_alone(tmp_path: Path, format: str, bad: Any) -> None:
    path = tmp_path / "corpus"
    path.write_text(CORPUS[format](bad) + "\n")
    corpus, rows = skipping(path, tmp_path)
    assert [mention.spans for _, mention in corpus] == [((2, 6),)]
    [row] = rows
    assert row["row"] in (bad, json.dumps(bad))
    assert row["line"] == (None if format == "bioc" else 1)
    with pytest.raises(SourceError):
        read_corpus(path)


LINES = [
    '{"id": "1", "text": "A cold.", "mentions": []}',
    "{",
    '{"id": "2", "text": 3, "mentions": []}',
    '{"id": "3", "text": "Edema.", "mentions": []}',
]


def test_malformed_lines_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes("\n".join(LINES).encode() + b'\n{"id": "\xff"}\n')
    corpus, rows = skipping(path, tmp_path)
    assert [document.id for document in corpus.documents] == ["1", "3"]
    assert [row["line"] for row in rows] == [2, 3, 5]
    assert rows[0]["row"] == "{"
    assert corpus.only(lambda mention: False).bad == 3


def test_malformed_lines_of_pubtator_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    path.write_text(
        "1|t|A cold.\n1\t2\t6\tcold\tX\tD1\n1\t2\tsix\tcold\tX\tD1\n1|a|Late.\n1\t2\n\n"
        "2\t2\t6\tcold\tX\tD1\n\n3|t|Edema.\n3\t0\t5\tEdema\tX\tD2\n"
    )
    corpus, rows = skipping(path, tmp_path)
    assert [mention.ids for _, mention in corpus] == [("D1",), ("D2",)]
    assert [row["line"] for row in rows] == [3, 4, 5, 7]


def test_unreadable_files_of_brat_are_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "brat"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.ann").write_text("T1\tX 2 6\tcold\nT2 X 2 6 cold\nN1\tReference T1\n")
    (folder / "a.txt").write_text("A cold.")
    (folder / "c.txt").write_bytes(b"A cold\xff")
    corpus, rows = skipping(folder, tmp_path)
    assert [document.id for document in corpus.documents] == ["a"]
    assert len(corpus) == 1
    found = [(Path(row["file"]).name, row["line"]) for row in rows]
    assert found == [("a.ann", 2), ("a.ann", 3), ("b.txt", None), ("c.txt", None)]


def test_broken_xml_is_read_up_to_the_error(tmp_path: Path) -> None:
    good = [GoldDocument(f"d{n}", "A cold.", (GoldMention(((2, 6),), ("D1",)),)) for n in range(9)]
    good = [replace(one, text="Some A cold.", mentions=()) for one in good]
    path = corpus_writers.bioc_xml(good, tmp_path / "a.xml")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"<id>d5")])
    corpus, [row] = skipping(path, tmp_path)
    assert corpus.documents == tuple(good[:5])
    assert row["problem"].startswith("not XML: ")
    assert "nothing after it is read" in row["problem"]
    path.write_bytes(whole.replace(b"<offset>0", b"<offset>x", 1))
    corpus, [row] = skipping(path, tmp_path)
    assert corpus.documents == tuple(good[1:])


HUGE = "9" * 5000
DEEP = "<b>" * 50_000 + "</b>" * 50_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ann", f"T1\tX {HUGE} {HUGE}\tcold\n"),
        ("a.pubtator", f"1|t|A cold.\n1\t{HUGE}\t{HUGE}\tcold\tX\tD1\n"),
        ("a.pubtator", f"1|t|A cold.\n1\t{HUGE[:4000]}\t6\tcold\tX\tD1\n"),
        ("a.xml", XML.format(HUGE)),
        ("a.xml", XML.format("x").replace("<location", DEEP + "<location")),
        ("a.jsonl", f'{{"text": "A cold.", "mentions": [{{"start": {HUGE[:4000]}, "end": 3}}]}}'),
    ],
    ids=["brat", "pubtator", "pubtator, a number still", "xml", "deep xml", "jsonl"],
)
def test_monsters_are_one_short_line(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    (tmp_path / "a.txt").write_text("A cold.")
    corpus, [row] = skipping(path, tmp_path)
    assert (len(corpus.documents), len(corpus)) == (1, 0)
    assert len(row["problem"]) <= 400
    with pytest.raises(SourceError) as caught:
        read_corpus(path)
    assert len(str(caught.value)) < 600


def test_nothing_left_is_an_error_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    path.write_text('{"text": 3, "mentions": []}\n' * 3)
    with pytest.raises(SourceError, match=r"contains no documents \(3 bad rows\)"):
        read_corpus(path, quarantine=Quarantine(tmp_path / "bad"))


@pytest.mark.parametrize("content", ["", "\n\n", "[]", '{"documents": []}', "<collection/>"])
def test_a_corpus_without_documents_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "corpus"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"contains no documents|no corpus format fits|is empty"):
        read_corpus(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="contains no documents"):
        read_corpus(tmp_path / "folder")


def test_a_folder_of_files_is_read_as_a_file(tmp_path: Path) -> None:
    good = [GoldDocument(f"d{n}", "Some cold.", ()) for n in range(4)]
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    corpus_writers.bioc_xml(good[:1], folder / "a.xml")
    corpus_writers.jsonl(good[1:3], folder / "b" / "a.jsonl")
    corpus_writers.pubtator(good[3:], folder / "c.txt")
    (folder / "old.quarantine.jsonl").write_text("{}\n")
    assert read_corpus(folder).documents == tuple(good)
    (folder / "README.md").write_text("No corpus.")
    (folder / "d.json").write_text('{"passages": [')
    corpus, rows = skipping(folder, tmp_path)
    assert corpus.documents == tuple(good)
    assert [Path(row["file"]).name for row in rows] == ["README.md", "d.json"]
    with pytest.raises(SourceError, match=r"README\.md: no corpus format fits"):
        read_corpus(folder)


@pytest.mark.parametrize("first", ["{", '{"id": "\\ud800"}', "null", "{}"])
def test_a_bad_first_line_does_not_hide_the_format(tmp_path: Path, first: str) -> None:
    path = tmp_path / "corpus"
    path.write_text(f"{{{first}\n" + LINES[0] + "\n")
    corpus, rows = skipping(path, tmp_path)
    assert (len(corpus.documents), rows[0]["line"]) == (1, 1)
    path.write_text("PMID|kind|text\n1|t|A cold.\n")
    corpus, rows = skipping(path, tmp_path)
    assert (len(corpus.documents), rows[0]["line"]) == (1, 1)
