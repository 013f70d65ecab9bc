"""From a program to machine code, without a compiler on the user's machine."""

import threading
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from egorear_ros.models.fast.minimal.kernel import Kernel, Registers
from egorear_ros.models.fast.minimal.plan import Plan, plan_stride1, plan_stride2

LOCK = threading.Lock()
_KEPT: list[Any] = []
"""Machine code lives as long as its engine."""


@lru_cache
def host_registers() -> Registers | None:
    """Return how to use this processor's registers; None if it has no fused vector arithmetic."""
    machine = llvm.get_process_triple().split("-")[0]
    if machine == "aarch64":
        return Registers(lanes=4, rows=6, vectors=4)
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Registers(lanes=16, rows=6, vectors=4)
    if features.get("avx2") and features.get("fma"):
        return Registers(lanes=8, rows=6, vectors=2)
    return None


@lru_cache
def plan_of(stride: int, tile: int) -> Plan:
    """Return a plan; there is one of each kind."""
    return plan_stride1(tile) if stride == 1 else plan_stride2(tile)


def compiled(stride: int, tile: int, registers: Registers) -> int:
    """Return the address of a program; compiled when it is first asked for, which takes a fraction of a second."""
    with LOCK:
        return _compiled(stride, tile, registers)


@lru_cache
def _compiled(stride: int, tile: int, registers: Registers) -> int:
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    Kernel(module, "convolve", plan_of(stride, tile), registers)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    parsed = llvm.parse_assembly(str(module))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    _KEPT.append(engine)
    return engine.get_function_address("convolve")
