"""Log lines that do not flood, and inner modules that reach ROS."""

import logging

from egorear_ros.bridge.logs import RosHandler, ThrottledLog, forward_logging


class Logger:
    """Records calls as (severity, text)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, severity: str):  # type: ignore[no-untyped-def]
        return lambda text: self.lines.append((severity, text))


def test_first_problem_at_once_then_one_line_per_period_with_the_count() -> None:
    lines, now = [], [0.0]
    warn = ThrottledLog(lines.append, period_s=5.0, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 2.0, 4.9):
        warn("jpeg", "corrupt JPEG")
    assert lines == ["corrupt JPEG"]
    now[0] = 5.0
    warn("jpeg", "corrupt JPEG")
    assert len(lines) == 2 and "3 more" in lines[1]
    now[0] = 10.0
    warn("jpeg", "corrupt JPEG")
    assert lines[2] == "corrupt JPEG"
    assert warn.total == 6


def test_kinds_do_not_hide_each_other() -> None:
    lines: list[str] = []
    warn = ThrottledLog(lines.append, clock=lambda: 0.0)
    warn("front_left", "a")
    warn("front_right", "b")
    assert lines == ["a", "b"]


def test_severity_and_text_are_kept() -> None:
    logger = Logger()
    plain = logging.getLogger("test_severity_and_text_are_kept")
    plain.setLevel(logging.DEBUG)
    names: list[str] = []
    plain.addHandler(RosHandler(lambda name: (names.append(name), logger)[1]))
    plain.debug("a %d", 1)
    plain.info("b")
    plain.warning("c")
    plain.error("d")
    plain.critical("e")
    assert names == ["test_severity_and_text_are_kept"]
    assert logger.lines == [("debug", "a 1"), ("info", "b"), ("warning", "c"), ("error", "d"), ("fatal", "e")]


def test_a_second_node_does_not_double_the_lines() -> None:
    plain = logging.getLogger("egorear_ros")
    before = [handler for handler in plain.handlers if isinstance(handler, RosHandler)]
    for handler in before:
        plain.removeHandler(handler)
    first, second = Logger(), Logger()
    forward_logging(lambda name: first)
    forward_logging(lambda name: second)
    logging.getLogger("egorear_ros.somewhere").warning("once")
    assert first.lines == [("warning", "once")] and second.lines == []
    for package in ("egorear_ros", "egorear_synth"):
        logger = logging.getLogger(package)
        for handler in [one for one in logger.handlers if isinstance(one, RosHandler)]:
            logger.removeHandler(handler)
    for handler in before:
        plain.addHandler(handler)
