"""From programs to machine code, without a compiler on the user's machine."""

import threading
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir

from egorear_ros.models.fast.minimal.kernel import Kernel
from egorear_ros.models.fast.minimal.multiply import multiply_function
from egorear_ros.models.fast.minimal.plan import Plan, plan_stride1, plan_stride2
from egorear_ros.models.fast.minimal.registers import Registers, host_registers
from egorear_ros.models.fast.minimal.vector_product import vector_product

PLANS: dict[tuple[int, int], Plan] = {(1, 2): plan_stride1(2), (1, 4): plan_stride1(4), (2, 2): plan_stride2(2)}
"""By stride and outputs of a tile in each direction."""

LOCK = threading.Lock()


VECTOR_PRODUCT = "vector_product"


class _Programs(NamedTuple):
    """Addresses of convolutions by stride and tile, and of the vector product; they hold as long as the engine."""

    engine: Any
    addresses: dict[tuple[int, int], int]
    vector_product: int


def compiled(stride: int, tile: int, registers: Registers) -> int:
    """Return the address of a program; all are compiled when the first is asked for, which takes half a second."""
    with LOCK:
        return _compiled(registers).addresses[stride, tile]


def vector_product_program(registers: Registers) -> int:
    """Return the address of the program of a matrix times a vector; see `compiled`."""
    with LOCK:
        return _compiled(registers).vector_product


def compile_ahead() -> None:
    """Begin to compile for this processor in a thread of its own, while there are weights to load and to rewrite."""
    registers = host_registers()
    if registers is not None:
        threading.Thread(target=_compile_quietly, args=(registers,), name="compile").start()


def _compile_quietly(registers: Registers) -> None:
    """Compile; what goes wrong is raised again where the programs are asked for, and announced there."""
    with suppress(RuntimeError, OSError):
        vector_product_program(registers)


@lru_cache
def _compiled(registers: Registers) -> _Programs:
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    multiply = multiply_function(module, registers)
    names = {key: f"convolve_stride{key[0]}_tile{key[1]}" for key in PLANS}
    for key, plan in PLANS.items():
        Kernel(module, names[key], plan, registers, multiply)
    vector_product(module, VECTOR_PRODUCT, registers)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    parsed = llvm.parse_assembly(str(module))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    addresses = {key: engine.get_function_address(name) for key, name in names.items()}
    return _Programs(engine, addresses, engine.get_function_address(VECTOR_PRODUCT))
