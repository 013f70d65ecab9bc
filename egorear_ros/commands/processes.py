"""Child processes that end when this one does, and that are named when they end by themselves."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event

POLL_S = 0.1
PATIENCE_S = 15.0
"""How long children may take to end after Ctrl-C."""

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent dies, however that happens (Linux).

    Args:
        parent: its process id; if it is gone already this process ends at once.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


class Processes:
    """Runs commands side by side until they are told to end.

    Args:
        commands: by name.
        say: prints one line for the user.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], say: Callable[[str], None]) -> None:
        self._say = say
        # Children ignore Ctrl-C until they can end cleanly; before that it would print a stack trace.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._running = {name: subprocess.Popen(command) for name, command in commands.items()}
        finally:
            signal.signal(signal.SIGINT, before)
        self.failed: list[str] = []

    def wait(self, stop: Event, duration_s: float, ends_all: Sequence[str] = ()) -> None:
        """Return when `stop` is set, after `duration_s` (0: never), or when nothing is left to run.

        Args:
            stop: set by a signal.
            duration_s: time limit, s.
            ends_all: names of processes whose regular end ends the others.
        """
        end_s = time.monotonic() + duration_s if duration_s > 0 else float("inf")
        while self._running and not stop.wait(POLL_S) and time.monotonic() < end_s:
            for name, process in list(self._running.items()):
                status = process.poll()
                if status is None:
                    continue
                del self._running[name]
                if status == 0 and name in ends_all:
                    return
                self.failed.append(name)
                how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
                left = f"{len(self._running)} others go on" if self._running else "it was the last one"
                self._say(f"{name} ended by itself with {how}; {left}. Its last lines above say why.")

    def end(self) -> None:
        """End what still runs: ask, wait, and only then kill, which is reported."""
        deadline_s = time.monotonic() + PATIENCE_S
        for process in self._left().values():
            process.terminate()
        while (left := self._left()) and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        for name, process in left.items():
            self._say(f"{name} did not end within {PATIENCE_S:g} s and was killed.")
            self.failed.append(name)
            process.kill()
            process.wait()
        self._running.clear()

    def _left(self) -> "dict[str, subprocess.Popen[bytes]]":
        return {name: process for name, process in self._running.items() if process.poll() is None}
