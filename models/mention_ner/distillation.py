"""Distillation: the predictions of several teachers become the targets of the student."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS
from concept_linker.detection.gazetteer import Gazetteer

from . import kernels
from .data import TAGS, Example
from .network import Network
from .training import predict

# The least characters of a paragraph.
_SHORTEST = 40


def raw_texts(data: Path) -> Iterator[str]:
    """Paragraphs of the articles in ``jats`` and the captions of ``captions``."""
    with tarfile.open(data / "jats" / "articles.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            stream = archive.extractfile(member)
            if stream is not None and member.name.endswith(".xml"):
                for paragraph in ElementTree.parse(stream).iter("p"):
                    text = " ".join("".join(paragraph.itertext()).split())
                    if len(text) >= _SHORTEST:
                        yield text
    with gzip.open(data / "captions" / "roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)["caption"]


def raw_examples(data: Path, gazetteer: Gazetteer) -> list[Example]:
    """The examples of texts without annotation."""
    examples = []
    for text in raw_texts(data):
        features = gazetteer.find([text])
        tokens = features.tokens
        bounds = zip(tokens.word_starts.tolist(), tokens.word_ends.tolist(), strict=True)
        words = [text[start:end] for start, end in bounds]
        if words:
            allowed = np.ones((len(words), TAGS), np.uint8)
            examples.append(Example(words, features, allowed, [], "", False, -1))
    return examples


def with_teachers(examples: Sequence[Example], teachers: Sequence[Network]) -> list[Example]:
    """Examples with the mean of the teachers' marginals, as far as the annotation allows them."""
    sums = [np.zeros((len(one.words), TAGS), np.float32) for one in examples]
    for teacher in teachers:
        for one, scores, total in zip(examples, predict(teacher, examples), sums, strict=True):
            total += marginals(scores, one.allowed)
    found = []
    for one, total in zip(examples, sums, strict=True):
        mean = total / len(teachers)
        if mean.any():  # else the annotation contradicts itself
            found.append(one._replace(targets=mean.astype(np.float16)))
    return found


def with_mixed_targets(
    examples: Sequence[Example], teacher: Network, share: float
) -> list[Example]:
    """Annotated examples with a share of the marginals of a teacher not trained on them."""
    found = []
    for one, scores in zip(examples, predict(teacher, examples), strict=True):
        gold = marginals(scores, one.allowed)
        if gold.any():
            guess = marginals(scores, np.ones_like(one.allowed))
            mixed = (1 - share) * gold + share * guess
            found.append(one._replace(targets=mixed.astype(np.float16)))
    return found


def marginals(scores: NDArray[np.float32], allowed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The marginals of the tags; all 0 if no sequence is allowed."""
    found = np.zeros(scores.shape, np.float32)
    if not kernels.chain_marginals(np.ascontiguousarray(scores), allowed, len(GROUPS), found):
        found[:] = 0
    return found
