"""What the viewer's benchmark says about what was seen."""

import pytest

from egorear_ros.benchmarks.graph import Observation
from egorear_ros.benchmarks.view import rows


def seen(processor_s: float, poses: int = 250) -> Observation:
    return Observation(stamps_ns=list(range(poses)), duration_s=10.0, processor_s=processor_s)


@pytest.mark.parametrize(
    ("looking_s", "text", "met"), [(11.0, "10 % of a core", True), (11.6, "16 % of a core", False)]
)
def test_the_difference_to_before_and_after_counts(looking_s: float, text: str, met: bool) -> None:
    table = {row.quantity: row for row in rows(seen(9.0), seen(looking_s * 0.8, 200), seen(11.0), 0.31)}
    assert table["more work for the graph, at the rate of before"].value == text
    assert table["more work for the graph, at the rate of before"].met is met
    assert table["nobody looks: graph"].value == "0.90 cores, 25.0 poses/s"
    assert table["a viewer at 30 Hz: graph"].value.endswith("20.0 poses/s")
    assert table["the viewer's own process"].value == "31 % of a core"
