"""Products of small matrices, compiled.

Not by BLAS: it starts threads of its own, which costs a product of a caption's words far more than
it gains where other processes want the same cores, and hangs a process forked meanwhile.

numba has no word for the vectors that a core multiplies at once, LLVM has.  Six rows by sixteen
columns are added up in registers: as many as the cores of the last ten years have, and enough
sums side by side that none waits for the one before it.
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

#: Rows that are worked on together: a matrix on the left has a multiple of so many.
ROWS = 6
# Columns that are worked on together.
_COLUMNS = 16

Floats = NDArray[np.float32]


def room(rows: int) -> int:
    """How many rows a matrix on the left has, of which so many are wanted.

    >>> room(0), room(1), room(6), room(7)
    (0, 6, 6, 12)
    """
    return -(-rows // ROWS) * ROWS


def packed(matrix: NDArray[Any]) -> Floats:
    """A matrix as :func:`product` takes the one on the right: sixteen columns after the other.

    Args:
        matrix: of shape (rows, columns).

    Returns:
        float32 of shape (columns / 16, rows, 16); what is left over of the last is 0.
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
            """Where a row of an array begins, and how long its rows are."""
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
    """The product of two matrices.

    Args:
        left: float32 of shape (rows, n), C-contiguous; rows a multiple of :data:`ROWS`, n ≥ 1.
        right: what :func:`packed` made of one of shape (n, columns).
        out: filled in: float32 of shape (rows, columns, rounded up to a multiple of 16).
    """
    for row in range(0, left.shape[0], ROWS):
        for part in range(right.shape[0]):
            _block(left, row, right, part, out)  # type: ignore[call-arg]
