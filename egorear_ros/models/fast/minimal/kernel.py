"""The convolution as a program: tiles of the map are transformed, multiplied and transformed back.

Threads take tasks, a block of tiles and some panels of outputs, from a common counter. All that a task
makes in between stays in the cache of its core.
"""

import math
from enum import IntEnum

from llvmlite import ir

from egorear_ros.models.fast.minimal.emit import FLOAT, I64, Emitter, Value
from egorear_ros.models.fast.minimal.plan import Plan
from egorear_ros.models.fast.minimal.registers import Registers


class Argument(IntEnum):
    """Numbers and addresses that a program gets, in 64 bits each."""

    NEXT_TASK = 0
    NEXT_THREAD = 1
    TASKS = 2
    BLOCKS = 3
    BLOCK_TILES = 4
    TASK_PANELS = 5
    PANELS = 6
    TILES = 7
    TILES_Y = 8
    TILES_X = 9
    HEIGHT = 10
    WIDTH = 11
    OUT_HEIGHT = 12
    OUT_WIDTH = 13
    CHANNELS = 14
    IMAGES = 15
    RESIDUAL = 16
    RESULT = 17
    WEIGHTS = 18
    BIAS = 19
    ZEROS = 20
    WASTE = 21
    WORKSPACE = 22
    WORKSPACE_BYTES = 23
    RELU = 24


