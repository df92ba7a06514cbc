"""Every format reads what a plain writer of it writes; errors say what is wrong and where."""

from __future__ import annotations

import gzip
import re
import tempfile
from pathlib import Path

import corpus_writers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.corpora import FORMATS, detect_format, read_corpus
from concept_linker.corpora.gold import GoldDocument, GoldMention
from concept_linker.errors import SettingsError, SourceError
from concept_linker.runtime.registry import load

WORDS = st.text("abßé αZ9<&-", min_size=1, max_size=30).map(lambda t: f"xy z {t.strip() or 'q'}.")
IDS = st.lists(st.sampled_from(["C0000001", "D000001", "MESH:D000002", "HP:0000001"]), unique=True)


@st.composite
def documents(draw: st.DrawFn, pieces: int) -> list[GoldDocument]:
    """Documents with mentions of up to ``pieces`` parts, in reading order."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        text = draw(WORDS)
        mentions = []
        for _ in range(draw(st.integers(0, 4))):
            edges = st.lists(
                st.integers(5, len(text)), min_size=2, max_size=2 * pieces, unique=True
            )
            cuts = sorted(draw(edges))
            cuts = cuts[: len(cuts) // 2 * 2]
            spans = tuple(zip(cuts[::2], cuts[1::2], strict=True))
            mentions.append(GoldMention(spans, tuple(draw(IDS)), (draw(st.sampled_from("DE")),)))
        mentions.sort(key=lambda m: (m.start, -m.end))
        made.append(GoldDocument(f"d{number}", text, tuple(mentions)))
    return made


def read_back(write: str, made: list[GoldDocument], **options: bool) -> tuple[GoldDocument, ...]:
    with tempfile.TemporaryDirectory() as room:
        path = getattr(corpus_writers, write)(made, Path(room) / "corpus", **options)
        assert detect_format(path) == write
        return read_corpus(path).documents


@pytest.mark.parametrize("format", ["jsonl", "bioc_json", "bioc_xml", "brat"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(format: str, data: st.DataObject) -> None:
    made = data.draw(documents(pieces=2))
    assert read_back(format, made) == tuple(made)


@given(documents(pieces=1))
@settings(max_examples=40, deadline=None)
def test_pubtator_and_bioc_lines(made: list[GoldDocument]) -> None:
    assert read_back("pubtator", made) == tuple(made)
    assert read_back("bioc_json", made, lines=True) == tuple(made)


def test_gzip_is_read_as_plain(tmp_path: Path) -> None:
    plain = tmp_path / "a.jsonl"
    plain.write_text('{"text": "a cold", "mentions": [{"start": 2, "end": 6, "ids": []}]}\n')
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_corpus(plain).documents == read_corpus(packed).documents
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(SourceError, match=r"b\.jsonl\.gz, line \d: cannot be read"):
        read_corpus(packed)


PUBTATOR = "1|t|A cold.\n1|a|More.\n1\t2\t6\tcold\tDisease\tD003139\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (PUBTATOR.replace("\t6\t", "\t7\t").replace("cold\t", "hot\t"), "line 3: the text at 2 is"),
        (PUBTATOR.replace("\t6\t", "\t60\t"), r"line 3: span \(2, 60\)"),
        (PUBTATOR.replace("\t6\t", "\tsix\t"), "line 3: start '2', end 'six': expected integers"),
        (PUBTATOR + "1\t2\n", "line 4: 2 columns"),
        (PUBTATOR + "2\t2\t6\tcold\tDisease\tD003139\n", "line 4: line .* has no title before it"),
        (PUBTATOR + "1|a|More.\n", "line 4: passage after a mention"),
        ('{"text": "a", "mentions": 3}\n', "line 1: mentions: Input should be"),
        ('{"text": "a", "mentions": []}\n{"text": "a", "mentions": [{}]}', r"line 2: mentions\.0"),
        ('{"text": "a", "mentions": [{"ids": []}]}\n', r"line 1: mentions\.0: the mention has no"),
        ('{"pmid": "1", "mentions": []}\n', "line 1: the document has no text"),
        ('{"passages": []\n', "line 2: not JSON"),
        ('{"documents": [{"id": "1"}]}', r"documents\.0\.passages: Field required"),
        ("<collection>\n<document></collection>", "line 2: not XML: mismatched tag"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>\n<collection/>", "line 1: declares the entity b"),
        ("<collection>\n\n<document><passage><text>a</text></passage></document></collection>",
         "line 3: document '': offset or length is None"),
        ("nothing of the kind", "no corpus format fits"),
        ("", "is empty, expected a gold corpus"),
        ("<collection></collection>", "contains no documents"),
    ],
)  # fmt: skip
def test_bad_files_say_what_and_where(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "corpus"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=problem) as caught:
        read_corpus(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_bad_brat_says_what_and_where(tmp_path: Path) -> None:
    notes = tmp_path / "a.ann"
    notes.write_text("T1\tDisease 2 6\tcold\nT2\tDisease 2\tcold\n")
    with pytest.raises(SourceError, match=r"a\.txt: no such file"):
        read_corpus(notes)
    (tmp_path / "a.txt").write_text("A cold.")
    with pytest.raises(SourceError, match=r"a\.ann, line 2: .*expected name, 'type start end'"):
        read_corpus(tmp_path)
    notes.write_text("#1\tAnnotatorNotes T1\tC0009443\nT1\tDisease 2 6\tcold\n")
    [(_, mention)] = read_corpus(notes)
    assert mention.ids == ("C0009443",)


def test_formats_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="corpus format is 'conll', expected brat, "):
        read_corpus(tmp_path, "conll")
    with pytest.raises(SourceError, match="no such file"):
        read_corpus(tmp_path / "none")
    for format in FORMATS.values():
        assert callable(format.load())
        assert callable(load(format.detect))


@pytest.mark.parametrize(
    ("path", "format", "documents", "mentions", "without_id", "composite", "discontinuous"),
    [
        ("medmentions/full_dev.jsonl.gz", "medmentions", 289, 23262, 0, 0, 0),
        ("bc5cdr/dev.pubtator.txt.gz", "pubtator", 500, 9591, 59, 99, 0),
        ("ncbi_disease/dev.pubtator.txt.gz", "pubtator", 100, 787, 0, 30, 0),
        ("craft_captions/dev.jsonl.gz", "craft", 44, 1423, 0, 0, 18),
    ],
)
def test_real_corpora(
    shared_data: Path, path: str, format: str, documents: int, mentions: int, without_id: int,
    composite: int, discontinuous: int,
) -> None:  # fmt: skip
    assert detect_format(shared_data / path) == format
    corpus = read_corpus(shared_data / path)
    assert (len(corpus.documents), len(corpus)) == (documents, mentions)
    every = [mention for _, mention in corpus]
    assert sum(not m.ids for m in every) == without_id
    assert sum(len(m.ids) > 1 for m in every) == composite
    assert sum(len(m.spans) > 1 for m in every) == discontinuous


def test_subsets_and_sentences_of_medmentions(shared_data: Path) -> None:
    dev = read_corpus(shared_data / "medmentions/full_dev.jsonl.gz")
    assert len(dev.subset("st21pv")) == 13319
    assert {mention.group for _, mention in dev} >= {"ANAT", "DISO", "CHEM"}
    sentences = read_corpus(shared_data / "medmentions/st21pv_train_sentences.jsonl.gz")
    assert len(sentences) == 121_999
    first = sentences.documents[0]
    assert first.surface(first.mentions[0]) == "dynactin 4"


def test_the_documentation_lists_the_formats() -> None:
    page = Path(__file__).parents[2] / "docs" / "evaluation.md"
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page.read_text("utf-8"), re.MULTILINE)
    listed = dict(rows)
    assert {name: listed.get(name) for name in FORMATS} == {
        name: format.description for name, format in FORMATS.items()
    }
