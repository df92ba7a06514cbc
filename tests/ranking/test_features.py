"""The trained trees know features by column, so the columns that they read must stay in place."""

import hashlib

import pytest

from concept_linker.ranking.features import (
    FIRST_STAGE_FEATURES,
    SECOND_STAGE_FEATURES,
    SHORT_FORM_FEATURES,
)

#: For each matrix the number of columns that the committed trees read, and a checksum of the names.
#: The recipe of the ranker changes them; nothing else may.
TRAINED = [
    (FIRST_STAGE_FEATURES, 36, "87c018d9e61e8b26"),
    (SECOND_STAGE_FEATURES, 34, "1fd6ff0d6734e365"),
    (SHORT_FORM_FEATURES, 42, "fc9621bfb2ef00c7"),
]


@pytest.mark.parametrize(("names", "count", "checksum"), TRAINED)
def test_the_columns_of_trained_trees_stay(
    names: tuple[str, ...], count: int, checksum: str
) -> None:
    found = hashlib.sha256("\n".join(names[:count]).encode()).hexdigest()[:16]
    assert found == checksum, (
        "the trained trees read these columns by number: append a feature to its stage, "
        "or train the ranker again"
    )
