"""Which semantic groups the mention network gives gold mentions that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concept_linker.corpora.gold import GoldDocument
from concept_linker.detection.gazetteer import Gazetteer
from concept_linker.detection.hybrid import HybridDetector
from concept_linker.detection.ner.model import NetworkOutput
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase

from ..mention_ner import data as ner_data
from ..mention_ner.training import TEACHER, restored

Groups = dict[str, NDArray[np.float32]]


def left_out(data: Path, teachers: Path, documents: Sequence[GoldDocument]) -> Groups:
    """Returns the teacher's groups for each document of MedMentions TRAIN not used to train it.

    Args:
        data: the folder with ``medmentions``.
        teachers: what ``python -m models.mention_ner DATA --teachers FOLDER`` has kept.
        documents: those of the full corpus.
    """
    try:
        flats = [np.load(path) for path in sorted(teachers.glob("teacher*.npy"))]
    except OSError as error:
        raise InputError(f"{teachers}: {error.strerror}") from None
    if not flats:
        raise InputError(f"{teachers}: contains no teachers, expected teacher0.npy, teacher1.npy …")
    kb = KnowledgeBase.open()
    every = ner_data.whole_documents(data / "medmentions/full_train.jsonl.gz")
    every += ner_data.partial_documents(data / "medmentions", kb)
    counts = ner_data.remember(every, kb)
    gazetteer = Gazetteer(kb, counts.memory())
    networks = [restored(TEACHER, flat).for_use() for flat in flats]
    folds = {one.pmid: one.fold for one in every if one.whole}
    found = {}
    for document in documents:
        fold = folds[document.id]
        features = gazetteer.find([document.text], memory=counts.without(fold))
        output = NetworkOutput.of(features, networks[fold % len(networks)])
        [chances] = output.group_probabilities([spans_of(document)])
        found[document.id] = chances.astype(np.float32)
    return found


def spans_of(document: GoldDocument) -> list[tuple[int, int]]:
    """Where the mentions of a document begin and end."""
    return [(mention.start, mention.end) for mention in document.mentions]


def unseen(kb: KnowledgeBase, documents: Iterable[GoldDocument]) -> Groups:
    """What the network that ships says of documents that are not in MedMentions."""
    detector = HybridDetector(kb)
    found = {}
    for document in documents:
        [chances] = detector.detect([document.text]).groups([spans_of(document)])
        found[document.id] = chances.astype(np.float32)
    return found
