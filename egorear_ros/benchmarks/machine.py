"""Name the machine a number was measured on."""

import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """Return one line: processor, cores, memory, GPU if torch sees one, Python, torch."""
    import torch

    parts = [
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        f"{_memory_gib():.0f} GiB",
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU",
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}",
    ]
    return ", ".join(parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
