from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_records import ENTRIES, record

from concept_linker.triplets.wordpiece import WordPiece


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "vocab.txt"
    path.write_text("".join(f"{entry}\n" for entry in ENTRIES), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def wordpiece(vocabulary: Path) -> WordPiece:
    return WordPiece.load(vocabulary)


@pytest.fixture(scope="session")
def published(shared_data: Path) -> WordPiece:
    """The vocabulary of the published records."""
    [path] = (shared_data / "wordpiece").glob("*vocab.txt")
    return WordPiece.load(path)


@pytest.fixture(scope="session")
def sample_lines(shared_data: Path) -> list[str]:
    """The published sample, without the double space, which is not part of the format."""
    text = (shared_data / "medconcept_sample/full.jsonl").read_text(encoding="utf-8")
    return text.replace('"image":  ', '"image": ').splitlines()


@pytest.fixture
def sample(sample_lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sample_lines]


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """Three records; the offsets of the first index MedConcept-23M's text, of the second both."""
    return [
        record("Café (au lait) lesion.", [("C0221198", 0.875, 17, 23, ["lesion"], 5)]),
        record("Left lung", [("C0225730", 1.0, 0, 9, ["left", "lung"], 0)]),
        record("Nothing at all", []),
    ]
