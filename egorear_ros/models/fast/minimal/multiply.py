"""The innermost loops: some tiles times one panel of weights."""

from llvmlite import ir

from egorear_ros.models.fast.minimal.emit import F32, FLOAT, I64, Emitter, Value
from egorear_ros.models.fast.minimal.registers import Registers


def multiply_function(module: ir.Module, registers: Registers) -> ir.Function:
    """Return a function (tiles, weights, sums, count, length) that multiplies two matrices.

    Its arguments are the addresses of count x length and length x panel numbers, and of room for count x panel.
    """
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 5), "multiply")
    function.attributes.add("noinline")  # once is enough for all plans
    e = Emitter(function, registers.lanes)
    count = function.args[3]
    done = e.variable(I64)
    e.ir.store(I64(0), done)
    rows = registers.rows
    while rows:
        first = e.ir.load(done)
        end = e.add(first, e.mul(e.div(e.ir.sub(count, first), rows)[0], rows))
        with e.repeat(first, end, rows) as row:
            _multiply_rows(e, registers, rows, row)
        e.ir.store(end, done)
        rows = 4 if rows > 4 else rows // 2
    e.close()
    return function


def _multiply_rows(e: Emitter, registers: Registers, rows: int, first: Value) -> None:
    """Multiply a few rows, their sums in registers."""
    tiles, weights, sums, _, length = e.function.args
    row_bytes = registers.panel * FLOAT
    totals = [[e.variable(e.vector) for _ in range(registers.vectors)] for _ in range(rows)]
    for row in range(rows):
        for total in totals[row]:
            e.ir.store(e.constant(0.0), total)
    with e.repeat(0, length) as k:
        place = e.add(weights, e.mul(k, row_bytes))
        loaded = [e.load(e.add(place, v * e.lanes * FLOAT), e.vector) for v in range(registers.vectors)]
        for row in range(rows):
            number = e.add(e.mul(e.add(first, row), length), k)
            value = e.splat(e.load(e.add(tiles, e.mul(number, FLOAT)), F32))
            for total, weight in zip(totals[row], loaded, strict=True):
                e.ir.store(e.fma(value, weight, e.ir.load(total)), total)
    for row in range(rows):
        place = e.add(sums, e.mul(e.add(first, row), row_bytes))
        for v, total in enumerate(totals[row]):
            e.store(e.ir.load(total), e.add(place, v * e.lanes * FLOAT))
