"""The linker in a spaCy pipeline.

    nlp.add_pipe("concept_linker")

needs no import: spaCy finds the factory by its entry point.  spaCy imports this module whenever it
makes a pipeline, so the linker is imported only when a component is made.

A component without ``suffix`` sets:

*   ``ent.kb_id_``: the id of the chosen concept; ``""`` if there is none;
*   ``ent._.kb_ents``: the candidates as a list of (id, score), best first; empty if no concept is
    chosen.  The score is the probability of the concept, given the mention;
*   ``ent._.linked``: the :class:`~concept_linker.annotation.Mention`, with exact offsets and its
    ``probability``;
*   ``doc.spans["concepts"]``: the mentions as spans, with ``kb_id_``;
*   ``doc.ents``, if the component finds the mentions and no component before it has set entities.

Spans consist of whole tokens, so several mentions may share their tokens (``kidney;liver`` is one
token).  Each of them has its own span in ``doc.spans["concepts"]``, with its own attributes;
``span._.linked`` has the exact offsets.  ``doc.ents`` can hold only the first of them, and any
other span of these tokens has the attributes of the first.
"""

# No `from __future__ import annotations`: spaCy checks a config by the types of the factory.

import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans, registry

from concept_linker.annotation import MENTION_FIELDS, Annotation, Candidate, Mention
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.linker import ConceptLinker

__all__ = ["ConceptLinkerComponent", "make_component", "score_links"]

_LOG = logging.getLogger(__name__)
_SAVED = "concept_linker.json"
#: The label of an entity without a semantic group, as in scispaCy's models.
_NO_GROUP = "ENTITY"

#: The prefix of the ids of spans that are not the first with their tokens.
_NUMBERED = "concept_linker:"

Mentions = Literal["auto", "ents", "find"]


