from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import InputError
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.priors import PRIORS, Priors, Table, Use
from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import key

STRINGS = st.sampled_from(["lesion", "Lesions", "MRI of lung", "cold", "oedema", "edema", "+"])
IDS = st.sampled_from(["C0000001", "C0221198", "MESH:D1"])
USES = st.lists(
    st.builds(Use, st.sampled_from("123"), STRINGS, IDS, st.sampled_from(["", "T033", "T047"]))
)


@given(USES)
def test_counts_are_counts(uses: list[Use]) -> None:
    priors = Priors.count(uses)
    meant = {(use.document, key(use.string), use.concept_id) for use in uses}
    pairs = Counter((string, concept) for _, string, concept in meant)
    for text in ("lesion", "MRI of lung", "cold", "edema", "+", "unseen"):
        expected = {concept: n for (one, concept), n in pairs.items() if one == key(text)}
        assert priors.of_string(text) == expected
    totals = Counter(concept for _, _, concept in meant)
    assert dict(zip(priors.ids, priors.totals.tolist(), strict=True)) == dict(totals)
    words = Counter((word, c) for _, string, c in meant for word in set(string.split()))
    for (word, concept), count in words.items():
        numbers, counts = priors.words.find(word)
        assert counts[numbers.tolist().index(priors.number[concept])] == count


@given(st.dictionaries(st.tuples(st.text(max_size=3), st.integers(0, 9)), st.integers(1, 9)))
def test_a_table_finds_what_it_holds(pairs: dict[tuple[str, int], int]) -> None:
    table, shortened = Table.of(pairs), Table.of(pairs, most=2)
    for text in {text for text, _ in pairs} | {"never in it"}:
        own = [(-count, number) for (one, number), count in pairs.items() if one == text]
        expected = [(number, -count) for count, number in sorted(own)]
        columns = (column.tolist() for column in table.find(text))
        assert list(zip(*columns, strict=True)) == expected
        assert shortened.find(text)[0].tolist() == [number for number, _ in expected[:2]]


TWO = [
    Use("1", "control group", "C0009932", "T096", "the", "was"),
    Use("2", "control", "C0243148", "T062", "under", "of"),
]


def test_saved_and_opened(tmp_path: Path) -> None:
    priors = Priors.count(TWO)
    priors.save(tmp_path)
    opened = Priors.open(tmp_path)
    assert opened.of_string("CONTROL") == {"C0243148": 1}
    assert opened.ids == priors.ids
    for one, other in zip(opened.tables, priors.tables, strict=True):
        assert all(np.array_equal(*columns) for columns in zip(one, other, strict=True))
    with pytest.raises(InputError, match="cannot read priors"):
        Priors.open(tmp_path / "elsewhere")


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    Priors.count(TWO).save(tmp_path)
    draw = random.Random(1)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 22
    for path in files * 8:
        data = path.read_bytes()
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            Priors.open(tmp_path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            said, meant = (json.loads(text) for text in (flipped, data))
            assert said == meant  # white space of about.json
        path.write_bytes(data)
    Priors.open(tmp_path)


@pytest.mark.parametrize(
    ("table", "field", "at", "value"),
    [
        ("strings", "numbers", 0, 2), ("words", "numbers", -1, 2**32 - 1),
        ("stems", "begins", 1, 99), ("stems", "begins", 0, -1), ("strings", "begins", -1, 1),
        ("surroundings", "numbers", 0, 2), ("words", "hashes", 0, 2**64 - 1),
    ],
)  # fmt: skip
def test_tables_that_lead_nowhere(
    tmp_path: Path, table: str, field: str, at: int, value: int
) -> None:
    priors = Priors.count(TWO)
    getattr(getattr(priors, table), field)[at] = value
    priors.save(tmp_path)
    with pytest.raises(InputError, match="are inconsistent"):
        Priors.open(tmp_path)


def test_the_priors_that_ship_are_whole() -> None:
    priors = Priors.open(model_path("ranker") / PRIORS)
    assert len(priors.ids) == priors.totals.size > 20_000


@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_neighbours_are_next_to_the_span(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    left, right = neighbours(text, start, end)
    assert left in text[:start].lower() or left in text[:start]
    assert right in text[end:].lower() or right in text[end:]
