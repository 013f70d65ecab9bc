"""What a benchmark reads from diagnostics."""

import pytest

from egorear_ros.benchmarks.graph import Observation, _note_stages


def test_stages_are_read_by_node_and_name() -> None:
    seen = Observation()
    values = {"decode p50 s": "0.002", "decode p95 s": "0.004", "decode max s": "0.01", "rate_hz": "30"}
    _note_stages(seen, "wearer_1/pose: latency", values)
    _note_stages(seen, "wearer_1/pose: estimates", {"odd p95 s": "1"})
    _note_stages(seen, "camera_front_left: stream", {"published": "3"})
    assert list(seen.stages_ms) == [("pose", "decode")]
    assert seen.stages_ms["pose", "decode"] == pytest.approx((2.0, 4.0, 10.0))
