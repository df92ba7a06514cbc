"""Shows annotations in notebooks: highlighted text, with the candidates on hover.

There is no script, and nothing is fetched.  An untrusted notebook loses the styles; the attribute
``hidden`` of the hover boxes keeps the text readable even then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape

from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.knowledge_base.semantic_types import group_name, semantic_group
from concept_linker.viewing.assets import asset
from concept_linker.viewing.concepts import concept_page

__all__ = ["AnnotationTable", "annotation_html"]

_MAX_CANDIDATES = 8


class AnnotationTable:
    """Shows several annotations in a notebook as a table.

    Args:
        annotations: the annotations.
        max_rows: the largest number of rows; a note tells how many more there are.

    >>> from concept_linker.annotation import Annotation
    >>> AnnotationTable([Annotation("No finding.")])
    AnnotationTable(1 annotation)
    """

    def __init__(self, annotations: Iterable[Annotation], *, max_rows: int = 100) -> None:
        self.annotations = tuple(annotations)
        self.max_rows = max_rows

    def __repr__(self) -> str:
        number = len(self.annotations)
        return f"AnnotationTable({number:,} annotation{'' if number == 1 else 's'})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td>{number}</td><td><div class="cl-text">{_text(annotation, labels=False)}</div>'
            f"</td><td>{_concepts(annotation)}</td></tr>"
            for number, annotation in enumerate(self.annotations[: self.max_rows], start=1)
        )
        left = len(self.annotations) - self.max_rows
        foot = f'<p class="cl-foot">… and {left:,} more</p>' if left > 0 else ""
        head = "<tr><th></th><th>text</th><th>concepts</th></tr>"
        return _framed(
            f'<div class="cl-scroll"><table class="cl-table">{head}{rows}</table></div>{foot}'
        )


def annotation_html(annotation: Annotation) -> str:
    """Returns one annotation as HTML: id and name under each mention, and a key to the colours."""
    in_text = {id(mention) for mention in _without_overlaps(annotation)}
    others = [mention for mention in annotation if id(mention) not in in_text]
    body = f'<div class="cl-text">{_text(annotation, labels=True)}</div>'
    if others:
        shown = "".join(_mention(mention, labels=True) for mention in others)
        body += f'<div class="cl-foot">overlapping</div><div class="cl-text">{shown}</div>'
    if not annotation.mentions:
        return _framed(f'{body}<p class="cl-foot">no concepts found</p>')
    groups = dict.fromkeys(_group(mention) for mention in annotation)
    keys = "".join(
        f'<span class="cl-key"><i class="{_class(group)}"></i>'
        f"{escape(group_name(group)) or 'other'}</span>"
        for group in groups
    )
    return _framed(f'{body}<p class="cl-foot">{keys}</p>')


def _framed(body: str) -> str:
    return f'<div class="cl-view"><style>{_style()}</style>{body}</div>'


@lru_cache(maxsize=1)
def _style() -> str:
    return asset("groups.css") + asset("notebook.css")


def _without_overlaps(annotation: Annotation) -> Iterator[Mention]:
    """The mentions in reading order; of overlapping ones the first, and the longest of these."""
    end = 0
    for mention in sorted(annotation.mentions, key=lambda one: (one.start, -one.end)):
        if mention.start >= end:
            end = mention.end
            yield mention


def _text(annotation: Annotation, *, labels: bool) -> str:
    parts, end = [], 0
    for mention in _without_overlaps(annotation):
        parts += [escape(annotation.text[end : mention.start]), _mention(mention, labels=labels)]
        end = mention.end
    return "".join(parts) + escape(annotation.text[end:])


def _mention(mention: Mention, *, labels: bool) -> str:
    best = mention.best
    classes = ["cl-m", _class(_group(mention))]
    classes += ["cl-nil"] * (best is None) + ["cl-absent"] * mention.negated
    classes += ["cl-wide"] * (len(mention.text) < 8)
    tag = '<span class="cl-tag">absent</span>' if mention.negated else ""
    under = ""
    if labels and best is not None:
        under = (
            f'<span class="cl-id">{_link(best.concept_id)}{tag}</span>'
            f'<span class="cl-name">{escape(best.name)}</span>'
        )
    elif labels:
        under = f'<span class="cl-name">no concept{tag}</span>'
    return (
        f'<span class="{" ".join(classes)}" tabindex="0"><span class="cl-t">'
        f"{escape(mention.text)}</span>{under}{_candidates(mention)}</span>"
    )


def _candidates(mention: Mention) -> str:
    """The hover box: the mention's probability, and each candidate with similarity and score.

    All elements are spans, because the box is inside a line of text.
    """
    notes = [group_name(_group(mention)), f"probability {mention.probability:.3f}"]
    notes += [f"short for {mention.long_form}"] if mention.long_form else []
    notes += ["absent"] if mention.negated else []
    about = escape(", ".join(filter(None, notes)))
    head = f'<span class="cl-head">{escape(mention.text)} <small>{about}</small></span>'
    if not mention.candidates:
        return f'<span class="cl-pop" hidden>{head}no candidates</span>'
    cells = ("id", "name", "similarity", "score")
    rows = [_row("cl-names", *cells)]
    for candidate in mention.candidates[:_MAX_CANDIDATES]:
        name = escape(candidate.name)
        if candidate.alias != candidate.name:
            name += f" <small>as “{escape(candidate.alias)}”</small>"
        rows.append(
            _row(
                "cl-first" if candidate == mention.best else "",
                _link(candidate.concept_id),
                name,
                f"{candidate.similarity:.3f}",
                f"{candidate.score:.3f}",
            )
        )
    more = len(mention.candidates) - _MAX_CANDIDATES
    foot = f'<span class="cl-foot">… and {more} more</span>' if more > 0 else ""
    grid = f'<span class="cl-grid">{"".join(rows)}</span>'
    return f'<span class="cl-pop" hidden>{head}{grid}{foot}</span>'


def _row(kind: str, concept_id: str, name: str, similarity: str, score: str) -> str:
    return (
        f'<span class="cl-row {kind}"><span class="cl-id">{concept_id}</span><span>{name}</span>'
        f'<span class="cl-num">{similarity}</span><span class="cl-num">{score}</span></span>'
    )


def _concepts(annotation: Annotation) -> str:
    chosen: dict[str, Candidate] = {}
    for mention in annotation:
        if mention.best is not None:
            chosen.setdefault(mention.best.concept_id, mention.best)
    items = "".join(
        f'<li><span class="cl-id">{_link(one.concept_id)}</span> {escape(one.name)} '
        f"{one.score:.2f}</li>"
        for one in chosen.values()
    )
    return f"<ul>{items}</ul>"


def _link(concept_id: str) -> str:
    page = concept_page(concept_id)
    if page is None:
        return escape(concept_id)
    return (
        f'<a href="{escape(page)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(concept_id)}</a>"
    )


def _group(mention: Mention) -> str:
    return semantic_group(mention.best.semantic_types if mention.best else ()) or mention.label


def _class(group: str) -> str:
    return f"g g-{group}" if group_name(group) != group else "g g-none"
