from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from concept_linker.candidates.normalise import key
from concept_linker.ranking.priors import Priors

STRINGS = st.sampled_from(["lesion", "Lesions", "MRI", "cold", "oedema", "edema", "+"])
CUIS = st.sampled_from(["C0000001", "C0221198", "C9999999", "MESH:D1"])


@given(st.lists(st.tuples(STRINGS, CUIS)))
def test_counts_are_counts(mentions: list[tuple[str, str]]) -> None:
    priors = Priors.count(mentions)
    counted = [(key(text), cui) for text, cui in mentions if cui != "MESH:D1" and key(text)]
    pairs, concepts = Counter(counted), Counter(cui for _, cui in counted)
    for text in ("lesion", "MRI", "cold", "edema", "+", "unseen"):
        expected = {cui: n for (one, cui), n in pairs.items() if one == key(text)}
        assert priors.of_string(text) == expected
    for cui in ("C0000001", "C0221198", "C9999999", "C1234567", "MESH:D1"):
        assert priors.of_concept(cui) == concepts[cui]


def test_saved_and_opened(tmp_path: Path) -> None:
    Priors.count([("lesion", "C0221198"), ("Lesions", "C0221198")]).save(tmp_path)
    priors = Priors.open(tmp_path)
    assert priors.of_string("LESION") == {"C0221198": 2}
    assert priors.of_concept("C0221198") == 2
