"""Coherence against its plain twin, and in use."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plain_coherence import Own, coherence

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.ranking.coherence import (
    COHERENCE,
    CoherentCandidates,
    add_coherence,
    split_texts,
)
from concept_linker.ranking.features import SECOND_STAGE_FEATURES, Stage, column
from concept_linker.ranking.first_stage import PASSED_ON, BestCandidates, StringTable
from concept_linker.ranking.words import COMPARED_WORDS, Texts
from concept_linker.search.normalise import key

SOFTMAX = column("first_stage_softmax", Stage.SECOND)

# Words that share stems, last words, or nothing.
_STRING = st.lists(
    st.sampled_from(["lung", "lungs", "tumor", "tumour", "of", "cell", "cellular", "ébène"]),
    min_size=1,
    max_size=COMPARED_WORDS,
).map(" ".join)
# Values that float32 holds exactly, so that sums and ties are the same in both.
_OWN = st.lists(
    st.builds(Own, st.integers(0, 12), st.integers(0, 64).map(lambda n: n / 64)),
    max_size=7,
    unique_by=lambda one: one.concept,
).map(lambda some: sorted(some, key=lambda one: -one.softmax))


def _cohere(
    texts: list[list[str]], candidates: dict[str, list[Own]], selected: list[bool], limit: int
) -> tuple[CoherentCandidates, BestCandidates]:
    """Returns the candidates of texts whose strings have these, and the string table's."""
    names = list(candidates)
    sizes = np.array([len(candidates[name]) for name in names])
    rows = list(itertools.chain.from_iterable(candidates.values()))
    best = BestCandidates.empty(len(rows))
    for row, one in enumerate(rows):
        best.concepts[row], best.types[row] = one.concept, one.concept % 5
        best.features[row] = -row  # the trees' number falls, as the best comes first
        best.features[row, SOFTMAX] = one.softmax
    words = Texts.encode(map(key, names)).hash_words()
    table = StringTable(best, np.cumsum(sizes) - sizes, sizes, words)
    mentions = list(itertools.chain.from_iterable(texts))
    of_text = [number for number, text in enumerate(texts) for _ in text]
    found = add_coherence(
        np.array([names.index(one) for one in mentions], np.int64),
        split_texts(of_text),
        np.array(selected, np.bool_),
        table,
        limit=limit,
    )
    return found, best


