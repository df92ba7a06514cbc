"""Variants of the formats in use: units of offsets, spellings, and ids of many kinds."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.corpora import read_corpus
from concept_linker.corpora.id_parsing import parse_ids, parse_infons
from concept_linker.corpora.surface_forms import same_letters
from concept_linker.errors import SourceError

# Each word occurs once in a text, so only one place has its letters.
WORDS = "edema TNF-α naïve 𝛼-SMA β₂ “ICU” Sjögren’s kidney µCT 𝟙st Ödem".split()
BLANKS = st.sampled_from([" ", "  ", "\n", "\r\n", "\u2003"])

#: Unit → the offset that a program with this unit writes for an offset in code points.
UNITS: dict[str, Callable[[str, int], int]] = {
    "code points": lambda text, at: at,
    "UTF-8 bytes": lambda text, at: len(text[:at].encode()),
    "UTF-16 units": lambda text, at: len(text[:at].encode("utf-16-le")) // 2,
    "CRLF as one": lambda text, at: len(text[:at].replace("\r\n", "\n")),
    "LF as two": lambda text, at: len(text[:at].replace("\r\n", "\n").replace("\n", "\r\n")),
}


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A text, and the spans of its words."""
    text = ""
    spans = []
    for word in draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True)):
        text += draw(BLANKS) if text else ""
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, spans


def brat(text: str, spans: list[tuple[int, int]], unit: Any, room: Path) -> Path:
    (room / "a.txt").write_bytes(text.encode())
    rows = (
        f"T{n}\tX {unit(text, b)} {unit(text, e)}\t{text[b:e]}\n"
        for n, (b, e) in enumerate(spans, 1)
    )
    (room / "a.ann").write_text("".join(rows), "utf-8")
    return room / "a.ann"


def bioc(passages: list[dict[str, Any]], room: Path) -> Path:
    path = room / "a.json"
    path.write_text(json.dumps({"documents": [{"id": "1", "passages": passages}]}))
    return path


def passage(text: str, spans: list[tuple[int, int]], unit: Any, offset: int, begin: int) -> Any:
    """A passage whose mentions count from another offset than its own."""
    marked = [
        {
            "infons": {"identifier": "D1"},
            "text": text[b:e],
            "locations": [
                {"offset": begin + unit(text, b), "length": unit(text, e) - unit(text, b)}
            ],
        }
        for b, e in spans
    ]
    return {"offset": offset, "text": text, "annotations": marked}


@pytest.mark.parametrize("unit", UNITS)
@given(marked_texts())
@settings(max_examples=40)
def test_brat_in_any_unit(unit: str, made: tuple[str, list[tuple[int, int]]]) -> None:
    text, spans = made
    with tempfile.TemporaryDirectory() as room:
        corpus = read_corpus(brat(text, spans, UNITS[unit], Path(room)))
    assert corpus.documents[0].text == text
    assert [mention.spans for _, mention in corpus] == [(span,) for span in spans]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("begins", ["at the document's", "at the passage's", "all passages at 0"])
@given(marked_texts(), marked_texts())
@settings(max_examples=25)
def test_bioc_in_any_unit_from_any_start(
    unit: str,
    begins: str,
    first: tuple[str, list[tuple[int, int]]],
    second: tuple[str, list[tuple[int, int]]],
) -> None:
    count = UNITS[unit]
    offset = 0 if begins == "all passages at 0" else count(first[0], len(first[0])) + 1
    begin = offset if begins == "at the document's" else 0
    passages = [passage(*first, count, 0, 0), passage(*second, count, offset, begin)]
    with tempfile.TemporaryDirectory() as room:
        corpus = read_corpus(bioc(passages, Path(room)))
    [document] = corpus.documents
    found = [document.surface(mention) for mention in document.mentions]
    assert found == [text[b:e] for text, spans in (first, second) for b, e in spans]
    places = [mention.start for mention in document.mentions]
    assert places[: len(first[1])] == [b for b, _ in first[1]]
    assert all(start > len(first[0]) for start in places[len(first[1]) :])


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_of_the_files_themselves(tmp_path: Path, ends: str) -> None:
    pubtator = tmp_path / "a.pubtator"
    lines = ["1|t|A cold.", "1|a|Edema β too.", "1\t2\t6\tcold\tX\tD1", "1\t8\t13\tEdema\tX\tD2"]
    pubtator.write_bytes((ends.join(lines) + ends).encode())
    assert [m.ids for _, m in read_corpus(pubtator)] == [("D1",), ("D2",)]
    xml = tmp_path / "a.xml"
    xml.write_bytes(
        f"<collection>{ends}<document>{ends}<id>1</id><passage><offset>0</offset>"
        f'<text>A{ends}cold.</text>{ends}<annotation id="1"><infon key="MESH">D1</infon>'
        f'<location offset="2" length="4"/><text>cold</text></annotation>'
        f"</passage></document></collection>".encode()
    )
    assert [m.ids for _, m in read_corpus(xml)] == [("MESH:D1",)]


