"""What the mentions of a text say of each other, beside its plain twin, and in use."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plain_company import Own, told

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.ranking.candidates import WORDS, word_hashes
from concept_linker.ranking.coherence import Meeting, encoded, gathered, passages
from concept_linker.ranking.contextual_features import KEPT, SHARE, Shelf
from concept_linker.search.normalise import key

# Words that share stems, last words, or nothing.
_STRING = st.lists(
    st.sampled_from(["lung", "lungs", "tumor", "tumour", "of", "cell", "cellular", "ébène"]),
    min_size=1,
    max_size=WORDS,
).map(" ".join)
# Shares that float32 holds exactly, so that sums and ties are the same in both.
_OWN = st.lists(
    st.builds(Own, st.integers(0, 12), st.integers(0, 64).map(lambda n: n / 64)),
    max_size=7,
    unique_by=lambda one: one.concept,
).map(lambda some: sorted(some, key=lambda one: -one.share))


def _met(
    texts: list[list[str]], candidates: dict[str, list[Own]], asked: list[bool], most: int
) -> tuple[Meeting, Shelf]:
    """The meeting of texts whose strings have these candidates, and where these are."""
    names = list(candidates)
    sizes = np.array([len(candidates[name]) for name in names])
    rows = list(itertools.chain.from_iterable(candidates.values()))
    shelf = Shelf.empty(len(rows))
    for row, one in enumerate(rows):
        shelf.concepts[row], shelf.types[row] = one.concept, one.concept % 5
        shelf.features[row] = -row  # the trees' number falls, as the best comes first
        shelf.features[row, SHARE] = one.share
    words = np.zeros((len(names), 2, WORDS + 1), np.uint64)
    word_hashes(*encoded(map(key, names)), words)
    mentions = list(itertools.chain.from_iterable(texts))
    of_text = [number for number, text in enumerate(texts) for _ in text]
    met = gathered(
        np.array([names.index(one) for one in mentions], np.int64),
        passages(of_text),
        np.array(asked, np.bool_),
        np.cumsum(sizes) - sizes,
        sizes,
        words,
        shelf,
        most,
    )
    return met, shelf


@given(st.data(), st.dictionaries(_STRING, _OWN, min_size=1, max_size=6))
def test_it_is_its_plain_twin(data: st.DataObject, candidates: dict[str, list[Own]]) -> None:
    strings = st.lists(st.sampled_from(sorted(candidates)), max_size=8)
    texts = data.draw(st.lists(strings, max_size=3))
    mentions = [one for text in texts for one in text]
    asked = data.draw(st.lists(st.booleans(), min_size=len(mentions), max_size=len(mentions)))
    most = data.draw(st.integers(1, 6))
    met, shelf = _met(texts, candidates, asked, most)
    expected = [told(text, candidates, 2 * most // 3) for text in texts]
    places = [
        (expected[number][one], one, set(text)) for number, text in enumerate(texts) for one in text
    ]
    wanted = [one for one, is_asked in zip(places, asked, strict=True) if is_asked]
    assert len(met.of) == len(wanted)
    for place, ((own, brought), string, text) in zip(met.of.tolist(), wanted, strict=True):
        here = slice(met.begins[place], met.begins[place] + met.sizes[place])
        concepts, features, rows = met.concepts[here].tolist(), met.features[here], met.rows[here]
        count = len(candidates[string])
        assert concepts[:count] == [one.concept for one in candidates[string]]
        assert concepts[count:] == list(brought)
        of_concept = {**own, **brought}
        said = features[:, len(KEPT) :]
        np.testing.assert_allclose(
            said, np.array([of_concept[one] for one in concepts]).reshape(said.shape), rtol=1e-6
        )
        # Each comes from a row of its own concept: the string's, or the surest of another.
        assert (rows < 0).tolist() == [False] * count + [True] * len(brought)
        sources = np.where(rows < 0, ~rows, rows)
        assert shelf.concepts[sources].tolist() == concepts
        assert shelf.types[sources].tolist() == met.types[here].tolist()
        shares = shelf.features[sources[count:], SHARE].tolist()
        offers = [one for other in text - {string} for one in candidates[other][:2]]
        assert shares == [
            max(offer.share for offer in offers if offer.concept == one) for one in concepts[count:]
        ]
        np.testing.assert_array_equal(features[:count, : len(KEPT)], shelf.features[rows[:count]])
        for row in features[count:]:
            assert row[SHARE] == 0.0
            assert row[KEPT.index("pair_share")] == -1.0
            assert row[KEPT.index("rank")] == 99.0
            if count:
                # It stands behind all of the string's own, and shares what the string alone says.
                lowest = features[count - 1]
                for name, change in (("number", -2.0), ("behind_best", 2.0), ("candidates", 0.0)):
                    column = KEPT.index(name)
                    assert row[column] == lowest[column] + change


def test_texts_are_apart_and_long_ones_cut() -> None:
    assert passages([]).tolist() == [0]
    assert passages([None, None]).tolist() == [0, 1, 2]
    assert passages([7] * 300).tolist() == [0, 128, 256, 300]


def test_nothing_is_heard_across_a_cut() -> None:
    """A word is the company of the 127 that stand with it, and of no other."""
    candidates = {f"lung {i}": [Own(i % 13, 0.5)] for i in range(300)}
    text = list(candidates)
    met, _ = _met([text], candidates, [True] * 300, 3)
    heard = met.features[met.begins[met.of], len(KEPT) + 1]  # summed up
    passage = [range(128), range(128, 256), range(256, 300)]
    expected = [0.5 * (sum(j % 13 == i % 13 for j in some) - 1) for some in passage for i in some]
    np.testing.assert_allclose(heard, expected)


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


def test_what_is_brought_has_no_likeness(open_base: KnowledgeBase) -> None:
    """A concept that only another mention means is a candidate, with the likeness 0."""
    linker = ConceptLinker.load(open_base)
    text = "Meningioma of the left frontal lobe. The extra-axial mass lesion compresses the brain."
    spans = [(text.index(words), text.index(words) + len(words)) for words in (
        "Meningioma", "frontal lobe", "extra-axial mass lesion", "brain"
    )]  # fmt: skip
    mentions = linker.link_spans(text, spans).mentions
    brought = []
    for mention, span in zip(mentions, spans, strict=True):
        [alone] = linker.link_spans(text, [span]).mentions
        own = {one.concept_id for one in alone.candidates}
        assert len(mention.candidates) <= linker.settings.k
        brought += [one for one in mention.candidates if one.concept_id not in own]
    assert brought
    assert all(one.similarity == 0.0 and one.alias == one.name for one in brought)