def score_links(examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
    """Evaluates links with spaCy's measures (``nel_micro_f`` …) on entities of equal offsets."""
    scores: dict[str, Any] = Scorer.score_links(examples, negative_labels=["", "NIL"], **settings)
    return scores


@registry.scorers("concept_linker.links.v1")  # type: ignore[untyped-decorator]
def _make_scorer() -> Callable[..., dict[str, Any]]:
    return score_links


@Language.factory(
    "concept_linker",
    assigns=["doc.ents", "doc.spans", "token.ent_kb_id", "span._.kb_ents", "span._.linked"],
    default_config={
        "kb": "default",
        "detector": None,
        "mentions": "auto",
        "suffix": "",
        "settings": {},
        "scorer": {"@scorers": "concept_linker.links.v1"},
    },
    default_score_weights={"nel_micro_f": 1.0, "nel_micro_p": None, "nel_micro_r": None},
)
def make_component(
    nlp: Language,
    name: str,
    kb: str,
    detector: str | None,
    mentions: str,
    suffix: str,
    settings: dict[str, Any],
    scorer: Callable[..., dict[str, Any]] | None,
) -> "ConceptLinkerComponent":
    """Makes the component; ``nlp.add_pipe("concept_linker", config={…})`` calls this.

    Args:
        nlp: the pipeline.
        name: the component's name in it.
        kb: ``"default"``, or the folder of a knowledge base.
        detector: the name of a mention detector; ``None`` is the linker's default.
        mentions: ``"ents"`` links ``doc.ents``, ``"find"`` finds mentions, and ``"auto"`` links
            ``doc.ents`` if an earlier component has set entities, and otherwise finds mentions.
        suffix: is appended to all names that the component sets, so that two components can work in
            one pipeline: ``"hpo"`` makes ``ent._.kb_ents_hpo`` and ``doc.spans["concepts_hpo"]``.
            With a suffix, the component does not change entities.
        settings: see :class:`~concept_linker.settings.LinkerSettings`.
        scorer: ``nlp.evaluate`` calls it.

    Raises:
        KnowledgeBaseError: the base cannot be opened.
        SettingsError: a setting is unknown, or another component has the same suffix.
    """
    if mentions not in ("auto", "ents", "find"):
        raise SettingsError(f"mentions is {mentions!r}, expected 'auto', 'ents' or 'find'")
    if suffix and not suffix.isidentifier():
        raise SettingsError(f"suffix is {suffix!r}, expected letters, digits and _")
    for other, component in nlp.components:
        if isinstance(component, ConceptLinkerComponent) and component.suffix == suffix:
            raise SettingsError(
                f"components {other!r} and {name!r} set the same attributes; give one of them a "
                'suffix, such as config={"suffix": "hpo"}'
            )
    from concept_linker.linker import ConceptLinker

    options = settings if detector is None else {**settings, "detector": detector}
    linker = ConceptLinker.load(kb, **options)
    return ConceptLinkerComponent(
        linker,
        name=name,
        mentions=mentions,  # type: ignore[arg-type]
        suffix=suffix,
        scorer=scorer,
    )


class ConceptLinkerComponent(Pipe):
    """Links the entities of documents, or finds mentions and links them.

    Made by ``nlp.add_pipe("concept_linker")``; see :func:`make_component`.

    Attributes:
        linker: the linker.
        name: its name in the pipeline.
        mentions: which mentions are linked.
        suffix: is appended to the names that it sets.
    """

    def __init__(
        self,
        linker: "ConceptLinker",
        *,
        name: str = "concept_linker",
        mentions: Mentions = "auto",
        suffix: str = "",
        scorer: Callable[..., dict[str, Any]] | None = score_links,
    ) -> None:
        self.linker = linker
        self.name = name
        self.mentions = mentions
        self.suffix = suffix
        self.scorer = scorer
        tail = f"_{suffix}" if suffix else ""
        self._kb_ents, self._linked = f"kb_ents{tail}", f"linked{tail}"
        #: The key of ``doc.spans``.
        self.spans_key = f"concepts{tail}"
        _extend(self._kb_ents, _pairs)
        _extend(self._linked, _mention)

    def __reduce__(self) -> tuple[Any, ...]:
        made = partial(
            ConceptLinkerComponent,
            name=self.name,
            mentions=self.mentions,
            suffix=self.suffix,
            scorer=self.scorer,
        )
        return made, (self.linker,)

    @property
    def kb(self) -> "KnowledgeBase":
        """The knowledge base; ``component.kb.concept(id)`` has all details of a concept."""
        return self.linker.kb

    def __call__(self, doc: Doc) -> Doc:
        """Links one document, in place."""
        [linked] = self.pipe([doc])
        return linked

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Links a stream of documents in batches, in order."""
        handle = self.get_error_handler()
        documents = iter(stream)
        while batch := list(itertools.islice(documents, batch_size)):
            try:
                self._link(batch)
            except Exception as error:
                handle(self.name, self, batch, error)
            else:
                yield from batch

    def _link(self, documents: list[Doc]) -> None:
        given = [doc for doc in documents if self._takes_entities(doc)]
        finding = [doc for doc in documents if not self._takes_entities(doc)]
        entities = [list(doc.ents) for doc in given]
        places = ([(one.start_char, one.end_char) for one in ents] for ents in entities)
        linked = self.linker.link_spans_many(zip((d.text for d in given), places, strict=True))
        for doc, ents, annotation in zip(given, entities, linked, strict=True):
            self._write(doc, ents, annotation)
        found = self.linker.link_many(doc.text for doc in finding)
        for doc, annotation in zip(finding, found, strict=True):
            self._write(doc, [_span(doc, mention) for mention in annotation], annotation)

    def _takes_entities(self, doc: Doc) -> bool:
        return self.mentions == "ents" or (self.mentions == "auto" and _has_entities(doc))

    def _write(self, doc: Doc, spans: list[Span], annotation: Annotation) -> None:
        linked: list[Span] = []
        on_tokens: Counter[tuple[int, int]] = Counter()
        for given, mention in zip(spans, annotation, strict=True):
            best = mention.best.concept_id if mention.best else ""
            first, end = given.start, given.end
            on_tokens[first, end] += 1
            number = on_tokens[first, end]
            own = f"{_NUMBERED}{number}" if number > 1 else 0
            span = Span(doc, first, end, label=given.label_, kb_id=best, span_id=own)
            linked.append(span)
            pairs = mention.candidates if mention.best else ()
            span._.set(self._kb_ents, [(c.concept_id, float(c.score)) for c in pairs])
            span._.set(self._linked, _plain(mention, span.start_char))
        doc.spans[self.spans_key] = linked
        if self.suffix:
            return
        if not _has_entities(doc):
            doc.set_ents(filter_spans(linked))
        elif self._takes_entities(doc):
            for span in linked:
                for token in span:
                    token.ent_kb_id_ = span.kb_id_

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """Returns the measures of :func:`score_links`, or of the scorer in the config."""
        return self.scorer(examples, **settings) if self.scorer else {}

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Returns the name and the checksum of the base, and the settings.

        The base itself is not saved; the pipeline's config has its path.

        Args:
            exclude: part of spaCy's interface, without effect here.
        """
        return json.dumps(self._identity(), sort_keys=True).encode("ascii")

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "ConceptLinkerComponent":
        """Compares with the saved base and settings; logs a warning if they differ."""
        saved, own = json.loads(data), self._identity()
        if saved != own:
            _LOG.warning("component %r was saved with %s, and is now %s", self.name, saved, own)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Writes :meth:`to_bytes` into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _SAVED).write_bytes(self.to_bytes())

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> "ConceptLinkerComponent":
        """See :meth:`from_bytes`."""
        return self.from_bytes((Path(path) / _SAVED).read_bytes())

    def _identity(self) -> dict[str, Any]:
        from concept_linker.knowledge_base.checksum import sha256_of
        from concept_linker.knowledge_base.store import MANIFEST

        folder = self.kb.path
        return {
            "kb": folder.name,
            "kb_sha256": sha256_of(folder / MANIFEST),
            "settings": self.linker.settings.model_dump(),
        }


