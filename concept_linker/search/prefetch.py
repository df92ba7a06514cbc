"""Prefetching of memory in compiled code.

A search reads scattered places of a large file.  The processor waits about a hundred nanoseconds
for each, unless it is prefetched.  LLVM has an instruction for this (``llvm.prefetch``), numba has
not.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["fetch"]

# The arguments of llvm.prefetch: for reading, high locality, data cache.
_READ, _STAYS, _DATA = 0, 3, 1


@intrinsic
def fetch(typing_context: Any, array: Any, row: Any) -> Any:
    """``fetch(array, row)``: starts loading a row of a C-contiguous array; does not wait for it."""

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
