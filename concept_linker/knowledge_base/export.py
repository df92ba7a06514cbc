"""Turns a knowledge base into source tables, to build another from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import CuiOrigin
from concept_linker.knowledge_base.source import (
    DEFINITIONS,
    NAMES,
    SAME_AS,
    TYPES,
    SourceInfo,
    SourceTables,
)
from concept_linker.knowledge_base.strings import Strings

__all__ = ["tables_of"]


def tables_of(kb: KnowledgeBase) -> SourceTables:
    """Returns the content of a knowledge base as one source.

    A build from this source alone has the same concepts and names.
    """
    arrays = kb.rows.arrays
    ids = _strings(arrays, "concept_ids")
    inferred = arrays["concept_origins"] == CuiOrigin.INFERRED
    definitions = _strings(arrays, "definitions") if "definitions_bytes" in arrays else ids[:0]
    defined = np.flatnonzero(definitions != "")
    owner = arrays["other_concepts"]
    name_sources = np.array(kb.info.name_sources, object)
    types = np.array(kb.info.types, object)
    names = {
        "id": ids[arrays["name_concepts"]],
        "name": _strings(arrays, "names"),
        "kind": arrays["name_kinds"],
        "source": name_sources[arrays["name_sources"]],
    }
    typed = {
        "id": np.repeat(ids, np.diff(arrays["concept_types_offsets"])),
        "type": types[arrays["concept_types_values"]],
    }
    same_as = {
        "id": _strings(arrays, "other_ids"),
        "other": ids[owner],
        "asserted": ~inferred[owner],
    }
    sources = kb.info.sources
    info = SourceInfo(
        "kb",
        " + ".join(source.name for source in sources),
        licence=" + ".join(dict.fromkeys(source.licence for source in sources if source.licence)),
        files={name: sha256 for source in sources for name, sha256 in source.files.items()},
    )
    return SourceTables(
        info,
        pa.table(names, schema=NAMES),
        pa.table(typed, schema=TYPES),
        pa.table(same_as, schema=SAME_AS),
        pa.table({"id": ids[defined], "definition": definitions[defined]}, schema=DEFINITIONS),
    )


def _strings(arrays: Mapping[str, Any], name: str) -> NDArray[Any]:
    column = Strings.of(arrays, name)
    return np.fromiter(column.many(range(len(column))), object, len(column))
