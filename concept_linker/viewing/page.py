"""Renders a collection as one self-contained page.

Captions are untrusted input.  The page has them as JSON in a script element that no browser runs
and no text can end, and the script makes text nodes of them.  The page's content security policy
allows nothing but its own script, style sheet and images.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256
from html import escape
from typing import Any

from concept_linker.knowledge_base.semantic_types import GROUP_NAMES
from concept_linker.viewing.assets import asset
from concept_linker.viewing.collection import Collection, RecordView, Span
from concept_linker.viewing.concepts import CUI_PAGE

__all__ = ["page", "policy"]

_UNKNOWN = "none"
_SCRIPTS = tuple(
    f"browser/{name}.js" for name in ("1-data", "2-filters", "3-list", "4-records", "5-keys")
)


def page(
    collection: Collection, *, title: str, image_of: Callable[[RecordView], str] | None = None
) -> str:
    """Returns the HTML of the page.

    Args:
        collection: the records.
        title: the title.
        image_of: returns the address of a record's image; ``None`` makes a page without images.
    """
    data = json.dumps(_data(collection, title, image_of), separators=(",", ":"))
    parts = {
        "TITLE": escape(title),
        "POLICY": escape(policy()),
        "STYLE": _style(),
        # So that no text in it can end the element or begin a comment.
        "DATA": data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        "SCRIPT": _script(),
    }
    text, *rest = asset("browser/page.html").split("{{")
    for part in rest:
        name, _, after = part.partition("}}")
        text += parts[name] + after
    return text


def policy() -> str:
    """Returns the content security policy of the page."""
    return (
        f"default-src 'none'; script-src {_hash(_script())}; "
        f"style-src {_hash(_style())}; img-src data: file: 'self'; base-uri 'none'; "
        "form-action 'none'"
    )


def _style() -> str:
    return asset("groups.css") + asset("browser/page.css")


def _script() -> str:
    return "".join(map(asset, _SCRIPTS))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"


def _data(
    collection: Collection, title: str, image_of: Callable[[RecordView], str] | None
) -> dict[str, Any]:
    counts = Counter(span.cui for span in collection.all_spans())
    cuis = sorted(counts, key=lambda cui: (-counts[cui], cui))
    groups = [*GROUP_NAMES, _UNKNOWN]
    number_of = {cui: number for number, cui in enumerate(cuis)}
    licences = sorted({one.licence for one in collection.records})
    records = []
    for one in collection.records:
        places = _Utf16(one.caption)
        row: list[Any] = [
            one.caption,
            _flat(one.spans, number_of, places),
            image_of(one) if image_of else "",
            one.label,
            one.pmc,
            licences.index(one.licence),
        ]
        if one.others is not None:
            row.append(_flat(one.others, number_of, places))
        records.append(row)
    return {
        "title": title,
        "sources": collection.sources,
        "compared": len(collection.sources) == 2,
        "images": image_of is not None,
        "scored": any(span.score is not None for span in collection.all_spans()),
        "page": CUI_PAGE,
        "groups": [[name, GROUP_NAMES.get(name, "No group")] for name in groups],
        "concepts": [
            [
                cui,
                collection.names.get(cui, ""),
                groups.index(collection.groups.get(cui) or _UNKNOWN),
            ]
            for cui in cuis
        ],
        "licences": licences,
        "records": records,
    }


def _flat(spans: Iterable[Span], number_of: dict[str, int], places: _Utf16) -> list[int]:
    """Seven integers per span: start, end, concept, similarity, comparison, probability, score.

    The last two and the similarity are in thousandths, -1 if missing.
    """
    flat: list[int] = []
    for start, end, cui, similarity, comparison, probability, score in spans:
        flat += (places[start], places[end], number_of[cui], _thousandths(similarity), comparison)
        flat += (_thousandths(probability), _thousandths(score))
    return flat


def _thousandths(share: float | None) -> int:
    """Rounds down, so that only equality reads 1.000; -1 for ``None``."""
    return -1 if share is None else int(share * 1000 + 1e-6)


class _Utf16:
    """Maps places in code points to the UTF-16 units that JavaScript counts."""

    def __init__(self, text: str) -> None:
        self._wide = [place for place, character in enumerate(text) if character > "\uffff"]

    def __getitem__(self, place: int) -> int:
        return place + sum(wide < place for wide in self._wide)
