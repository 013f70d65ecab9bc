"""Writing loops over vectors in LLVM's language."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from egorear_ros.models.fast.minimal.algebra import Matrix

I64, F32 = ir.IntType(64), ir.FloatType()
FLOAT = 4
"""Bytes."""

Value = Any
"""llvmlite has no types."""


class Emitter:
    """Writes into one function; integers are 64 bits, addresses are integers."""

    def __init__(self, function: Value, lanes: int) -> None:
        """Begin a function whose vectors have `lanes` floats."""
        self.function, self.lanes = function, lanes
        self.vector = ir.VectorType(F32, lanes)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{lanes}f32"
        known = function.module.globals.get(name)
        self._fma = known if known is not None else ir.Function(function.module, kind, name)
        self._entry = function.append_basic_block("entry")
        self._exit = function.append_basic_block("begin")
        self.ir = ir.IRBuilder(self._exit)

    def close(self) -> None:
        """End the function."""
        self.ir.ret_void()
        ir.IRBuilder(self._entry).branch(self._exit)

    def variable(self, kind: Value, count: int = 1) -> Value:
        """Return room for values, reserved when the function begins."""
        place = ir.IRBuilder(self._entry).alloca(kind, size=count)
        place.align = 64
        return place

    def number(self, value: Value) -> Value:
        """Return an integer, constant or not."""
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def add(self, *values: Value) -> Value:
        """Return a sum of integers."""
        total = self.number(values[0])
        for value in values[1:]:
            total = self.ir.add(total, self.number(value))
        return total

    def mul(self, *values: Value) -> Value:
        """Return a product of integers."""
        total = self.number(values[0])
        for value in values[1:]:
            total = self.ir.mul(total, self.number(value))
        return total

    def div(self, value: Value, by: Value) -> tuple[Value, Value]:
        """Return quotient and remainder of integers that are not negative."""
        quotient = self.ir.udiv(value, self.number(by))
        return quotient, self.ir.sub(value, self.ir.mul(quotient, self.number(by)))

    def least(self, first: Value, second: Value) -> Value:
        """Return the smaller integer."""
        return self.ir.select(self.ir.icmp_signed("<", first, second), first, second)

    def within(self, value: Value, end: Value) -> Value:
        """Return whether 0 <= value < end."""
        return self.ir.icmp_unsigned("<", value, end)

    @contextmanager
    def repeat(self, start: Value, stop: Value, step: Value = 1) -> Iterator[Value]:
        """Repeat the body for start, start + step, ... below stop."""
        index = self.variable(I64)
        self.ir.store(self.number(start), index)
        head, body, after = (self.function.append_basic_block(name) for name in ("head", "body", "after"))
        self.ir.branch(head)
        self.ir.position_at_end(head)
        self.ir.cbranch(self.ir.icmp_signed("<", self.ir.load(index), self.number(stop)), body, after)
        self.ir.position_at_end(body)
        yield self.ir.load(index)
        self.ir.store(self.add(self.ir.load(index), step), index)
        self.ir.branch(head)
        self.ir.position_at_end(after)

    @contextmanager
    def forever(self) -> Iterator[Value]:
        """Repeat the body until it branches to the block that is given."""
        body, after = (self.function.append_basic_block(name) for name in ("body", "after"))
        self.ir.branch(body)
        self.ir.position_at_end(body)
        yield after
        self.ir.branch(body)
        self.ir.position_at_end(after)

    def fetch_add(self, address: Value) -> Value:
        """Count up an integer that threads share; return what it was."""
        return self.ir.atomic_rmw("add", self.ir.inttoptr(address, I64.as_pointer()), self.number(1), "monotonic")

    def load(self, address: Value, kind: Value) -> Value:
        """Read a float, a vector or an integer."""
        return self.ir.load(self.ir.inttoptr(address, kind.as_pointer()), align=8 if kind == I64 else 4)

    def store(self, value: Value, address: Value) -> None:
        """Write a vector."""
        self.ir.store(value, self.ir.inttoptr(address, self.vector.as_pointer()), align=4)

    def splat(self, value: Value) -> Value:
        """Return a vector of equal floats."""
        single = self.ir.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.IntType(32)(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.ir.shuffle_vector(single, ir.Constant(self.vector, ir.Undefined), mask)

    def fma(self, first: Value, second: Value, third: Value) -> Value:
        """Return first * second + third, rounded once."""
        return self.ir.call(self._fma, [first, second, third])

    def constant(self, value: float) -> Value:
        """Return a vector of equal constants, rounded to single precision."""
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def total(self, vector: Value) -> Value:
        """Return the sum of a vector's floats."""
        parts = [self.ir.extract_element(vector, ir.IntType(32)(lane)) for lane in range(self.lanes)]
        while len(parts) > 1:
            parts = [self.ir.fadd(one, other) for one, other in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    def weighted_sum(self, weights: Sequence[float], values: Sequence[Value]) -> Value:
        """Return a weighted sum of vectors, without the terms whose weight is zero."""
        total = None
        # Ones first: they need no multiplication.
        for weight, value in sorted(zip(weights, values, strict=True), key=lambda term: abs(term[0]) != 1.0):
            if weight == 0.0:
                continue
            if total is None:
                total = value if weight == 1.0 else self.ir.fmul(value, self.constant(weight))
            elif abs(weight) == 1.0:
                total = self.ir.fadd(total, value) if weight > 0 else self.ir.fsub(total, value)
            else:
                total = self.fma(value, self.constant(weight), total)
        return total

    def apply(self, matrix: Matrix, vectors: Sequence[Value]) -> list[Value]:
        """Return `matrix @ vectors`; what rows or columns of points a and -a have in common is computed once."""
        pairs = _opposites(matrix)
        if not pairs:
            return self._apply_columns(matrix, vectors)
        results = [None] * len(matrix)
        for first, second in pairs:
            same = self.weighted_sum((0.5 * (matrix[first] + matrix[second])).tolist(), vectors)
            other = self.weighted_sum((0.5 * (matrix[first] - matrix[second])).tolist(), vectors)
            results[first], results[second] = self.ir.fadd(same, other), self.ir.fsub(same, other)
        return [
            self.weighted_sum(row.tolist(), vectors) if result is None else result
            for row, result in zip(matrix, results, strict=True)
        ]

    def _apply_columns(self, matrix: Matrix, vectors: Sequence[Value]) -> list[Value]:
        matrix, values = matrix.copy(), list(vectors)
        for first, second in _opposites(matrix.T):
            one, two = values[first], values[second]
            values[first], values[second] = self.ir.fadd(one, two), self.ir.fsub(one, two)
            same, other = matrix[:, first] + matrix[:, second], matrix[:, first] - matrix[:, second]
            matrix[:, first], matrix[:, second] = 0.5 * same, 0.5 * other
        return [self.weighted_sum(row.tolist(), values) for row in matrix]


def _opposites(matrix: Matrix) -> list[tuple[int, int]]:
    """Return pairs of neighbouring rows that differ in some signs, but not in all."""
    size, pairs, row = np.abs(matrix), [], 0
    while row < len(matrix) - 1:
        first, second = matrix[row], matrix[row + 1]
        if np.array_equal(size[row], size[row + 1]) and (first + second).any() and (first - second).any():
            pairs.append((row, row + 1))
            row += 1
        row += 1
    return pairs
