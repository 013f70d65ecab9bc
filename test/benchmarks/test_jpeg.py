"""The measurement of reduced JPEGs runs on any data set in Ego4View's layout, and names one that is none."""

from pathlib import Path

import pytest
from tiny_dataset import write_dataset

from egorear_ros.benchmarks.jpeg import measure_jpeg


def test_every_way_of_decoding_is_measured_on_the_same_frame_sets(tmp_path: Path) -> None:
    # Twice the network's 128 px leaves no smaller scale of it, one and a half does.
    write_dataset(tmp_path / "data", size=400)
    rows = {row.quantity: row for row in measure_jpeg(tmp_path / "data", "ego4view_syn")}
    assert rows["frame sets"].value == "4"
    assert rows["reduced: joints move by"].value == "0.0 mm (median), 0.0 mm (p95)"
    cost = rows["auto: MPJPE minus that of exact"]
    change_mm, exact_mm = (float(text.split()[0]) for text in (cost.value, rows["exact: MPJPE"].value))
    assert cost.met == (change_mm <= 0.01 * exact_mm)
    assert not rows["auto: joints move by"].value.startswith("0.0 mm")
    assert not rows["compressed again at quality 90: joints move by"].value.startswith("0.0 mm")


def test_a_folder_without_frame_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no annotated frame set of the views front_left.*Remove the folder"):
        measure_jpeg(tmp_path, "ego4view_syn")
