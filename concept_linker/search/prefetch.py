"""Asking for memory before it is needed, compiled.

A search looks at memory all over a large file; a processor waits for each place some hundred
nanoseconds, unless it was told before.  numba has no word for that, LLVM has (``llvm.prefetch``).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["fetch"]

# What llvm.prefetch wants to know: for reading, of use for a while, data.
_READ, _STAYS, _DATA = 0, 3, 1


@intrinsic
def fetch(typing_context: Any, array: Any, row: Any) -> Any:
    """``fetch(array, row)``: has a row of a C-contiguous array brought near; waits for nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        indices = [arguments[1], *[context.get_constant(types.intp, 0)] * (kind.ndim - 1)]
        place = cgutils.get_item_pointer(context, builder, kind, view, indices)  # type: ignore[no-untyped-call]
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, *[number] * 3])
        )
        how = [number(_READ), number(_STAYS), number(_DATA)]
        builder.call(prefetch, [builder.bitcast(place, byte), *how])
        return context.get_dummy_value()

    return types.none(array, types.intp), generate
