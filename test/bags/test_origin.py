"""What a recording remembers of its data set."""

from pathlib import Path

import bag_data
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egorear_ros.bags.origin import RIG_KEY, SEQUENCE_KEY, Origin, pack, read_origin, read_rig
from egorear_ros.geometry.rig_file import CalibrationError

STEMS = st.lists(
    st.one_of(st.integers(0, 30).map(str), st.integers(0, 30).map("frame_{:04d}".format), st.text("a0_1é", min_size=1)),
    unique=True,
)


@settings(max_examples=30)
@given(STEMS)
def test_names_come_back(stems: list[str]) -> None:
    origin = Origin("seq", bag_data.BEGIN_NS, 33_333_333, tuple(stems))
    assert read_origin(pack(bag_data.rig(), origin)) == origin


def test_names_of_ten_minutes_are_short() -> None:
    stems = tuple(f"frame_{index:06d}" for index in range(0, 90_000, 5))
    packed = pack(bag_data.rig(), Origin("seq", 0, 1, stems))
    assert len(packed[SEQUENCE_KEY]) < 150


def test_a_stamp_has_the_name_of_its_frame() -> None:
    origin = Origin("seq", 1000, 10, ("a", "b", "c"))
    assert [origin.stem(stamp_ns) for stamp_ns in (1000, 1010, 1020)] == ["a", "b", "c"]
    assert [origin.stem(stamp_ns) for stamp_ns in (990, 1005, 1030)] == [None, None, None]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "a", "first_ns": "x", "period_ns": 1, "stems": []}'])
def test_damaged_names_are_none(text: str) -> None:
    assert read_origin({SEQUENCE_KEY: text}) is None
    assert read_origin({}) is None


def test_the_rig_comes_back_exactly() -> None:
    rig = bag_data.rig()
    back = read_rig(pack(rig, None), Path("bag"))
    assert back is not None and back.name == rig.name and back.views == rig.views
    for camera, other in zip(rig.cameras, back.cameras, strict=True):
        assert np.array_equal(camera.T_device_camera, other.T_device_camera)
        assert camera.lens == other.lens
    assert read_rig({}, Path("bag")) is None


@pytest.mark.parametrize("text", ["[", "5", "format: other/1"])
def test_a_damaged_rig_is_named(text: str) -> None:
    with pytest.raises(CalibrationError, match="bag: "):
        read_rig({RIG_KEY: text}, Path("bag"))
