"""Every feature of the ranker, declared once.

A feature is a row of :data:`FEATURES`.  The columns of the feature matrices follow from the table:
those of a stage are the rows that name the stage, in the order of the table.  Kernels take their
column numbers from :func:`column`, as module constants, because numba needs plain integers.

To add a feature, add a row and the code that fills in its column, then train the ranker again:
trained weights name features by their column.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

__all__ = [
    "CALIBRATION_FEATURES",
    "FEATURES",
    "FIRST_STAGE_FEATURES",
    "SECOND_STAGE_FEATURES",
    "SHORT_FORM_FEATURES",
    "Feature",
    "Stage",
    "column",
]


class Stage(enum.Flag):
    """What reads a feature: the trees of a stage, or those that judge short forms."""

    FIRST = enum.auto()
    SECOND = enum.auto()
    SHORT_FORM = enum.auto()


class Feature(NamedTuple):
    """A feature of a candidate.

    Args:
        name: its name in code and in explanations.
        stages: what reads it.
        words: what it is, in words, for explanations.
    """

    name: str
    stages: Stage
    words: str


_FIRST, _SHORT_FORM = Stage.FIRST, Stage.SHORT_FORM
_SECOND = Stage.SECOND | Stage.SHORT_FORM
_BOTH = _FIRST | _SECOND

FEATURES: Final = tuple(Feature._make(row) for row in (
    # What the first stage says (first_stage.py).
    ("first_stage_score", _SECOND, "score by the string alone"),
    ("first_stage_softmax", _SECOND, "softmax of that score among the string's candidates"),
    ("first_stage_gap", _SECOND, "how far behind the best candidate by the string alone"),
    ("first_stage_rank", _SECOND, "rank by the string alone"),
    # What the string says of a candidate (string_features.py).
    ("similarity", _BOTH, "similarity of mention and name (cosine of 3-grams)"),
    ("exact", _BOTH, "the name equals the mention"),
    ("name_kind", _BOTH, "kind of name: preferred, synonym, abbreviation"),
    ("case_agrees", _FIRST, "the name is written in the mention's case"),
    ("exact_count", _FIRST, "concepts with an equal name"),
    ("position", _FIRST, "position among the candidates"),
    ("similarity_gap", _FIRST, "how much less similar than the nearest name"),
    ("alias_ratio", _BOTH, "letters in common with the name"),
    ("name_ratio", _FIRST, "letters in common with the preferred name"),
    ("word_overlap", _FIRST, "words in common with the name"),
    ("mention_words", _BOTH, "words of the mention"),
    ("alias_words", _FIRST, "words of the name"),
    ("mention_length", _FIRST, "length of the mention"),
    ("pair_count", _BOTH, "how often the string meant it in training"),
    ("string_count", _BOTH, "how often the string occurred in training"),
    ("pair_share", _BOTH, "share of the string's uses in training that meant it"),
    ("most_frequent", _FIRST, "what the string means most often"),
    ("concept_count", _BOTH, "how often it was meant in training, by any string"),
    ("run_share", _BOTH, "share of the mention's words that name it"),
    ("run_is_last", _FIRST, "the last words name it"),
    ("run_pair_count", _FIRST, "how often a part of the mention meant it in training"),
    ("run_pair_share", _FIRST, "share of a part's uses in training that meant it"),
    ("run_pair_length", _FIRST, "length of that part"),
    ("word_max", _BOTH, "how often a word of the mention is part of it"),
    ("word_mean", _FIRST, "how often the words of the mention are part of it"),
    ("word_last", _BOTH, "how often the last word is part of it"),
    ("stem_max", _BOTH, "how often the beginning of a word is part of it"),
    ("symbol", _BOTH, "the mention looks like a symbol"),
    ("lowercase", _FIRST, "the mention is in lower case"),
    ("name_count", _BOTH, "how many names it has"),
    ("candidate_count", _BOTH, "how many candidates the string has"),
    ("type_count", _BOTH, "how frequent its semantic type is"),
    ("type_by_words", _BOTH, "what the mention's words say for its semantic type"),
    ("type_by_last_word", _BOTH, "what the last word says for its semantic type"),
    ("embedding_similarity", _BOTH, "nearness in meaning of the nearest name"),
    ("embedding_gap", _FIRST, "how much less near in meaning than the nearest candidate"),
    # What the other mentions of the text say (coherence.py).
    ("coherence_max", _SECOND, "how sure another mention of the text is of it"),
    ("coherence_sum", _SECOND, "how sure the other mentions of the text are of it, summed up"),
    ("coherence_weighted_sum", _SECOND, "the same, weighted by how often each occurs"),
    ("coherence_related", _SECOND, "how sure a mention of the text that shares a word is of it"),
    ("coherence_last_word", _SECOND, "how sure a mention with the same last word is of it"),
    ("coherence_part", _SECOND, "how sure a longer or shorter form of the mention is of it"),
    # What the context says (contextual_features.py).
    ("type_by_left_word", _SECOND, "what the word to the left says for its semantic type"),
    ("type_by_right_word", _SECOND, "what the word to the right says for its semantic type"),
    ("group_probability", _SECOND, "the probability of its semantic group in this text"),
    ("max_group_probability", _SECOND, "the probability of the likeliest group in this text"),
    # What the second stage and the best concept say of a short form (short_form_judge.py).
    ("second_stage_score", _SHORT_FORM, "score in context"),
    ("second_stage_softmax", _SHORT_FORM, "softmax of that score among the candidates"),
    ("second_stage_count", _SHORT_FORM, "how many candidates the mention has"),
    ("other_sense", _SHORT_FORM, "the short form usually stands for something else"),
    ("has_cui", _SHORT_FORM, "its id is a CUI"),
    ("is_mesh", _SHORT_FORM, "it is from MeSH"),
    ("is_gene", _SHORT_FORM, "it is a gene"),
    ("is_disorder", _SHORT_FORM, "it is a disorder"),
))  # fmt: skip

#: The columns of the matrices that the trees read.
FIRST_STAGE_FEATURES: Final = tuple(one.name for one in FEATURES if Stage.FIRST in one.stages)
SECOND_STAGE_FEATURES: Final = tuple(one.name for one in FEATURES if Stage.SECOND in one.stages)
SHORT_FORM_FEATURES: Final = tuple(one.name for one in FEATURES if Stage.SHORT_FORM in one.stages)
#: Features of the best candidate in the calibration, in the order of its trained weights.
CALIBRATION_FEATURES: Final = (
    "similarity", "pair_share", "string_count", "word_max", "run_share", "alias_ratio",
    "concept_count", "type_count", "mention_words", "coherence_max", "coherence_related",
    "name_count", "pair_count", "symbol", "first_stage_gap", "candidate_count",
    "first_stage_softmax", "exact", "type_by_words", "type_by_last_word", "embedding_similarity",
)  # fmt: skip

_COLUMNS = {
    Stage.FIRST: FIRST_STAGE_FEATURES,
    Stage.SECOND: SECOND_STAGE_FEATURES,
    Stage.SHORT_FORM: SHORT_FORM_FEATURES,
}


def column(name: str, stage: Stage) -> int:
    """Returns the column of a feature in the matrix of a stage.

    >>> column("similarity", Stage.FIRST), column("similarity", Stage.SECOND)
    (0, 4)
    """
    return _COLUMNS[stage].index(name)
