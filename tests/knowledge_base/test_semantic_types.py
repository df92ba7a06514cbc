"""The Semantic Network's table: complete, consistent, and wide enough for MedMentions."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from concept_linker.errors import InputError
from concept_linker.knowledge_base.semantic_types import (
    GROUP_NAMES,
    SEMANTIC_TYPES,
    semantic_group,
    type_name,
)


def test_the_network_has_127_types_and_15_groups() -> None:
    assert len(SEMANTIC_TYPES) == 127
    assert {kind.group for kind in SEMANTIC_TYPES.values()} == set(GROUP_NAMES)
    assert len(GROUP_NAMES) == 15


def test_names_and_tree_numbers_are_unique() -> None:
    assert len({kind.name for kind in SEMANTIC_TYPES.values()}) == 127
    assert len({kind.tree_number for kind in SEMANTIC_TYPES.values()}) == 127


def test_every_tree_number_has_its_parent() -> None:
    numbers = {kind.tree_number for kind in SEMANTIC_TYPES.values()}
    for number in numbers - {"A", "B"}:
        parent = number.rpartition(".")[0] or number[0]
        assert parent in numbers, number


def test_group_sizes_are_the_published_ones() -> None:
    sizes = Counter(kind.group for kind in SEMANTIC_TYPES.values())
    assert sizes == {
        "ACTI": 9, "ANAT": 11, "CHEM": 20, "CONC": 12, "DEVI": 3, "DISO": 12, "GENE": 5,
        "GEOG": 1, "LIVB": 21, "OBJC": 5, "OCCU": 2, "ORGA": 4, "PHEN": 6, "PHYS": 9, "PROC": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tui", "name", "group"),
    [
        ("T047", "Disease or Syndrome", "DISO"),
        ("T060", "Diagnostic Procedure", "PROC"),
        ("T074", "Medical Device", "DEVI"),
        ("T028", "Gene or Genome", "GENE"),
        ("T034", "Laboratory or Test Result", "PHEN"),
    ],
)
def test_known_types(tui: str, name: str, group: str) -> None:
    assert type_name(tui) == name
    assert semantic_group([tui]) == group


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(InputError, match="'T999' is not a type"):
        type_name("T999")


def test_every_type_of_medmentions_is_known(shared_data: Path) -> None:
    path = shared_data / "medmentions/full_train.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        used = {tui for line in lines for m in json.loads(line)["mentions"] for tui in m["types"]}
    assert used - {"UnknownType"} <= set(SEMANTIC_TYPES)  # what its makers could not map
