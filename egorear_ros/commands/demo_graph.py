"""The graph of `egorear demo`: a process of its own, whose end is never forgotten."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

PATIENCE_S = 20.0
"""How long the graph may take to end after Ctrl-C; its own children get 15 s."""

LOG_TAIL = 12


class GraphProcess:
    """Runs `egorear run` with its output in a log file; use it in a `with` statement.

    It ends with the block, and also when this process is killed. It is in a session of its own, so that
    Ctrl-C in the terminal reaches this process only, which then ends it in order.

    Args:
        arguments: of `egorear run`.
        log: file for all output of the nodes.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._command = [sys.executable, "-m", "egorear_ros.cli", "run", *arguments, f"--parent={os.getpid()}"]
        self._log = log
        self._killed = False

    def __enter__(self) -> "GraphProcess":
        """Start the process.

        Raises:
            OSError: the log file cannot be written.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process as Ctrl-C would; kill it and its children if that does not help."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._killed = True
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def problem(self) -> str:
        """Return how the process ended if that was not in order, with the end of its log; else empty."""
        status = self._process.poll()
        if self._killed:
            how = f"did not end within {PATIENCE_S:g} s and was killed"
        elif status is None or status == 0:
            return ""
        else:
            how = f"ended with {signal.Signals(-status).name if status < 0 else f'status {status}'}"
        return f"the graph {how}. The end of its log ({self._log}):\n{self.log_tail()}"

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
