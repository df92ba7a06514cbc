"""The two baselines that every report compares with; they see only the mention's string."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.normalise import key

__all__ = ["ExactMatch", "NearestNames", "StringLinker"]


class StringLinker(ABC):
    """A linker that sees only the characters of a mention."""

    #: Its name in reports.
    name: str
    #: Candidates with a lower score are not linked.
    min_score = 0.0

    @abstractmethod
    def candidates_of(self, strings: Sequence[str]) -> list[tuple[Candidate, ...]]:
        """Returns the candidates of each string, best first; strings are distinct."""

    def link_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> Annotation:
        """Links the given spans of one text."""
        [annotation] = self.link_spans_many([(text, spans)])
        return annotation

    def link_spans_many(
        self, documents: Iterable[tuple[str, Sequence[tuple[int, int]]]]
    ) -> Iterator[Annotation]:
        """Links the given spans of each text; looks every distinct string up once."""
        documents = list(documents)
        strings = list(
            dict.fromkeys(text[start:end] for text, spans in documents for start, end in spans)
        )
        found = dict(zip(strings, self.candidates_of(strings), strict=True))
        for text, spans in documents:
            mentions = []
            for start, end in spans:
                candidates = found[text[start:end]]
                best = candidates[0] if candidates else None
                if best is not None and best.score < self.min_score:
                    best = None
                mentions.append(
                    Mention(start, end, text[start:end], best=best, candidates=candidates)
                )
            yield Annotation(text, tuple(mentions))


class ExactMatch(StringLinker):
    """Links a string to its most frequent concept in training, or else to a concept so named.

    The score is the concept's share of the string's training mentions. If the string is not in
    training, all concepts with that name have equal shares. Concepts with the name that are not in
    the string's training mentions follow with a score of 0.

    Args:
        kb: the knowledge base; strings are compared after its normalisation.
        train: gold mentions to count; ``None`` uses names only.
        ids: resolves the spelling of ids.
    """

    name = "exact match"

    def __init__(self, kb: KnowledgeBase, train: GoldCorpus | None, ids: ConceptIds) -> None:
        self._kb = kb
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for document, mention in train or ():
            self._counts[key(document.surface(mention))].update(ids.of(mention))

    def candidates_of(self, strings: Sequence[str]) -> list[tuple[Candidate, ...]]:
        """Returns the candidates of each string, best first; ties are ordered by id."""
        return [self._look_up(string) for string in strings]

    def _look_up(self, string: str) -> tuple[Candidate, ...]:
        named = {}
        for match in self._kb.rows.find(string):
            head, alias = self._kb.rows.head(match.concept), self._kb.rows.name(match.name)
            named[head.id] = Candidate(head.id, head.name, alias, 1.0, 0.0, head.semantic_types)
        counts = self._counts.get(key(string), Counter())
        total = counts.total()
        shares = {concept: count / total for concept, count in counts.items()}
        shares = shares or dict.fromkeys(named, 1 / len(named) if named else 0.0)
        found = [
            named.get(concept, Candidate(concept, string, string, 1.0, 0.0))._replace(score=share)
            for concept, share in shares.items()
        ]
        found.sort(key=lambda candidate: (-candidate.score, candidate.concept_id))
        rest = (candidate for concept, candidate in named.items() if concept not in shares)
        return (*found, *sorted(rest, key=lambda candidate: candidate.concept_id))


class NearestNames(StringLinker):
    """scispaCy's method: cosine of TF-IDF character 3-grams; ties are ordered by id.

    It follows scispaCy's ``CandidateGenerator`` with its default of k = 30, and its
    ``EntityLinker``, which links nothing below a similarity of 0.7. It uses this library's exact
    index instead of an approximate one: a gram counts once, grams include blanks, strings are
    normalised, and k counts concepts, not names. The score is the similarity.

    Args:
        kb: the knowledge base.
        k: the number of candidates per mention.
        min_similarity: the least similarity at which the first candidate is linked.
        min_candidate_similarity: the least similarity of a candidate.
    """

    name = "scispaCy's method"

    def __init__(
        self,
        kb: KnowledgeBase,
        *,
        k: int = 30,
        min_similarity: float = 0.7,
        min_candidate_similarity: float = 0.0,
    ) -> None:
        self._kb = kb
        self._k = k
        self._min_similarity = min_candidate_similarity
        self.min_score = min_similarity

    def candidates_of(self, strings: Sequence[str]) -> list[tuple[Candidate, ...]]:
        """Returns the candidates of each string, best first; ties are ordered by id."""
        found = self._kb.search_many(strings, k=self._k, min_similarity=self._min_similarity)
        return [
            tuple(sorted(candidates, key=lambda c: (-c.similarity, c.concept_id)))
            for candidates in found
        ]
