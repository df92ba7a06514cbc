"""scispaCy's linker as a spaCy component over ``nlp.pipe``: one process, then two.

    python pipe_scispacy.py FOLDER

FOLDER has ``kb.jsonl``, ``sci100k`` and ``spans.jsonl``: lines of a caption and its mentions'
places.  The mentions are given, for scispaCy's own models are not to be had from PyPI: so finding
them costs it nothing here.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import scispacy.candidate_generation as generation
import spacy
from scispacy.linking import EntityLinker
from scispacy.linking_utils import KnowledgeBase
from spacy.language import Language
from spacy.tokens import Doc


def documents(nlp: Language, path: Path) -> Iterator[Doc]:
    """The captions, with their mentions as entities."""
    for line in path.open(encoding="utf-8"):
        text, places = json.loads(line)
        document = nlp.make_doc(text)
        found = [document.char_span(*place, label="X", alignment_mode="expand") for place in places]
        document.set_ents(spacy.util.filter_spans([one for one in found if one is not None]))
        yield document


def watch(peak: list[float], stop: threading.Event) -> None:
    """The most private megabytes that one process had."""
    while not stop.wait(1):
        family = psutil.Process()
        for process in [*family.children(), family]:
            try:
                peak[0] = max(peak[0], process.memory_full_info().uss / 1e6)
            except psutil.NoSuchProcess:
                continue


def run() -> dict[str, Any]:
    """Captions a second with one process and with two."""
    folder = Path(sys.argv[1])
    paths = generation.LinkerPaths.from_directory(str(folder / "sci100k"))
    names, vectorizer, index = paths.load(ef_search=200)
    generator = generation.CandidateGenerator(
        ann_index=index,
        tfidf_vectorizer=vectorizer,
        ann_concept_aliases_list=names,
        kb=KnowledgeBase(str(folder / "kb.jsonl")),
        ef_search=200,
    )
    nlp = spacy.blank("en")
    linker = EntityLinker(nlp, candidate_generator=generator, resolve_abbreviations=False)
    Language.component("given_linker", func=linker)
    nlp.add_pipe("given_linker")
    figures: dict[str, Any] = {}
    for processes in (1, 2):
        peak, stop = [0.0], threading.Event()
        watcher = threading.Thread(target=watch, args=(peak, stop))
        watcher.start()
        began = time.perf_counter()
        count = mentions = 0
        made = documents(nlp, folder / "spans.jsonl")
        for document in nlp.pipe(made, n_process=processes, batch_size=256):
            count += 1
            mentions += len(document.ents)
        seconds = time.perf_counter() - began
        stop.set()
        watcher.join()
        figures[f"{processes} processes"] = {
            "captions_a_second": round(count / seconds, 1),
            "mentions": mentions,
            "peak_private_megabytes": round(peak[0]),
        }
    return figures


if __name__ == "__main__":
    print(json.dumps(run()))
