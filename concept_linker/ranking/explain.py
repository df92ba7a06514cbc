"""Why one candidate stands before another, feature by feature, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.trees import Trees

__all__ = ["WORDS", "Explanation", "Reason", "parts", "reasons"]

#: What a feature is, in words.  Those of the first stage that the second sees again are the same.
WORDS: Final = {
    "similarity": "likeness of mention and name (cosine of 3-grams)",
    "equal": "the name equals the mention",
    "kind": "kind of name: preferred, synonym, abbreviation",
    "case_agrees": "the name is written in the mention's case",
    "equals": "concepts with an equal name",
    "place": "place among the candidates",
    "behind_first": "how much less alike than the nearest name",
    "alias_ratio": "letters in common with the name",
    "name_ratio": "letters in common with the preferred name",
    "common_words": "words in common with the name",
    "mention_words": "words of the mention",
    "alias_words": "words of the name",
    "mention_length": "length of the mention",
    "pair_count": "how often the string meant it in training",
    "string_count": "how often the string was seen in training",
    "pair_share": "share of the string's uses in training that meant it",
    "commonest_of_string": "what the string means most often",
    "concept_count": "how often it was meant in training, by any string",
    "run_share": "share of the mention's words that name it",
    "run_is_last": "the last words name it",
    "run_pair_count": "how often a part of the mention meant it in training",
    "run_pair_share": "share of a part's uses in training that meant it",
    "run_pair_length": "length of that part",
    "word_most": "how often a word of the mention is part of it",
    "word_mean": "how often the words of the mention are part of it",
    "word_last": "how often the last word is part of it",
    "stem_most": "how often the beginning of a word is part of it",
    "symbol": "the mention looks like a symbol",
    "small_letters": "the mention is in small letters",
    "names": "how many names it has",
    "candidates": "how many candidates the string has",
    "type_count": "how frequent its semantic type is",
    "in_it": "what the mention's words say for its semantic type",
    "last_word": "what the last word says for its semantic type",
    "meaning": "nearness in meaning of the nearest name",
    "meaning_behind": "how much less near in meaning than the nearest",
    "number": "what the string alone says, all in all",
    "share": "how sure the string alone is",
    "behind_best": "how far behind the best by the string alone",
    "rank": "place by the string alone",
    "others_most": "how sure another mention of the text is of it",
    "others_all": "how sure the other mentions of the text are of it, summed up",
    "others_often": "the same, as often as each stands in the text",
    "related_most": "how sure a mention of the text is of it that shares a word",
    "same_last_most": "how sure a mention of the text is of it that ends alike",
    "part_most": "how sure a mention of the text is of it that is longer or shorter",
    "to_the_left": "what the word to the left says for its semantic type",
    "to_the_right": "what the word to the right says for its semantic type",
    "group": "the chance of its semantic group in this text",
    "likeliest_group": "the chance of the likeliest group in this text",
}

# How many reasons a print shows.
_SHOWN = 6
# What the first stage says as a whole, when the second sees it.
_WHOLE = frozenset({"number", "share", "behind_best", "rank"})


class Reason(NamedTuple):
    """One feature's part in putting the best candidate before the second.

    Args:
        feature: its name.
        words: what it is.
        best, second: its value for each of the two.
        part: how much the best candidate's lead, a logarithm of odds, shrinks if the feature had
            the second's value; below 0 the feature speaks for the second.
    """

    feature: str
    words: str
    best: float
    second: float
    part: float


class Explanation(NamedTuple):
    """Why a mention was given its concept.

    Args:
        text: the mention.
        string: what was looked up: the mention, or its long form.
        best: the best candidate.
        second: the one behind it, if there is one.
        reasons: the features that differ, those with the largest part first.
    """

    text: str
    string: str
    best: Candidate
    second: Candidate | None
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        head = f"{self.text!r}: {self.best.concept_id} {self.best.name} ({self.best.score:.2f})"
        if self.string != self.text:
            head += f", as {self.string!r}"
        if self.second is None:
            return f"{head}; nothing else came into question"
        second = f"{self.second.concept_id} {self.second.name} ({self.second.score:.2f})"
        lines = [
            f"  {reason.part:+.2f}  {reason.words}: {reason.best:.3g} against {reason.second:.3g}"
            for reason in self.reasons[:_SHOWN]
        ]
        return "\n".join([f"{head}, before {second}", *lines])


def parts(trees: Trees, names: Sequence[str], rows: NDArray[np.float32]) -> list[Reason]:
    """The part of each feature in which two candidates differ, by itself.

    Args:
        trees: one stage.
        names: its columns.
        rows: the features of the best candidate and of the second.
    """
    best, second = rows
    different = np.flatnonzero(best != second)
    swapped = np.repeat(best[None], len(different), axis=0)
    swapped[np.arange(len(different)), different] = second[different]
    [own] = trees.odds(rows[:1])
    lost = own - trees.odds(swapped) if len(different) else []
    return [
        Reason(
            names[column], WORDS[names[column]], float(best[column]), float(second[column]), part
        )
        for column, part in zip(different.tolist(), map(float, lost), strict=True)
    ]


def reasons(first: Sequence[Reason], second: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those of both stages that count, the largest part first.

    What the second stage sees of the first's answer is left to the first's own features, if there
    are any.
    """
    found: dict[str, Reason] = {reason.feature: reason for reason in first}
    for reason in second:
        if not first or reason.feature not in _WHOLE:
            earlier = found.get(reason.feature)
            part = reason.part + (earlier.part if earlier else 0.0)
            found[reason.feature] = reason._replace(part=part)
    counted = [reason for reason in found.values() if abs(reason.part) >= 0.005]
    return tuple(sorted(counted, key=lambda reason: (-abs(reason.part), reason.feature)))