def _has_entities(doc: Doc) -> bool:
    """Whether a component has set entities, even if there are none."""
    return bool(doc.has_annotation("ENT_IOB"))


def _span(doc: Doc, mention: Mention) -> Span:
    """The tokens of a mention, whole even if it begins or ends within one."""
    span = doc.char_span(
        mention.start, mention.end, label=mention.label or _NO_GROUP, alignment_mode="expand"
    )
    if span is None:  # impossible, because a mention is inside the text
        raise SettingsError(f"mention {mention.text!r} is outside its document")
    return span


def _extend(name: str, read: Callable[[Any, int], Any]) -> None:
    """Registers an attribute of spans, once.

    Its values are plain, so that ``Doc.to_bytes`` can send them to other processes, and are in
    ``doc.user_data`` under spaCy's own key, so that scispaCy's linker, which overwrites the
    extension ``kb_ents``, still shows them.
    """
    if not Span.has_extension(name):
        Span.set_extension(name, getter=partial(_get, name, read), setter=partial(_set, name))


def _key(name: str, span: Span) -> Any:
    own = span.id_ if span.id_.startswith(_NUMBERED) else ""
    return "._.", f"{name} {own}" if own else name, span.start_char, span.end_char


def _get(name: str, read: Callable[[Any, int], Any], span: Span) -> Any:
    return read(span.doc.user_data.get(_key(name, span)), span.start_char)


def _set(name: str, span: Span, value: Any) -> None:
    span.doc.user_data[_key(name, span)] = value


def _pairs(value: Any, _: int) -> list[tuple[str, float]]:
    return [(concept_id, score) for concept_id, score in value or ()]


def _plain(mention: Mention, start: int) -> list[Any]:
    """A mention as plain values, relative to its span: spans move if documents are merged."""
    own = {name: getattr(mention, name) for name in MENTION_FIELDS}
    own |= {"start": mention.start - start, "end": mention.end - start}
    best = list(mention.best) if mention.best else None
    return [own, best, [list(candidate) for candidate in mention.candidates]]


def _mention(value: Any, start: int) -> Mention | None:
    if value is None:
        return None
    own, best, candidates = value
    moved = {**own, "start": start + own["start"], "end": start + own["end"]}
    return Mention(
        **moved,
        best=_candidate(best) if best else None,
        candidates=tuple(map(_candidate, candidates)),
    )


def _candidate(value: Any) -> Candidate:
    return Candidate._make(tuple(one) if isinstance(one, list) else one for one in value)