def test_a_huge_gap_becomes_one_blank(tmp_path: Path) -> None:
    far = 10**15
    passages = [passage("Edema", [(0, 5)], UNITS["code points"], at, at) for at in (0, far)]
    [document] = read_corpus(bioc(passages, tmp_path)).documents
    assert document.text == "Edema Edema"
    assert [m.spans for m in document.mentions] == [((0, 5),), ((6, 11),)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("TNF-α", "TNF-a"),
        ("TNF-α", "TNF-alpha"),
        ("IL-1ß", "IL-1b"),
        ("IL-1β", "IL-1?"),
        ("SARS‐CoV‐2", "SARS CoV 2"),
        ("Sjögren’s", "Sjogren's"),
        ("Sjögren", "Sjoegren"),
        ("CO₂", "CO2"),
        ("∆F508", "delta F508"),
        ("ﬁbrosis", "fibrosis"),
        ("µCT", "uCT"),
        ("Straße", "STRASSE"),
        ("IFN-ɣ", "IFN-g"),
    ],
)
def test_normalised_spellings(text: str, written: str) -> None:
    assert same_letters(text, written)
    assert same_letters(written, text)
    assert not same_letters(text + "x", written)
    assert not same_letters(text, written + "x")


@given(st.text("αβγδεζηθικλμνξοπρστυφχψω AB9-", max_size=20))
def test_greek_letters_spelled_out(text: str) -> None:
    names = {"LAMDA": "lambda"}
    spelled = "".join(
        names.get(name, name.lower()) if (name := letter_name(c)) else c for c in text
    )
    assert same_letters(text, spelled)


def letter_name(character: str) -> str:
    name = unicodedata.name(character)
    return name.rpartition(" ")[2] if name.startswith("GREEK") else ""


@given(st.text("abcxyz19", max_size=12), st.text("abcxyz19", max_size=12))
def test_different_letters_differ(one: str, other: str) -> None:
    assert same_letters(one, other) == (one == other)
    assert same_letters(f"α{one}", f"a{other}") == (one == other)


KINDS = st.sampled_from(["SUB", "DEL", "INS", "DUP", "INDEL", "FS", "Allele"])
FORMS = st.builds(
    lambda level, kind, place: f"{level}|{kind}|V|{place}|E",
    st.sampled_from(["c", "p", "g", "m", "n", "r", ""]), KINDS, st.integers(1, 9999),
)  # fmt: skip


@given(FORMS, st.lists(st.sampled_from(
    ["HGVS:p.V600E", "VariantGroup:0", "CorrespondingGene:673", "CorrespondingSpecies:9606"]
)), st.sampled_from(["", "tmVar:"]), st.booleans())  # fmt: skip
def test_a_variant_is_one_id(form: str, fields: list[str], prefix: str, known: bool) -> None:
    fields = [f"{prefix}{form}", *fields, *(["RS#:113488022"] if known else [])]
    expected = ("rs113488022",) if known else (form,)
    assert parse_ids(";".join(fields)) == expected
    infons = [("identifier", ";".join(fields)), ("gene_id", "673"), ("hgvs", "p.V600E")]
    assert parse_infons(infons) == expected


