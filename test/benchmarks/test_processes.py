"""Processor time and memory of a session are those of its processes, and of no others."""

import subprocess
import sys

from egorear_ros.benchmarks.processes import peak_mb, processor_s

_WORK = """
import sys, time
if len(sys.argv) > 1:
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
    child.stdout.readline()
held = bytearray(40_000_000)
held[::4096] = b"x" * len(held[::4096])
while time.process_time() < 0.3:
    pass
print("worked", flush=True)
sys.stdin.read()
"""


def test_a_session_and_its_children_are_counted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, _WORK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        used_s, peaks_mb = processor_s(process.pid), peak_mb(process.pid)
        assert used_s >= 0.58, "two processes, 0.3 s each"
        assert len(peaks_mb) == 2
        assert peaks_mb == sorted(peaks_mb, reverse=True)
        assert min(peaks_mb) > 38.0
    finally:
        process.kill()
        process.communicate()


def test_a_session_that_is_not_there_has_nothing() -> None:
    no_process = 2**22 + 1  # above the highest number that Linux gives
    assert processor_s(no_process) == 0.0
    assert peak_mb(no_process) == []
