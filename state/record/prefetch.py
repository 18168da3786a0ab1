"""Prefetch rows into the cache: memory answers several requests in the time of one.

Tables are larger than caches, and an event or a walk touches rows all over them.  Nothing is read or written by
this: a row that does not come in time is only slower.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

LINE = 64  # bytes that come at once
llvm: Any = cgutils


def _fetch(context: Any, rows: Any, row: Any) -> Any:
    """Bring the record `rows[row]` into the cache."""
    return _lines(rows, row, None)


def _fetch_head(context: Any, rows: Any, row: Any, size: Any) -> Any:
    """Bring the first `size` bytes, a literal, of the record `rows[row]` into the cache."""
    return _lines(rows, row, size)


def _lines(rows: Any, row: Any, head: Any) -> Any:
    """Return the code of both.

    Source: LLVM Language Reference, `llvm.prefetch`: read, to be kept, data.
    """
    if not (isinstance(rows, types.Array) and isinstance(row, types.Integer)):
        return None
    size = rows.dtype.size if isinstance(rows.dtype, types.Record) else rows.dtype.bitwidth // 8
    wanted = size if head is None else head.literal_value

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, number = llvm.voidptr_t, llvm.int32_t
        form = llvm.ir.FunctionType(llvm.ir.VoidType(), [byte, number, number, number])
        call = llvm.get_or_insert_function(builder.module, form, "llvm.prefetch")
        array = context.make_array(rows)(context, builder, args[0])
        at = context.cast(builder, args[1], row, types.intp)
        at = builder.mul(at, context.get_constant(types.intp, size))
        base = builder.bitcast(array.data, byte)
        for offset in range(0, wanted, LINE):
            line = builder.gep(base, [builder.add(at, context.get_constant(types.intp, offset))])
            builder.call(call, [line, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(*((rows, row) if head is None else (rows, row, head))), code


fetch: Any = intrinsic(_fetch)
fetch_head: Any = intrinsic(prefer_literal=True)(_fetch_head)
