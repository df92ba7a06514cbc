"""QuickUMLS: what it matches in a mention as a text, with its lower-cased index.

It wants a spaCy model and a word list that it would download; spaCy's blank English pipeline and
its own stop words stand in, which is what a mention, not a sentence, needs of them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable

import nltk.corpus
import spacy
from measure import Ranked, folder, run


class _StopWords:
    def words(self, *_: str) -> list[str]:
        return sorted(spacy.blank("en").Defaults.stop_words)


nltk.corpus.stopwords = _StopWords()
spacy.load = lambda *_, **__: spacy.blank("en")

import quickumls.install  # noqa: E402 (after what it would download)
from quickumls import QuickUMLS  # noqa: E402


def prepare() -> Callable[[list[str]], Ranked]:
    """Builds its index from the RRF form."""
    place, release = tempfile.mkdtemp(), folder() / "META"
    sys.argv = ["install", str(release), place, "-d", "unqlite", "-L"]
    quickumls.install.main()
    sys.argv = [sys.argv[0], str(release.parent)]
    with (release / "MRSTY.RRF").open(encoding="utf-8") as rows:
        types = {row.split("|")[1] for row in rows}
    matcher = QuickUMLS(place, min_similarity=0.7, accepted_semtypes=types)

    def rank(text: str) -> list[str]:
        best: dict[str, float] = {}
        for group in matcher.match(text, best_match=True, ignore_syntax=True):
            for found in group:
                best[found["cui"]] = max(best.get(found["cui"], 0.0), found["similarity"])
        return sorted(best, key=lambda concept: -best[concept])

    return lambda texts: list(map(rank, texts))


run(prepare)
