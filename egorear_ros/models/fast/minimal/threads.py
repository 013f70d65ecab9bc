"""Running compiled programs on the threads of PyTorch."""

import ctypes
from functools import lru_cache
from pathlib import Path

import torch

LIBRARIES = ("libgomp", "libiomp5", "libomp")
"""They differ in much, but all have this function of GNU's."""


@lru_cache
def openmp() -> ctypes.CDLL | None:
    """Return the OpenMP library that PyTorch uses; None if there is none that can be called.

    Threads of another pool would compete with PyTorch's, which go on spinning for a while after their work. PyTorch
    brings its library, or uses the system's, which is then the only one unless another package brings its own.
    """
    home = Path(torch.__file__).parent.parent
    try:
        mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/lib" in line}
    except OSError:
        return None
    found = [path for path in sorted(mapped) if Path(path).name.startswith(LIBRARIES)]
    ours = [path for path in found if path.startswith(f"{home}/torch")] or found
    library = ctypes.CDLL(ours[0]) if len(ours) == 1 else None
    if library is None or not hasattr(library, "GOMP_parallel"):
        return None
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    library.GOMP_parallel.restype = None
    return library


def run_on_threads(program: int, arguments: int, threads: int) -> None:
    """Run a program on several threads at once and wait for all of them; other Python threads go on.

    Args:
        program: address of a function of one address.
        arguments: the address it gets.
        threads: at most so many; inside a parallel region of this thread it may be one.

    Raises:
        RuntimeError: `openmp` is None.
    """
    library = openmp()
    if library is None:
        raise RuntimeError("PyTorch has no OpenMP library that can be called; keep ordinary convolutions.")
    library.GOMP_parallel(program, arguments, threads, 0)
