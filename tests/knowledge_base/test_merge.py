"""Merging: properties for any sources, and an example of each documented rule."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.merge import (
    CONCEPT_NAMES,
    CONCEPTS,
    CuiOrigin,
    MergedTables,
    merge,
)
from concept_linker.knowledge_base.source import (
    NameKind,
    SourceInfo,
    SourceTables,
    canonical_id,
    is_cui,
)

NameRow = tuple[str, str, int, str]
SameAs = tuple[str, str, bool]
PREFERRED, SYNONYM, ABBREVIATION = NameKind.PREFERRED, NameKind.SYNONYM, NameKind.ABBREVIATION


@dataclass(frozen=True)
class Rows:
    """A source as rows."""

    names: Sequence[NameRow] = ()
    same_as: Sequence[SameAs] = ()
    types: Sequence[tuple[str, str]] = ()
    definitions: Sequence[tuple[str, str]] = ()

    @property
    def tables(self) -> SourceTables:
        return SourceTables.from_rows(
            SourceInfo("table", "rows"),
            names=self.names,
            same_as=self.same_as,
            types=self.types,
            definitions=self.definitions,
        )


def merged(*sources: Rows) -> MergedTables:
    return merge([source.tables for source in sources])


def concepts(tables: MergedTables) -> dict[str, dict[str, Any]]:
    """Returns concepts by id, with names as (name, kind, source)."""
    rows: list[dict[str, Any]] = tables.concepts.to_pylist()
    for row in rows:
        row["names"] = []
    for name in tables.names.to_pylist():
        row = rows[name["concept"]]
        row["names"].append((name["name"], NameKind(name["kind"]), name["source"]))
    return {row["id"]: row for row in rows}


def concept_of_id(tables: MergedTables) -> dict[str, str]:
    """Returns every id with a name, and the id of its concept."""
    return {
        one: row["id"]
        for row in tables.concepts.to_pylist()
        for one in (row["id"], *row["other_ids"])
    }


def texts(concept: dict[str, Any]) -> list[str]:
    return [text for text, _, _ in concept["names"]]


IDS = [*(f"C000000{n}" for n in range(1, 5)), *(f"{v}:{n}" for v in "AB" for n in range(1, 6))]
TEXTS = st.sampled_from(["lesion", "Lesions", "tumour", "CT", "α", "+", "carcinoma, oat cell"])
NAME_ROWS = st.tuples(
    st.sampled_from(IDS), TEXTS, st.sampled_from(list(map(int, NameKind))), st.sampled_from("XY")
)
SAME_AS_ROWS = st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), st.booleans())
# Every id has a name in some source, so that no equivalence works unseen.
EVERY_ID = Rows(names=[(one, f"name of {one}", int(SYNONYM), "Z") for one in IDS])
SOURCES = st.lists(
    st.builds(
        Rows, names=st.lists(NAME_ROWS, max_size=12), same_as=st.lists(SAME_AS_ROWS, max_size=8)
    ),
    max_size=3,
).map(lambda sources: [*sources, EVERY_ID])


@settings(deadline=None, max_examples=200)
@given(SOURCES)
def test_no_concept_has_two_cuis_and_a_cui_is_its_concepts_id(sources: list[Rows]) -> None:
    for concept in concepts(merged(*sources)).values():
        cuis = [one for one in (concept["id"], *concept["other_ids"]) if is_cui(one)]
        assert len(cuis) <= 1
        assert cuis in ([], [concept["id"]])


@settings(deadline=None, max_examples=200)
@given(SOURCES)
def test_every_name_is_in_its_concept_once(sources: list[Rows]) -> None:
    tables = merged(*sources)
    where = concept_of_id(tables)
    correct: dict[str, set[str]] = {}
    for source in sources:
        for one, name, _, _ in source.names:
            correct.setdefault(where[one], set()).add(name)
    found = {one: sorted(texts(concept)) for one, concept in concepts(tables).items()}
    assert found == {one: sorted(names) for one, names in correct.items()}


@settings(deadline=None, max_examples=200)
@given(SOURCES)
def test_every_equivalence_holds_or_is_counted(sources: list[Rows]) -> None:
    tables = merged(*sources)
    where = concept_of_id(tables)
    assert sorted(where) == sorted(IDS)
    apart = [
        (one, other)
        for source in sources
        for one, other, _ in source.same_as
        if where[one] != where[other]
    ]
    assert tables.refused == len(apart)
    for one, other in apart:
        assert is_cui(where[one])
        assert is_cui(where[other])


@settings(deadline=None, max_examples=200)
@given(SOURCES)
def test_nothing_is_joined_without_an_equivalence(sources: list[Rows]) -> None:
    """Compares with a plain twin that joins sets; names do not matter here."""
    sources = [
        Rows(
            [(one, f"{row} {number}", kind, where) for row, (one, _, kind, where) in numbered],
            source.same_as,
        )
        for number, source in enumerate(sources)
        for numbered in [list(enumerate(source.names))]
    ]
    rows = [row for source in sources for row in source.same_as]
    sets = [frozenset([one]) for one in IDS]
    for asserted in (True, False):
        for one, other, how in rows:
            a, b = (next(s for s in sets if i in s) for i in (one, other))
            if how is asserted and a != b and sum(map(is_cui, a | b)) <= 1:
                sets = [s for s in sets if s not in (a, b)] + [a | b]
    found: dict[str, set[str]] = {}
    for one, concept in concept_of_id(merged(*sources)).items():
        found.setdefault(concept, set()).add(one)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, sets))


@settings(deadline=None, max_examples=100)
@given(SOURCES, st.randoms(use_true_random=False))
def test_the_order_of_names_in_a_source_does_not_change_the_sets(
    sources: list[Rows], order: random.Random
) -> None:
    shuffled = [
        Rows(order.sample(list(source.names), len(source.names)), source.same_as)
        for source in sources
    ]
    assert _sets(merged(*sources)) == _sets(merged(*shuffled))


@settings(deadline=None, max_examples=100)
@given(SOURCES, st.randoms(use_true_random=False))
def test_without_a_conflict_no_order_changes_the_sets(
    sources: list[Rows], order: random.Random
) -> None:
    tables = merged(*sources)
    if not tables.refused:
        shuffled = order.sample(
            [
                Rows(source.names, order.sample(list(source.same_as), len(source.same_as)))
                for source in sources
            ],
            len(sources),
        )
        assert _sets(merged(*shuffled)) == _sets(tables)


def _sets(tables: MergedTables) -> list[tuple[list[str], list[str]]]:
    return sorted(
        (sorted((one, *concept["other_ids"])), sorted(texts(concept)))
        for one, concept in concepts(tables).items()
    )


@settings(deadline=None, max_examples=100)
@given(SOURCES)
def test_the_tables_match_their_schemas(sources: list[Rows]) -> None:
    tables = merged(*sources)
    assert tables.concepts.schema == CONCEPTS
    assert tables.names.schema == CONCEPT_NAMES
    ids = tables.concepts["id"].to_pylist()
    assert ids == sorted(set(ids))
    owners = tables.names["concept"].to_pylist()
    assert owners == sorted(owners)
    for concept in concepts(tables).values():
        kinds = [kind for _, kind, _ in concept["names"]]
        assert kinds[0] is PREFERRED
        assert PREFERRED not in kinds[1:]
        assert kinds == sorted(kinds)
        assert concept["other_ids"] == sorted(concept["other_ids"])


def test_asserted_before_inferred_and_as_given_of_equals() -> None:
    names = [(one, one, PREFERRED, "X") for one in ("A:1", "C0000001", "C0000002")]
    inferred, asserted = ("A:1", "C0000001", False), ("A:1", "C0000002", True)
    for rows in ([inferred, asserted], [asserted, inferred]):
        tables = merged(Rows(names, rows))
        assert concept_of_id(tables)["A:1"] == "C0000002"
        assert tables.refused == 1
    both = [("C0000001", "A:1", True), ("A:1", "C0000002", True)]
    assert concept_of_id(merged(Rows(names, both)))["A:1"] == "C0000001"
    assert concept_of_id(merged(Rows(names, both[::-1])))["A:1"] == "C0000002"
    apart = [Rows(names, both[1:]), Rows([], both[:1])]
    assert concept_of_id(merged(*apart))["A:1"] == "C0000002"


def test_an_inferred_equivalence_never_undoes_an_asserted_one_by_its_names() -> None:
    names = [("A:1", "lesion", 0, "X"), ("C0000001", "lesion", 0, "X"), ("C0000002", "z", 0, "X")]
    rows = [("A:1", "C0000001", False), ("A:1", "C0000002", True)]
    assert concept_of_id(merged(Rows(names, rows)))["A:1"] == "C0000002"


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_cuis_the_one_that_shares_most_names(turned: bool) -> None:
    """Names are compared after normalisation; names of ids with a single CUI count as its own."""
    names = [
        ("A:1", "Squamous cell carcinomas", PREFERRED, "X"),
        ("A:1", "epidermoid carcinoma", SYNONYM, "X"),
        ("C0000001", "Epidermoid Carcinoma", PREFERRED, "X"),
        ("C0000002", "something else", PREFERRED, "X"),
        ("B:1", "squamous cell carcinoma", PREFERRED, "X"),
        ("B:1", "EPIDERMOID carcinoma", SYNONYM, "X"),
    ]
    rows = [("A:1", "C0000001", True), ("A:1", "C0000002", True), ("B:1", "C0000002", True)]
    if turned:
        rows = [(other, one, asserted) for one, other, asserted in rows]
    tables = merged(Rows(names, rows))
    assert concept_of_id(tables)["A:1"] == "C0000002"
    assert tables.refused == 1


@pytest.mark.parametrize(
    ("rows", "origin"),
    [
        ([], CuiOrigin.ASSERTED),
        ([("A:1", "C0000001", True)], CuiOrigin.ASSERTED),
        ([("A:1", "C0000001", False)], CuiOrigin.INFERRED),
        ([("A:1", "C0000001", False), ("A:2", "C0000001", True)], CuiOrigin.ASSERTED),
        ([("A:1", "A:2", True), ("A:2", "C0000001", False)], CuiOrigin.INFERRED),
    ],
)
def test_origin(rows: list[SameAs], origin: CuiOrigin) -> None:
    names = [(one, one, PREFERRED, "X") for one in ("A:1", "A:2", "C0000001", "B:1")]
    found = concepts(merged(Rows(names, rows)))
    assert found["C0000001"]["origin"] == origin
    assert found["B:1"]["origin"] == CuiOrigin.NONE


def test_a_cui_that_only_an_equivalence_names_is_the_concepts_id() -> None:
    tables = merged(Rows([("A:1", "lesion", 0, "X")], [("A:1", "C0000001", False)]))
    [concept] = concepts(tables).values()
    assert (concept["id"], concept["other_ids"]) == ("C0000001", ["A:1"])


def test_ids_are_joined_through_one_without_a_name() -> None:
    names = [("A:1", "lesion", 0, "X"), ("B:1", "lesions", 0, "Y")]
    tables = merged(
        Rows(names[:1], [("A:1", "M:1", True)]), Rows(names[1:], [("M:1", "B:1", True)])
    )
    assert concept_of_id(tables) == {"A:1": "A:1", "B:1": "A:1", "M:1": "A:1"}


def test_without_a_cui_the_earliest_sources_id() -> None:
    first, second = Rows([("B:1", "lesion", 0, "X")]), Rows([("A:1", "lesion", 0, "Y")])
    same = Rows(same_as=[("A:1", "B:1", True)])
    assert list(concepts(merged(same, first, second))) == ["B:1"]
    assert list(concepts(merged(same, second, first))) == ["A:1"]


def test_the_preferred_name_is_the_first_sources_and_the_others_become_synonyms() -> None:
    first = Rows(
        [("A:1", "tumour", PREFERRED, "X"), ("A:1", "TU", ABBREVIATION, "X")],
        [("A:1", "C0000001", True)],
    )
    second = Rows(
        [
            ("C0000001", "neoplasm", PREFERRED, "Y"),
            ("C0000001", "tumour", SYNONYM, "Y"),
            ("C0000001", "new growth", SYNONYM, "Y"),
        ]
    )
    expected = [
        ("tumour", PREFERRED, "X"),
        ("neoplasm", SYNONYM, "Y"),
        ("new growth", SYNONYM, "Y"),
        ("TU", ABBREVIATION, "X"),
    ]
    assert concepts(merged(first, second))["C0000001"]["names"] == expected


def test_a_duplicate_name_has_its_best_kind() -> None:
    rows = Rows([("A:1", "TU", ABBREVIATION, "X"), ("A:1", "TU", PREFERRED, "Y")])
    assert concepts(merged(rows))["A:1"]["names"] == [("TU", PREFERRED, "Y")]


def test_without_a_preferred_name_the_first_of_the_best_kind_becomes_it() -> None:
    rows = Rows(
        [("A:1", "TU", ABBREVIATION, "X"), ("A:1", "b", SYNONYM, "X"), ("A:1", "a", SYNONYM, "X")]
    )
    assert concepts(merged(rows))["A:1"]["names"] == [
        ("b", PREFERRED, "X"),
        ("a", SYNONYM, "X"),
        ("TU", ABBREVIATION, "X"),
    ]


def test_types_of_the_cui_take_precedence() -> None:
    names = [("A:1", "lesion", 0, "X"), ("A:2", "CT", 0, "X")]
    rows = Rows(
        names,
        same_as=[("A:1", "C0000001", True)],
        types=[("A:1", "T001"), ("A:2", "T003"), ("A:2", "T002"), ("A:2", "T003"), ("A:9", "T9")],
    )
    found = concepts(merged(rows))
    assert found["C0000001"]["types"] == ["T001"]
    assert found["A:2"]["types"] == ["T002", "T003"]
    with_own = concepts(merged(rows, Rows(types=[("C0000001", "T005"), ("C0000001", "T004")])))
    assert with_own["C0000001"]["types"] == ["T004", "T005"]


def test_the_first_definition() -> None:
    names = [("A:1", "lesion", 0, "X"), ("A:2", "CT", 0, "X")]
    same = [("A:1", "C0000001", True)]
    late = Rows(definitions=[("C0000001", "of the CUI"), ("A:1", "late")])
    early = Rows(names, same, definitions=[("A:1", "early")])
    assert concepts(merged(early, late))["C0000001"]["definition"] == "early"
    assert concepts(merged(late, early))["C0000001"]["definition"] == "of the CUI"
    assert concepts(merged(early, late))["A:2"]["definition"] is None


@pytest.mark.parametrize("sources", [[], [Rows()], [Rows(same_as=[("A:1", "C0000001", True)])]])
def test_no_names(sources: list[Rows]) -> None:
    with pytest.raises(KnowledgeBaseError, match="expected at least one concept"):
        merged(*sources)


def test_too_many_vocabularies() -> None:
    fit = [("A:1", f"name {n}", 0, f"source {n}") for n in range(1 << 15)]
    assert merged(Rows(fit)).names.num_rows == 1 << 15
    with pytest.raises(KnowledgeBaseError, match="32,769 vocabularies, expected at most 32,768"):
        merged(Rows([*fit, ("A:1", "one more", 0, "one more")]))


@given(st.from_regex(r"[A-Za-z_]{0,10}:?[0-9A-Za-z:/]{0,10}", fullmatch=True) | st.text())
def test_a_canonical_id_stays_as_it_is(text: str) -> None:
    once = canonical_id(text)
    assert canonical_id(once) == once


def test_a_cui_has_ascii_digits() -> None:
    assert is_cui("C0019564")
    assert not any(map(is_cui, ["C٠٠١٩٥٦٤", "C001956", "C00195640", "c0019564", "C0019564\n"]))
