"""The counts, the plot, and the card."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import write
from markdown_it import MarkdownIt

from concept_linker import KnowledgeBase
from concept_linker.errors import InputError, SettingsError
from concept_linker.triplets.card import _code, card
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import EQUAL_SIMILARITY
from concept_linker.triplets.record_files import side_car
from concept_linker.triplets.statistics import Statistics, check_plot, count, draw, one_line


@pytest.fixture
def file(records: list[dict[str, Any]], tmp_path: Path) -> Path:
    records[1]["umls_meta_info"][0] |= {"start_token": 74, "end_token": 76}
    path = write(tmp_path / "a.jsonl", [*records, {"caption": 5}])
    linked = {"version": "0.1.0", "kb": "default", "kb_sha256": "ab", "settings": {"k": 10}}
    about = [
        Provenance(licence="CC BY").linked(**linked),
        Provenance(),
        Provenance("PMC22", 1, "CC0"),
    ]
    write(side_car(path), [one.to_dict() for one in (*about, Provenance())])
    return path


def test_counts(file: Path, open_base: KnowledgeBase) -> None:
    reported: list[int] = []
    found = count(file, progress=reported.append).to_dict()
    assert found == {
        "records": 3,
        "bad": 1,
        "articles": 1,
        "spans": 2,
        "spans_past_token_75": 1,
        "spans_a_record": {"0": 1, "1": 2},
        "distinct_concepts": 2,
        "concepts": [
            {"umls_cui": "C0221198", "name": open_base.concept("C0221198").name, "spans": 1},
            {"umls_cui": "C0225730", "name": open_base.concept("C0225730").name, "spans": 1},
        ],
        "semantic_groups": {"ANAT": 1, "DISO": 1},
        "similarity": {
            **dict.fromkeys(("below 0.5", "0.5", "0.6", "0.7", "0.8", "0.9", "0.95"), 0),
            "0.85": 1,
            "equal": 1,
        },
        "offsets": {"caption": 1, "medconcept23m": 1, "no spans": 1},
        "licences": {"CC BY": 1, "CC0": 1, "unknown": 1},
    }
    assert sum(reported) == file.stat().st_size


def test_equal_similarities_are_those_up_to_two_float32_steps_below_one(
    sample: list[dict[str, Any]], shared_data: Path
) -> None:
    value = np.float32(1.0)
    for steps in range(4):
        assert (float(value) >= EQUAL_SIMILARITY) == (steps <= 2)
        value = np.nextafter(value, np.float32(0.0))
    # The published sample has no similarity between these and 0.99.
    published = [span["umls_similarity"] for one in sample for span in one["umls_meta_info"]]
    equal = [similarity for similarity in published if similarity > 0.99]
    assert min(equal) == EQUAL_SIMILARITY
    found = count(shared_data / "medconcept_sample/full.jsonl", kb=None)
    assert found.similarity["equal"] == len(equal)


def test_without_a_base_and_minimised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"caption": "a", "image": "b", "umls_meta_info": [[0, 1]]}])
    found = count(path, kb=None)
    assert (found.records, found.spans, found.groups) == (1, 1, {})
    assert "1 record of 0 articles" in found.to_text()


def test_the_plot(file: Path, tmp_path: Path) -> None:
    statistics = count(file, kb=None)
    for ending, head in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        path = tmp_path / f"plot{ending}"
        check_plot(path)
        draw(statistics, path)
        assert path.read_bytes().startswith(head)
    draw(Statistics(), tmp_path / "nothing.png")
    with pytest.raises(SettingsError, match=r"ends in \.png"):
        check_plot(tmp_path / "plot.gif")


def front_matter(text: str) -> Any:
    _, head, _ = text.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_card(file: Path) -> None:
    text = card(count(file, kb=None), title='My "figures": all', data_file="a.jsonl")
    head = front_matter(text)
    assert head["pretty_name"] == 'My "figures": all'
    assert head["license"] == "other"
    assert head["size_categories"] == ["n<1K"]
    assert "zero-shot-image-classification" in head["task_categories"]
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "a.jsonl"}]
    for part in (
        "| records | 3 |",
        "| CC BY | 1 |",
        "| CC0 | 1 |",
        "| unknown | 1 |",
        'settings and filters: `{"k": 10}`',
        "Offsets of 1 records do not index",
        "**Research only.**",
        "not for clinical use",
        "**No identification of persons.**",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ({"CC0": 5}, "cc0-1.0"),
        ({"CC BY": 5, "CC BY-NC": 1}, "cc"),
        ({"CC BY": 5, "unknown": 1}, "other"),
        ({}, "other"),
    ],
)
def test_the_licence_of_the_data_set(licences: dict[str, int], expected: str) -> None:
    statistics = Statistics(rows=1)
    statistics.licences.update(licences)
    assert front_matter(card(statistics, title="a", data_file="b"))["license"] == expected
    given = card(statistics, title="a", data_file="b", licence="cc-by-4.0")
    assert front_matter(given)["license"] == "cc-by-4.0"


def test_the_card_is_valid_for_hugging_face(file: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = card(count(file, kb=None), title="figures", data_file="a.jsonl")
    made = hub.DatasetCard(text)
    assert made.data.to_dict()["language"] == ["en"]
    assert json.dumps(made.data.to_dict())


MARKS = r"""| ` `` ``` < > <b> [x](http://e.vil) ![i](//e.vil) # ## *a* __b__ ~~c~~ \ \| \` \* $x$
\( &lt; <!-- --> www.e.vil https://e.vil a@e.vil - 1. --- ... : {{x}} @u >quote"""
BREAKS = ["\n", "\r\n", "\n\n", "\n- ", "\n# ", "\t", "   ", "\0", "\x1b[2J", "\u2028", "\u202e"]
SIGNS = st.sampled_from([*MARKS.split(), *BREAKS])
HOSTILE = st.lists(SIGNS | st.text(max_size=5), max_size=8).map("".join)


def read(page: str) -> tuple[list[str], str]:
    """The token types of a Markdown page, and its words."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks = parser.parse(page)
    inside = [token for block in blocks for token in (block, *(block.children or ()))]
    lines = ("".join(token.content for token in block.children or ()) for block in blocks)
    return [token.type for token in inside], "\n".join(lines)


@settings(max_examples=50)
@given(values=st.lists(HOSTILE, min_size=6, max_size=6))
def test_untrusted_texts_stay_text_in_the_card(values: list[str]) -> None:
    """The card has the same structure for any provenance and title."""

    def made(title: str, version: str, kb: str, checksum: str, settings: str, licence: str) -> str:
        statistics = Statistics(rows=1)
        statistics.linked_by[version, kb, checksum, settings] += 1
        statistics.licences[licence] += 1
        return card(statistics, title=title, data_file=title, licence=licence)

    values = [f"x{value}x" for value in values]
    text = made(*values)
    front, body = text.split("---\n", 2)[1:]
    kinds, words = read(body)
    assert kinds == read(made(*["plain"] * 6).split("---\n", 2)[2])[0]
    for value in values:
        assert one_line(value) in words
    head = yaml.safe_load(front)
    assert (head["pretty_name"], head["license"]) == (one_line(values[0]), one_line(values[5]))
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    # Some of these become links without brackets.
    strange = body.partition("## Responsible")[0].replace(_code(values[4]), "")
    assert not re.search(r"(?<!\\)(://|@)|www\.", strange)


@given(licence=HOSTILE)
def test_counts_are_safe_on_a_terminal(licence: str) -> None:
    statistics = Statistics(rows=1)
    statistics.licences[licence] += 1
    text = statistics.to_text()
    assert len(text.split("\n")) == 5
    assert all(sign.isprintable() or sign == "\n" for sign in text)


def test_many_licences_make_a_short_card(tmp_path: Path, records: list[Any]) -> None:
    rows = [records[2]] * 1500
    path = write(tmp_path / "a.jsonl", rows)
    write(side_car(path), [Provenance(licence=f"L{n}").to_dict() for n in range(len(rows))])
    found = count(path, kb=None)
    assert len(found.licences) == 1001
    assert found.licences["others"] == 500
    text = card(found, title="a", data_file="b")
    assert text.count("| others |") == text.count("| others | 1,400 |") == 1
    assert len(text.splitlines()) < 250


def test_a_number_with_many_digits_is_a_bad_row(tmp_path: Path, records: list[Any]) -> None:
    path = write(tmp_path / "a.jsonl", [records[2] | {"pmc": "9" * 5000}, records[2]])
    found = count(path, kb=None)
    assert (found.bad, found.records) == (1, 1)


def test_a_card_needs_a_record() -> None:
    with pytest.raises(InputError, match="no valid record"):
        card(Statistics(), title="a", data_file="b")
