"""Plain `logging` of the inner modules, forwarded to ROS; and warnings that do not flood."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

PERIOD_S = 5.0
"""A repeated warning is logged at most this often, with its count."""

PACKAGES = ("egorear_ros", "egorear_synth")


class RosHandler(logging.Handler):
    """Gives log records of inner modules to the ROS logger of the same name.

    Not to a node's logger: in a process with several nodes a module does not know for whom it works.

    Args:
        get_logger: `rclpy.logging.get_logger`.
    """

    def __init__(self, get_logger: Callable[[str], Any]) -> None:
        super().__init__()
        self._get_logger = cache(get_logger)

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record."""
        text, logger = self.format(record), self._get_logger(record.name)
        # One call per severity: rclpy refuses a call site that changes its severity.
        if record.levelno >= logging.CRITICAL:
            logger.fatal(text)
        elif record.levelno >= logging.ERROR:
            logger.error(text)
        elif record.levelno >= logging.WARNING:
            logger.warning(text)
        elif record.levelno >= logging.INFO:
            logger.info(text)
        else:
            logger.debug(text)


def forward_logging(get_logger: Callable[[str], Any]) -> None:
    """Forward `logging` of this package's modules to ROS; the first node of a process does it."""
    for package in PACKAGES:
        plain = logging.getLogger(package)
        if not any(isinstance(handler, RosHandler) for handler in plain.handlers):
            plain.addHandler(RosHandler(get_logger))
            plain.setLevel(logging.DEBUG)  # ROS decides what is shown


class ThrottledLog:
    """Logs the first of each kind of problem at once, then at most one line per period with a count.

    Args:
        log: for example `node.get_logger().warning`.
        period_s: shortest time between two lines of one kind.
        clock: monotonic seconds.
    """

    def __init__(
        self, log: Callable[[str], Any], period_s: float = PERIOD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._period_s = period_s
        self._clock = clock
        self._next_s: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}
        self.total = 0

    def __call__(self, kind: str, text: str) -> None:
        """Log or count a problem; `kind` says which problems are repetitions of each other."""
        self.total += 1
        now_s = self._clock()
        if now_s < self._next_s.get(kind, now_s):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        unsaid = self._unsaid.pop(kind, 0)
        self._next_s[kind] = now_s + self._period_s
        self._log(f"{text} ({unsaid} more like this in the last {self._period_s:g} s)" if unsaid else text)
