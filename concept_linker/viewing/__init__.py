"""Shows annotations and records as HTML; all text is escaped, and nothing is fetched."""

from __future__ import annotations

from concept_linker.viewing.notebook import AnnotationTable

__all__ = ["AnnotationTable"]