class Kernel:
    """Writes the program of one plan."""

    def __init__(self, module: ir.Module, name: str, plan: Plan, registers: Registers, multiply: ir.Function) -> None:
        """Write it.

        Args:
            module: it becomes a function of.
            name: of the function.
            plan: the algorithm.
            registers: of the processor.
            multiply: see `multiply_function`.
        """
        self.plan, self.registers, self.multiply = plan, registers, multiply
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64]), name)
        self.depths = self._table(module, name + "_depths", plan.depths)
        self.starts = self._table(module, name + "_starts", plan.starts)
        self.e = e = Emitter(function, registers.lanes)
        self.arguments = function.args[0]
        self.value = {a: e.load(e.add(self.arguments, 8 * a), I64) for a in Argument if a > Argument.NEXT_THREAD}
        self.pixels = e.variable(I64, plan.inputs.shape[1] ** 2)
        thread = e.fetch_add(e.add(self.arguments, 8 * Argument.NEXT_THREAD))
        self.transformed = e.add(self[Argument.WORKSPACE], e.mul(thread, self[Argument.WORKSPACE_BYTES]))
        # Of a product: a block of tiles, transformed; of a point: what became of them in one panel.
        self.product_bytes = e.mul(self[Argument.BLOCK_TILES], self[Argument.CHANNELS], FLOAT)
        self.point_bytes = e.mul(self[Argument.BLOCK_TILES], registers.panel * FLOAT)
        self.summed = e.add(self.transformed, e.mul(self.product_bytes, plan.products))
        self.has_residual = e.ir.icmp_unsigned("!=", self[Argument.RESIDUAL], I64(0))
        relu = e.ir.icmp_unsigned("!=", self[Argument.RELU], I64(0))
        self.floor = e.ir.select(relu, e.constant(0.0), e.constant(-math.inf))
        self._tasks()
        e.close()

    def __getitem__(self, argument: Argument) -> Value:
        return self.value[argument]

    @staticmethod
    def _table(module: ir.Module, name: str, values: list[int]) -> Value:
        kind = ir.ArrayType(I64, len(values))
        table = ir.GlobalVariable(module, kind, name)
        table.linkage, table.global_constant, table.initializer = "internal", True, ir.Constant(kind, values)
        return table

    def _tasks(self) -> None:
        e = self.e
        with e.forever() as done:
            task = e.fetch_add(e.add(self.arguments, 8 * Argument.NEXT_TASK))
            work = e.function.append_basic_block("work")
            e.ir.cbranch(e.ir.icmp_signed("<", task, self[Argument.TASKS]), work, done)
            e.ir.position_at_end(work)
            chunk, block = e.div(task, self[Argument.BLOCKS])
            first = e.mul(block, self[Argument.BLOCK_TILES])
            count = e.least(self[Argument.BLOCK_TILES], e.ir.sub(self[Argument.TILES], first))
            with e.repeat(0, count) as tile:
                self._transform(e.add(first, tile), tile)
            start = e.mul(chunk, self[Argument.TASK_PANELS])
            end = e.least(self[Argument.PANELS], e.add(start, self[Argument.TASK_PANELS]))
            with e.repeat(start, end) as panel:
                with e.repeat(0, len(self.plan.depths)) as point:
                    self._multiply(panel, point, count)
                with e.repeat(0, count) as tile:
                    self._finish(e.add(first, tile), tile, panel)

    def _corner(self, tile: Value) -> tuple[Value, Value, Value]:
        """Return image, first row and first column of a tile's outputs."""
        e = self.e
        rest, column = e.div(tile, self[Argument.TILES_X])
        image, row = e.div(rest, self[Argument.TILES_Y])
        return image, e.mul(row, self.plan.tile), e.mul(column, self.plan.tile)

    def _transform(self, tile: Value, slot: Value) -> None:
        """Read a tile's pixels, zeros outside of the map, and write what is multiplied."""
        e, plan, size = self.e, self.plan, self.plan.inputs.shape[1]
        channels = self[Argument.CHANNELS]
        self._find_pixels(tile)
        with e.repeat(0, channels, e.lanes) as channel:
            offset = e.mul(channel, FLOAT)
            columns = []
            for column in range(size):
                addresses = [e.ir.load(e.ir.gep(self.pixels, [I64(row * size + column)])) for row in range(size)]
                pixels = [e.load(e.add(address, offset), e.vector) for address in addresses]
                columns.append(e.apply(plan.inputs, pixels))
            rows = [e.apply(plan.inputs, [pixels[row] for pixels in columns]) for row in range(len(plan.point))]
            for start, depth in zip(plan.starts, plan.depths, strict=True):
                place = e.add(self.transformed, e.mul(self.product_bytes, start), offset)
                for index, (row, column) in enumerate(plan.products_of[start : start + depth]):
                    bytes_before = e.mul(e.add(e.mul(slot, depth), index), channels, FLOAT)
                    e.store(rows[row][column], e.add(place, bytes_before))

    def _find_pixels(self, tile: Value) -> None:
        e, plan, size = self.e, self.plan, self.plan.inputs.shape[1]
        height, width, channels = self[Argument.HEIGHT], self[Argument.WIDTH], self[Argument.CHANNELS]
        image, top, left = self._corner(tile)
        rows = [e.add(e.mul(top, plan.stride), row - 1) for row in range(size)]
        columns = [e.add(e.mul(left, plan.stride), column - 1) for column in range(size)]
        inside = [e.within(column, width) for column in columns]
        for index, row in enumerate(rows):
            line = e.mul(e.add(e.mul(image, height), row), width)
            there = e.within(row, height)
            for number, column in enumerate(columns):
                address = e.add(self[Argument.IMAGES], e.mul(e.add(line, column), channels, FLOAT))
                chosen = e.ir.select(e.ir.and_(there, inside[number]), address, self[Argument.ZEROS])
                e.ir.store(chosen, e.ir.gep(self.pixels, [I64(index * size + number)]))

    def _multiply(self, panel: Value, point: Value, count: Value) -> None:
        """Multiply all tiles of a block with one panel of the weights of one point."""
        e = self.e
        start, depth = (e.ir.load(e.ir.gep(table, [I64(0), point])) for table in (self.starts, self.depths))
        length = e.mul(depth, self[Argument.CHANNELS])
        before = e.mul(e.add(e.mul(panel, self.plan.products), start), self[Argument.CHANNELS])
        weights = e.add(self[Argument.WEIGHTS], e.mul(before, self.registers.panel * FLOAT))
        tiles = e.add(self.transformed, e.mul(self.product_bytes, start))
        e.ir.call(self.multiply, [tiles, weights, e.add(self.summed, e.mul(point, self.point_bytes)), count, length])

    def _finish(self, tile: Value, slot: Value, panel: Value) -> None:
        """Transform the sums of a tile back, add bias and residual, rectify, and write the pixels of the map."""
        e, plan, size = self.e, self.plan, self.plan.outputs.shape[1]
        places = self._result_offsets(tile)
        with e.repeat(0, self.registers.panel, e.lanes) as lane:
            row_bytes = self.registers.panel * FLOAT
            columns = []
            for column in range(size):
                sums = []
                for row in range(size):
                    place = e.add(e.mul(row * size + column, self.point_bytes), e.mul(slot, row_bytes))
                    sums.append(e.load(e.add(self.summed, place, e.mul(lane, FLOAT)), e.vector))
                columns.append(e.apply(plan.outputs, sums))
            channel = e.mul(e.add(e.mul(panel, self.registers.panel), lane), FLOAT)
            bias = e.load(e.add(self[Argument.BIAS], channel), e.vector)
            for row in range(plan.tile):
                for column, value in enumerate(e.apply(plan.outputs, [sums[row] for sums in columns])):
                    self._write(e.ir.fadd(value, bias), *places[row][column], channel)

    def _result_offsets(self, tile: Value) -> list[list[tuple[Value, Value]]]:
        """Return of each pixel of a tile whether it is on the map, and where its channels begin."""
        e, plan = self.e, self.plan
        height, width = self[Argument.OUT_HEIGHT], self[Argument.OUT_WIDTH]
        outputs = e.mul(self[Argument.PANELS], self.registers.panel * FLOAT)
        image, top, left = self._corner(tile)
        places = []
        for row in range(plan.tile):
            y = e.add(top, row)
            line = e.mul(e.add(e.mul(image, height), y), width)
            there = e.within(y, height)
            xs = [e.add(left, column) for column in range(plan.tile)]
            places.append([(e.ir.and_(there, e.within(x, width)), e.mul(e.add(line, x), outputs)) for x in xs])
        return places

    def _write(self, value: Value, inside: Value, offset: Value, channel: Value) -> None:
        """Write a vector of a pixel; pixels that are not on the map go where nobody looks."""
        e = self.e
        place = e.ir.select(
            e.ir.and_(inside, self.has_residual), e.add(self[Argument.RESIDUAL], offset), self[Argument.ZEROS]
        )
        value = e.ir.fadd(value, e.load(e.add(place, channel), e.vector))
        # Not a number stays one.
        value = e.ir.select(e.ir.fcmp_ordered("<", value, self.floor), self.floor, value)
        place = e.ir.select(inside, e.add(self[Argument.RESULT], offset), self[Argument.WASTE])
        e.store(value, e.add(place, channel))
