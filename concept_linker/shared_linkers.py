"""Linking in one call: :func:`link` and :func:`link_many` load a linker once and share it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from concept_linker.annotation import Annotation
from concept_linker.detection.detector import BATCH_SIZE
from concept_linker.linker import ConceptLinker
from concept_linker.runtime.forking import renew_when_forked

__all__ = ["link", "link_many"]

# The most linkers of different settings that are kept.
_MOST_LINKERS = 4


class _SharedLinkers:
    """The linkers of :func:`link` by settings; each is loaded once, even if threads share it."""

    def __init__(self) -> None:
        self._linkers: dict[Any, ConceptLinker] = {}
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        self._lock = threading.Lock()

    def linker(self, settings: dict[str, Any]) -> ConceptLinker:
        key = tuple(sorted(settings.items(), key=itemgetter(0)))
        with self._lock:
            if key not in self._linkers:
                if len(self._linkers) == _MOST_LINKERS:
                    self._linkers.pop(next(iter(self._linkers)))
                self._linkers[key] = ConceptLinker.load(**settings)
            return self._linkers[key]


_shared = _SharedLinkers()


def link(text: str, **settings: Any) -> Annotation:
    """Links a text.

    The linker is loaded at the first call with these settings and kept for the next calls.

    Args:
        text: the text.
        settings: see :meth:`ConceptLinker.load`; by default the knowledge base that comes with the
            package, the hybrid detector and the settings' own defaults.

    Raises:
        InputError: ``text`` is not a string.
        KnowledgeBaseError: the knowledge base cannot be opened.
        SettingsError: a setting or detector does not exist.

    >>> link("Pleural effusion.", min_score=0.5).mentions[0].name
    'Pleural Effusion'
    """
    return _shared.linker(settings).link(text)


def link_many(
    texts: Iterable[str], *, batch_size: int = BATCH_SIZE, **settings: Any
) -> Iterator[Annotation]:
    """Links a stream of texts; see :func:`link` and :meth:`ConceptLinker.link_many`.

    >>> [len(one) for one in link_many(["Pleural effusion.", ""])]
    [1, 0]
    """
    return _shared.linker(settings).link_many(texts, batch_size=batch_size)
