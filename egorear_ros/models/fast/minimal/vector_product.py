"""A matrix times one vector: there is nothing to compute again, so memory decides how long it takes."""

from enum import IntEnum

from llvmlite import ir

from egorear_ros.models.fast.minimal.emit import F32, FLOAT, I64, Emitter, Value
from egorear_ros.models.fast.minimal.registers import Registers

ROWS, UNROLLED = 4, 2
"""Rows that are read side by side, and vectors of each at a time: most bytes a second of what was tried."""


class ProductArgument(IntEnum):
    """Numbers and addresses that the program gets, in 64 bits each."""

    NEXT_TASK = 0
    TASKS = 1
    LENGTH = 2
    VECTOR = 3
    WEIGHTS = 4
    BIAS = 5
    RESULT = 6


def step(registers: Registers) -> int:
    """Return what the length of the vector must be a multiple of."""
    return registers.lanes * UNROLLED


def vector_product(module: ir.Module, name: str, registers: Registers) -> None:
    """Write a program whose tasks, `ROWS` rows of a matrix each, threads take from a common counter."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64]), name)
    e = Emitter(function, registers.lanes)
    value = {a: e.load(e.add(function.args[0], 8 * a), I64) for a in ProductArgument if a > ProductArgument.NEXT_TASK}
    with e.forever() as after:
        task = e.fetch_add(e.add(function.args[0], 8 * ProductArgument.NEXT_TASK))
        body = function.append_basic_block("task")
        e.ir.cbranch(e.within(task, value[ProductArgument.TASKS]), body, after)
        e.ir.position_at_end(body)
        _multiply(e, value, e.mul(task, ROWS))
    e.close()


def _multiply(e: Emitter, value: dict[ProductArgument, Value], first: Value) -> None:
    length = value[ProductArgument.LENGTH]
    rows = [e.add(value[ProductArgument.WEIGHTS], e.mul(e.add(first, row), length, FLOAT)) for row in range(ROWS)]
    totals = [[e.variable(e.vector) for _ in range(UNROLLED)] for _ in range(ROWS)]
    for row_totals in totals:
        for total in row_totals:
            e.ir.store(e.constant(0.0), total)
    with e.repeat(0, length, e.lanes * UNROLLED) as k:
        for part in range(UNROLLED):
            place = e.mul(e.add(k, part * e.lanes), FLOAT)
            vector = e.load(e.add(value[ProductArgument.VECTOR], place), e.vector)
            for row, row_totals in zip(rows, totals, strict=True):
                weights, total = e.load(e.add(row, place), e.vector), row_totals[part]
                e.ir.store(e.fma(weights, vector, e.ir.load(total)), total)
    for row, (one, other) in enumerate(totals):
        place = e.mul(e.add(first, row), FLOAT)
        bias = e.load(e.add(value[ProductArgument.BIAS], place), F32)
        result = e.ir.fadd(e.total(e.ir.fadd(e.ir.load(one), e.ir.load(other))), bias)
        e.ir.store(result, e.ir.inttoptr(e.add(value[ProductArgument.RESULT], place), F32.as_pointer()), align=FLOAT)
