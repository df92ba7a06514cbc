"""The real scispaCy linker through the ruler, in an environment that has it."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from concept_linker.errors import InputError
from concept_linker.evaluation.scispacy_linker import ScispacyLinker

# Theirs: an index pickled by an older scikit-learn, and escapes in old packages.
pytestmark = pytest.mark.filterwarnings("default")


def test_without_it_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"concept-linker\[scispacy\]|no such file"):
        ScispacyLinker(tmp_path)


@pytest.mark.scispacy
def test_links_as_scispacy_does(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("scispacy", reason="needs the scispacy extra")
    with tarfile.open(shared_data / "kb100k/scispacy_index.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "sci100k"
    packed = (shared_data / "kb100k/kb.jsonl.gz").read_bytes()
    (folder / "kb.jsonl").write_bytes(gzip.decompress(packed))
    linker = ScispacyLinker(folder)
    lines = (shared_data / "kb100k/mentions.jsonl").read_text("utf-8").splitlines()[:200]
    mentions = [json.loads(line) for line in lines]
    found = linker.candidates_of([mention["mention"] for mention in mentions])
    first = [
        candidates[0].concept_id in m["gold"] for candidates, m in zip(found, mentions, strict=True)
    ]
    assert sum(first) / len(first) > 0.95  # .992 over all 2,000
    for candidates in found:
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)
    annotation = linker.link_spans(
        "a " + mentions[0]["mention"], [(2, 2 + len(mentions[0]["mention"]))]
    )
    assert annotation.mentions[0].candidates == found[0]