@pytest.mark.parametrize(
    ("cell", "ids"),
    [
        ("rs113488022", ("rs113488022",)),
        ("RS#:113488022", ("rs113488022",)),
        ("rs113488022##", ("rs113488022",)),
        ("rs1;rs2", ("rs1", "rs2")),
        ("D001|D002|D003", ("D001", "D002", "D003")),
        ("MESH:D1,MESH:D2", ("MESH:D1", "MESH:D2")),
        ("c.1799T>A", ("c.1799T>A",)),
    ],
)
def test_variants_and_composite_ids(cell: str, ids: tuple[str, ...]) -> None:
    assert parse_ids(cell) == ids


VOCABULARIES = [
    ("NCBI Gene", "673", "NCBIGENE:673"),
    ("MeSH", "D001249", "MESH:D001249"),
    ("NCBI Homologene", "37926", "HOMOLOGENE:37926"),
    ("NCBI Taxonomy", "9606", "NCBITaxon:9606"),
    ("OMIM", "219700", "OMIM:219700"),
    ("UMLS", "C0004096", "C0004096"),
    ("SNOMED CT", "195967001", "SNOMEDCT:195967001"),
    ("ICD-10", "J45", "ICD10:J45"),
    ("HPO", "0002099", "HP:0002099"),
]
ENDINGS = ["", "ID", "identifier", "Identifiers", "concept id", "code"]


@given(st.sampled_from(VOCABULARIES), st.sampled_from(ENDINGS), st.sampled_from(" _-:."),
       st.sampled_from([str, str.lower, str.upper, str.title]))  # fmt: skip
def test_the_key_of_an_infon_names_the_vocabulary(
    vocabulary: tuple[str, str, str], ending: str, joint: str, case: Callable[[str], str]
) -> None:
    name, id, expected = vocabulary
    key = case(joint.join([*name.split(), *ending.split()]))
    assert parse_infons([(key, id), ("type", "Gene")]) == (expected,)
    assert parse_infons([(key, f"GO:{id}")]) == (f"GO:{id}",)


@given(st.sampled_from(["identifier", "concept_id", "normalized id", "ID", "CUI", "kb_id"]),
       st.sampled_from([str, str.lower, str.upper, str.title]))  # fmt: skip
def test_the_key_of_an_infon_names_no_vocabulary(key: str, case: Callable[[str], str]) -> None:
    assert parse_infons([(case(key), "C0004096|D1")]) == ("C0004096", "D1")


@pytest.mark.parametrize(
    "key",
    [
        *"type name annotator valid gene species note code".split(),
        pytest.param("db" * 50_000 + "x", id="a key that is long"),
    ],
)
def test_other_infons_hold_no_ids(key: str) -> None:
    assert parse_infons([(key, "673"), ("identifier", "-")]) == ()


def test_one_id_in_two_spellings_is_one_id() -> None:
    both = [("normalized_id", "D001249"), ("identifier", "MESH:D001249")]
    assert parse_infons(both) == ("MESH:D001249",)


def test_infons_of_pubtator_may_be_lists_and_booleans(tmp_path: Path) -> None:
    marked = passage("Asthma", [(0, 6)], UNITS["code points"], 0, 0)
    marked["annotations"][0]["infons"] = {
        "identifiers": ["MESH:D001249", "MESH:D001250"], "valid": True, "type": "Disease",
        "normalized": ["D001249"], "note": None,
    }  # fmt: skip
    marked["annotations"][0]["locations"] = [{"offset": "0", "length": "6"}]
    [(_, mention)] = read_corpus(bioc([marked], tmp_path))
    assert mention.ids == ("MESH:D001249", "MESH:D001250")


def test_a_mention_that_fits_no_layout_is_named(tmp_path: Path) -> None:
    text, spans = "β and edema", [(6, 11)]
    path = brat(text, spans, lambda text, at: at + 3, tmp_path)
    with pytest.raises(SourceError, match=r"a\.ann, line 1: span \(9, 14\) is not in the text"):
        read_corpus(path)
    path = brat(text, spans, lambda text, at: at - 2, tmp_path)
    with pytest.raises(SourceError, match="the text at 4 is 'd ede', expected the mention's"):
        read_corpus(path)