@given(st.data(), st.dictionaries(_STRING, _OWN, min_size=1, max_size=6))
def test_it_equals_its_plain_twin(data: st.DataObject, candidates: dict[str, list[Own]]) -> None:
    strings = st.lists(st.sampled_from(sorted(candidates)), max_size=8)
    texts = data.draw(st.lists(strings, max_size=3))
    mentions = [one for text in texts for one in text]
    selected = data.draw(st.lists(st.booleans(), min_size=len(mentions), max_size=len(mentions)))
    limit = data.draw(st.integers(1, 6))
    found, best = _cohere(texts, candidates, selected, limit)
    expected = [coherence(text, candidates, 2 * limit // 3) for text in texts]
    places = [
        (expected[number][one], one, set(text)) for number, text in enumerate(texts) for one in text
    ]
    correct = [one for one, is_selected in zip(places, selected, strict=True) if is_selected]
    assert len(found.of) == len(correct)
    for place, ((own, offers), string, text) in zip(found.of.tolist(), correct, strict=True):
        here = slice(found.begins[place], found.begins[place] + found.sizes[place])
        concepts, features, rows = (
            found.concepts[here].tolist(),
            found.features[here],
            found.rows[here],
        )
        count = len(candidates[string])
        assert concepts[:count] == [one.concept for one in candidates[string]]
        assert concepts[count:] == list(offers)
        of_concept = {**own, **offers}
        added = features[:, PASSED_ON:]
        np.testing.assert_allclose(
            added, np.array([of_concept[one] for one in concepts]).reshape(added.shape), rtol=1e-6
        )
        # Each comes from a row of its own concept: the string's, or the surest of another.
        assert (rows < 0).tolist() == [False] * count + [True] * len(offers)
        sources = np.where(rows < 0, ~rows, rows)
        assert best.concepts[sources].tolist() == concepts
        assert best.types[sources].tolist() == found.types[here].tolist()
        shares = best.features[sources[count:], SOFTMAX].tolist()
        votes = [one for other in text - {string} for one in candidates[other][:2]]
        assert shares == [
            max(offer.softmax for offer in votes if offer.concept == one)
            for one in concepts[count:]
        ]
        np.testing.assert_array_equal(features[:count, :PASSED_ON], best.features[rows[:count]])
        for row in features[count:]:
            assert row[SOFTMAX] == 0.0
            assert row[SECOND_STAGE_FEATURES.index("pair_share")] == -1.0
            assert row[SECOND_STAGE_FEATURES.index("first_stage_rank")] == 99.0
            if count:
                # It ranks behind the string's own, and has the same features of the string.
                lowest = features[count - 1]
                for name, change in (
                    ("first_stage_score", -2.0),
                    ("first_stage_gap", 2.0),
                    ("candidate_count", 0.0),
                ):
                    place = SECOND_STAGE_FEATURES.index(name)
                    assert row[place] == lowest[place] + change


def test_texts_are_separate_and_long_ones_split() -> None:
    assert split_texts([]).tolist() == [0]
    assert split_texts([None, None]).tolist() == [0, 1, 2]
    assert split_texts([7] * 300).tolist() == [0, 128, 256, 300]


def test_there_are_no_votes_across_a_split() -> None:
    """A mention gets votes from the 127 others of its part only."""
    candidates = {f"lung {i}": [Own(i % 13, 0.5)] for i in range(300)}
    text = list(candidates)
    found, _ = _cohere([text], candidates, [True] * 300, 3)
    summed = found.features[found.begins[found.of], PASSED_ON + 1]
    passage = [range(128), range(128, 256), range(256, 300)]
    expected = [0.5 * (sum(j % 13 == i % 13 for j in some) - 1) for some in passage for i in some]
    np.testing.assert_allclose(summed, expected)


def test_what_a_text_is_about_decides(open_base: KnowledgeBase) -> None:
    """A short name is likelier to mean what the text's longer name means; alone it is not."""
    linker = ConceptLinker.load(open_base)
    text = (
        "Clear cell renal cell carcinoma of the left kidney; the clear cell tumour is on the right."
    )
    spans = [(0, 31), (56, 73)]
    long, short = linker.link_spans(text, spans).mentions
    [alone] = linker.link_spans(text, spans[1:]).mentions
    meant = long.candidates[0].concept_id
    together = {one.concept_id: one.score for one in short.candidates}
    by_itself = {one.concept_id: one.score for one in alone.candidates}
    assert together[meant] > by_itself.get(meant, 0.0)


def test_offers_have_no_similarity(open_base: KnowledgeBase) -> None:
    """A concept that only another mention means is a candidate, with similarity 0."""
    linker = ConceptLinker.load(open_base)
    text = "Meningioma of the left frontal lobe. The extra-axial mass lesion compresses the brain."
    spans = [(text.index(words), text.index(words) + len(words)) for words in (
        "Meningioma", "frontal lobe", "extra-axial mass lesion", "brain"
    )]  # fmt: skip
    mentions = linker.link_spans(text, spans).mentions
    offers = []
    for mention, span in zip(mentions, spans, strict=True):
        [alone] = linker.link_spans(text, [span]).mentions
        own = {one.concept_id for one in alone.candidates}
        assert len(mention.candidates) <= linker.settings.k
        offers += [one for one in mention.candidates if one.concept_id not in own]
    assert offers
    assert all(one.similarity == 0.0 and one.alias == one.name for one in offers)


def test_columns_of_coherence_follow_those_of_the_first_stage() -> None:
    assert SECOND_STAGE_FEATURES[PASSED_ON : PASSED_ON + len(COHERENCE)] == COHERENCE
