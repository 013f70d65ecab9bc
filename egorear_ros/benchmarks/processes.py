"""Processor time and memory of the processes of a graph, which are one session."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SESSION, _FIRST_TIME, _LAST_TIME = 3, 11, 13
"""Places in /proc/<pid>/stat behind the process' name: its session, its own user and system time."""


def processor_s(session: int) -> float:
    """Return the processor time that the living processes of a session have taken, s."""
    ticks = (int(tick) for _, fields in _members(session) for tick in fields[_FIRST_TIME:_LAST_TIME])
    return sum(ticks) / _TICKS_PER_S


def peak_mb(session: int) -> list[float]:
    """Return the most memory that each living process of a session has held, MB, the largest first."""
    return sorted((_peak_mb(process) for process, _ in _members(session)), reverse=True)


def _members(session: int) -> Iterator[tuple[Path, list[str]]]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            text = (process / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        fields = text.rpartition(") ")[2].split()
        if int(fields[_SESSION]) == session:
            yield process, fields


def _peak_mb(process: Path) -> float:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
