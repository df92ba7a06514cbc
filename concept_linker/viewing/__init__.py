"""Annotations and collections of them as HTML; whatever is shown is escaped, nothing is fetched."""

from __future__ import annotations

from concept_linker.viewing.notebook import AnnotationTable

__all__ = ["AnnotationTable"]
