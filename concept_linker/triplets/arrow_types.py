"""Arrow types of plain Python values, so that a field is declared once, in its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

__all__ = ["struct_of"]

_TEXTS = pa.list_(pa.string())
_ARROW: dict[Any, pa.DataType] = {
    int: pa.int32(),
    int | None: pa.int32(),
    float: pa.float32(),
    bool: pa.bool_(),
    str: pa.string(),
    str | None: pa.string(),
    list[str]: _TEXTS,
    tuple[str, ...]: _TEXTS,
}


def struct_of(types: Mapping[str, Any]) -> pa.StructType:
    """The Arrow struct of named Python types.

    >>> struct_of({"start": int, "long_form": str | None})
    StructType(struct<start: int32, long_form: string>)
    """
    return pa.struct([(name, _ARROW[kind]) for name, kind in types.items()])
