"""Names of the knowledge base that detection misses.

A network selects what an annotator of abstracts would mark.  It misses names that no abstract has
(``1-methyl-4-phenyl-1,2,3,6-tetrahydropyridine``), takes half of one for the whole (``vitamin B``
of ``vitamin B(12)``), or more than the knowledge base has a concept for (``metastatic
adenocarcinoma``).

*   A name of several words, in one of the specific semantic groups, is a mention where no other is;
    one with brackets also replaces its halves (:func:`find_missed_names`).
*   Inside a mention without a good concept such a name is tried, and the last word if it names a
    disorder (:class:`NestedNames`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS, detect_stream
from concept_linker.detection.dictionary import DictionaryDetector
from concept_linker.detection.gazetteer import Features, Names
from concept_linker.detection.tokens import Tokens
from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["NestedNames", "find_missed_names"]

# Semantic groups whose names of several words hardly ever mean something else; not those of
# general words (concepts, activities, phenomena).
_SPECIFIC = frozenset({"ANAT", "CHEM", "DEVI", "DISO", "GENE", "LIVB", "PROC"})
_IS_SPECIFIC = np.array([group in _SPECIFIC for group in (*GROUPS, "")])
_DISORDERS = GROUPS.index("DISO")
_LEAST_WORDS = 2

Ints = NDArray[np.int64]


def find_missed_names(
    features: Features, first: Ints, last: Ints
) -> tuple[NDArray[np.bool_], Ints]:
    """Which names to add to the selected mentions, and which of those they replace.

    Args:
        features: of the texts.
        first, last: the first and last words of the selected mentions.

    Returns:
        Whether each selected mention stays (not where a longer name replaces it), and the rows of
        ``features.runs`` that are mentions as well.
    """
    runs, tokens = features.runs, features.tokens
    size = tokens.word_starts.size
    is_word = tokens.marks == 0
    words = np.concatenate([[0], np.cumsum(is_word)])
    usable = np.flatnonzero(
        features.name_taken
        & _IS_SPECIFIC[runs.names.group]
        & (runs.names.everyday == 0)
        & (words[runs.last + 1] - words[runs.first] >= _LEAST_WORDS)
        & ~_is_article(tokens, runs.first)
    )
    # For each word the number of the selected mention that covers it, else -1.
    covering = np.full(size, -1, np.int64)
    for number, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        covering[begin : end + 1] = number
    stays = np.ones(first.size, np.bool_)
    added = []
    for row in usable.tolist():
        begin, end = int(runs.first[row]), int(runs.last[row])
        inside = {int(number) for number in covering[begin : end + 1]} - {-1}
        # Detection takes half of a name with brackets; in all other cases trust it.
        halves = all(begin <= first[n] and last[n] <= end for n in inside) and (
            (tokens.marks[begin : end + 1] == ord("(")).any()
        )
        whole = len(inside) == 1 and all(first[n] == begin and last[n] == end for n in inside)
        if not inside or (halves and not whole):
            stays[list(inside)] = False
            added.append(row)
    return stays, np.array(added, np.int64)


def _is_article(tokens: Tokens, words: Ints) -> NDArray[np.bool_]:
    """Whether words are the article "a": "a thalassaemia" is not "α thalassaemia"."""
    starts = tokens.word_starts[words]
    is_one_letter = tokens.word_ends[words] - starts == 1
    found: NDArray[np.bool_] = is_one_letter & (tokens.points[starts] == ord("a"))
    return found


class NestedNames:
    """Finds names inside strings that are not names as a whole.

    Args:
        kb: the knowledge base.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self._dictionary = DictionaryDetector(kb)
        self._judge = Names(kb).judge

    def find(self, strings: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The (start, end) of the names inside each string, in reading order."""
        found = []
        for string, spans in zip(strings, detect_stream(self._dictionary, strings), strict=True):
            places = [(span.start, span.end) for span in spans]
            found.append([one for one in places if self._may_be_meant(string, *one)])
        return found

    def _may_be_meant(self, string: str, start: int, end: int) -> bool:
        name = string[start:end]
        if name == string or name.startswith("a "):
            return False
        judged = self._judge(name)
        if judged.group < 0 or judged.everyday:
            return False
        if not name.replace("-", " ").count(" "):
            return judged.group == _DISORDERS and end == len(string) and name.islower()
        return bool(_IS_SPECIFIC[judged.group])
