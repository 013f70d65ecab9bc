"""The status screen fits its terminal and says what matters."""

import io

import pytest
import rig_data
from rich.console import Console

from egorear_ros.commands.status_screen import StatusScreen, facts, milliseconds, status_line
from egorear_ros.live_status import ERROR, WARN, LiveStatus, Report
from egorear_ros.structures import TrackingState
from egorear_ros.sync_status import CameraCounters, SyncStatus

NOW_S = 100.0


def _stage(name: str, median_s: float) -> dict[str, str]:
    """Return a stage's numbers as diagnostics have them."""
    return {
        f"{name} {percentile} s": str(median_s * times) for times, percentile in enumerate(("p50", "p95", "max"), 1)
    }


def graph(state: TrackingState = TrackingState.OK, complaints: int = 0) -> LiveStatus:
    live = LiveStatus(0.0)
    cameras = tuple(CameraCounters(view, 812, 800, 5, 2, 3, 2, 30.0, 0.01, False) for view in rig_data.VIEWS)
    live.on_sync(SyncStatus(795, 5, 12, 0, 30.0, 0.0011, 0.0023, 0.01, 0.02, cameras))
    live.on_truth(rig_data.body_pose(1))
    live.on_pose(rig_data.body_pose(1, state, "egorear/best"), 0.042, NOW_S - 0.1)
    values = {"sets skipped": "17", "sets failed": "3", "trained": str(state != TrackingState.UNTRAINED)}
    level = WARN if state == TrackingState.UNTRAINED else 0
    live.on_report(Report("pose", "estimates", level, "random weights", values, NOW_S))
    live.on_report(Report("pose", "latency", 0, "", _stage("infer", 0.031) | _stage("decode", 0.0042), NOW_S))
    live.on_report(Report("sync", "latency", 0, "", _stage("sync", 0.0015), NOW_S))
    for camera, capture_s in (("camera_front_left", 0.001), ("camera_back_right", 0.002)):
        live.on_report(Report(camera, "stream", 0, "", _stage("capture", capture_s), NOW_S))
    for index in range(complaints):
        live.on_report(Report(f"camera_{index}", "stream", WARN, f"complaint {index} " + "long " * 30, {}, NOW_S))
    return live


def drawn(live: LiveStatus, width: int = 80, height: int = 24) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, height=height, force_terminal=True, color_system=None)
    console.print(StatusScreen(live.snapshot(NOW_S), "title", "a note"))
    return text.getvalue()


def test_everything_that_matters_is_there() -> None:
    screen = drawn(graph())
    for text in (
        "Running: all 4 cameras send",
        "front_left",
        "30.0 Hz",
        "795 complete, 5 partial, 12 dropped",
        "skew 1.1 ms (p95 2.3 ms)",
        "17 sets skipped",
        "3 failed",
        "42 ms (p95 42 ms)",
        "of which  median/p95/max, ms: capture=2.0/4.0/6.0, sync=1.5/3.0/4.5,",
        "decode=4.2/8.4/12.6, infer=31.0/62.0/93.0",
        "MPJPE 0 mm, PA-MPJPE 0 mm",
        "egorear/best",
        "1:40",
        "a note",
    ):
        assert text in screen, text
    assert "UNTRAINED" not in screen


def test_an_untrained_model_is_said_once_and_loudly() -> None:
    screen = drawn(graph(TrackingState.UNTRAINED))
    assert "UNTRAINED MODEL: its weights are random, so poses and errors mean nothing." in screen
    assert "random weights" not in screen


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 40), (60, 40)])
def test_it_fits_its_terminal(width: int, height: int) -> None:
    lines = drawn(graph(TrackingState.UNTRAINED, complaints=6), width, height).splitlines()
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width
    assert "and 3 more on /diagnostics" in "\n".join(lines)


def test_the_worst_complaint_comes_first() -> None:
    live = graph(complaints=2)
    live.on_report(Report("sync", "sets", ERROR, "no sets", {}, NOW_S))
    screen = drawn(live, 100, 50)
    assert screen.index("no sets") < screen.index("complaint 0")


def test_nothing_heard_yet_is_a_screen_too() -> None:
    assert "Nothing heard yet." in drawn(LiveStatus(0.0))


def test_one_line_for_logs() -> None:
    line = status_line(graph(TrackingState.UNTRAINED).snapshot(NOW_S))
    assert "\n" not in line
    for text in ("1:40", "cameras 30.0 30.0 30.0 30.0 Hz", "sets 795 complete", "UNTRAINED MODEL"):
        assert text in line


def test_without_truth_it_says_so() -> None:
    live = LiveStatus(0.0)
    live.on_pose(rig_data.body_pose(1), 0.01, NOW_S)
    assert ("error", "no ground truth to compare with") in facts(live.snapshot(NOW_S))


def test_durations_are_for_people() -> None:
    texts = [milliseconds(value) for value in (float("nan"), 0.00123, 0.0456, 1.5)]
    assert texts == ["–", "1.2 ms", "46 ms", "1500 ms"]
