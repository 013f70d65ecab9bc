"""How the innermost loop uses a processor's vector registers."""

from dataclasses import dataclass
from functools import lru_cache

import llvmlite.binding as llvm


@dataclass(frozen=True)
class Registers:
    """Sizes of what stays in registers.

    Attributes:
        lanes: floats of a register.
        rows: tiles that are multiplied together, at most.
        vectors: registers of outputs; rows * vectors registers hold sums.
    """

    lanes: int
    rows: int
    vectors: int

    @property
    def panel(self) -> int:
        """Outputs that are computed together."""
        return self.lanes * self.vectors


@lru_cache
def host_registers() -> Registers | None:
    """Return how to use this processor's registers; None if it has no fused vector arithmetic that we know."""
    if llvm.get_process_triple().startswith("aarch64"):
        return Registers(lanes=4, rows=6, vectors=4)
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Registers(lanes=16, rows=6, vectors=4)
    if features.get("avx2") and features.get("fma"):
        return Registers(lanes=8, rows=6, vectors=2)
    return None
