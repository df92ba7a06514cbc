"""Products of small matrices, compiled.

Not by BLAS: its threads cost a product of a caption's words far more than they gain where other
processes use the same cores, and a process that is forked meanwhile hangs.

numba cannot express the vector registers of a core, so the kernel is written in LLVM's intermediate
representation.  Six rows by sixteen columns are summed in registers: cores of the last ten years
have that many, and with that many independent sums, none waits for the one before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit

__all__ = ["ROWS", "packed", "product", "room"]

#: Rows that are processed together; the left matrix has a multiple of this.
ROWS = 6
# Columns that are processed together.
_COLUMNS = 16

Floats = NDArray[np.float32]


def room(rows: int) -> int:
    """Returns the number of rows of a left matrix with room for the given number.

    >>> room(0), room(1), room(6), room(7)
    (0, 6, 6, 12)
    """
    return -(-rows // ROWS) * ROWS


def packed(matrix: NDArray[Any]) -> Floats:
    """Packs a matrix for use on the right of :func:`product`, in panels of sixteen columns.

    Args:
        matrix: of shape (rows, columns).

    Returns:
        float32 of shape (⌈columns / 16⌉, rows, 16); the last panel is padded with 0.
    """
    rows, columns = matrix.shape
    parts = -(-columns // _COLUMNS)
    padded = np.zeros((rows, parts * _COLUMNS), np.float32)
    padded[:, :columns] = matrix
    return np.ascontiguousarray(padded.reshape(rows, parts, _COLUMNS).transpose(1, 0, 2))


@intrinsic
def _block(typing_context: Any, left: Any, row: Any, right: Any, part: Any, out: Any) -> Any:
    """Six rows by sixteen columns of a product; all arrays are float32 and C-contiguous."""
    if {left.layout, right.layout, out.layout} != {"C"}:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, vector = ir.IntType(64), ir.VectorType(ir.FloatType(), _COLUMNS)
        undefined, first = ir.Constant(vector, ir.Undefined), ir.IntType(32)(0)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), _COLUMNS), [0] * _COLUMNS)

        def begin(argument: int, *place: Any) -> tuple[Any, int]:
            """The pointer to a row of an array, and the length of its rows."""
            array = context.make_array(signature.args[argument])
            view = array(context, builder, arguments[argument])
            shape = cgutils.unpack_tuple(builder, view.shape)  # type: ignore[no-untyped-call]
            at = number(0)
            for index, size in zip((*place, number(0)), shape, strict=True):
                at = builder.add(builder.mul(at, size), index)
            return builder.gep(view.data, [at]), shape[-1]

        rows = [builder.add(arguments[1], number(i)) for i in range(ROWS)]
        lefts = [begin(0, one)[0] for one in rows]
        size = begin(0, rows[0])[1]
        panel, _ = begin(2, arguments[3], number(0))
        before = builder.block
        loop, after = builder.append_basic_block("add"), builder.append_basic_block("added")
        builder.branch(loop)

        builder.position_at_end(loop)
        k = builder.phi(number)
        sums = [builder.phi(vector) for _ in range(ROWS)]
        place = builder.gep(panel, [builder.mul(k, number(_COLUMNS))])
        values = builder.load(builder.bitcast(place, vector.as_pointer()), align=4)
        added = []
        for start, total in zip(lefts, sums, strict=True):
            factor = builder.insert_element(undefined, builder.load(builder.gep(start, [k])), first)
            factor = builder.shuffle_vector(factor, undefined, everywhere)
            term = builder.fmul(factor, values, flags=["contract"])
            added.append(builder.fadd(total, term, flags=["contract"]))
        following = builder.add(k, number(1))
        k.add_incoming(number(0), before)
        k.add_incoming(following, loop)
        for total, new in zip(sums, added, strict=True):
            total.add_incoming(ir.Constant(vector, [0.0] * _COLUMNS), before)
            total.add_incoming(new, loop)
        builder.cbranch(builder.icmp_signed("<", following, size), loop, after)

        builder.position_at_end(after)
        for one, new in zip(rows, added, strict=True):
            target = builder.gep(begin(4, one)[0], [builder.mul(arguments[3], number(_COLUMNS))])
            builder.store(new, builder.bitcast(target, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(left, types.intp, right, types.intp, out), generate


@njit(cache=True, nogil=True)
def product(left, right, out):  # type: ignore[no-untyped-def]
    """Multiplies two matrices.

    Args:
        left: float32 of shape (rows, n), C-contiguous; rows a multiple of :data:`ROWS`, n ≥ 1.
        right: a matrix of shape (n, columns), packed by :func:`packed`.
        out: filled: float32 of shape (rows, columns rounded up to a multiple of 16).
    """
    for row in range(0, left.shape[0], ROWS):
        for part in range(right.shape[0]):
            _block(left, row, right, part, out)  # type: ignore[call-arg]
