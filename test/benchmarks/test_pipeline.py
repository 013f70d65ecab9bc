"""What the pipeline's benchmark says about what was seen."""

import pytest

from egorear_ros.benchmarks.graph import Observation
from egorear_ros.benchmarks.pipeline import CASES, _rows


def _seen(poses: int, latency_s: float, processor_s: float) -> Observation:
    """Return ten seconds of a graph."""
    return Observation(
        stamps_ns=list(range(poses)),
        tf_latencies_s=[latency_s] * poses,
        duration_s=10.0,
        processor_s=processor_s,
        stages_ms={
            ("camera_front_left", "capture"): (1.0, 2.0, 3.0),
            ("camera_back_left", "capture"): (1.0, 4.0, 5.0),
            ("pose", "infer"): (20.0, 30.0, 40.0),
        },
    )


@pytest.mark.parametrize(
    ("seen", "met"),
    [
        (_seen(250, 0.05, 15.0), [True, True, True]),
        (_seen(199, 0.05, 15.0), [False, True, True]),
        (_seen(250, 0.11, 15.0), [True, False, True]),
        (_seen(250, 0.05, 26.0), [True, True, False]),
    ],
)
def test_targets_hold_for_the_demo_s_way_alone(seen: Observation, met: list[bool]) -> None:
    main, *others = CASES
    assert main.main
    assert [row.met for row in _rows(seen, main) if row.target] == met
    for other in others:
        assert not [row for row in _rows(seen, other) if row.target]


def test_numbers_and_stages_are_those_seen_and_of_cameras_the_slowest() -> None:
    rows = {row.quantity: row.value for row in _rows(_seen(250, 0.05, 15.0), CASES[0])}
    assert rows["one process: poses"] == "25.0 a second"
    assert rows["one process: capture to TF p95"] == "50 ms"
    assert rows["one process: processor time of all nodes, per pose"] == "60 ms"
    assert rows["one process: cores busy"] == "1.50 of 2"
    assert rows["one process: camera, capture: p50 / p95 / max"] == "1.0 / 4.0 / 5.0 ms"
    assert rows["one process: pose, infer: p50 / p95 / max"] == "20.0 / 30.0 / 40.0 ms"
