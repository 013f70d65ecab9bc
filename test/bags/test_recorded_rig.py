"""A rig from a recording's own CameraInfo and /tf_static."""

from pathlib import Path

import bag_data
import numpy as np
import pytest
import rig_data

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.encode import encode_static_tf
from egorear_ros.bags.origin import pack
from egorear_ros.bags.recorded_rig import rig_of_recording
from egorear_ros.bags.typestore import CAMERA_INFO, TF_MESSAGE
from egorear_ros.geometry.fisheye import project, scale_lens
from egorear_ros.structures import Rig


def found(path: Path, namespace: str | None = None, given: Rig | None = None) -> Rig | None:
    with open_bag(path) as bag:
        return rig_of_recording(bag, given, namespace)


@pytest.mark.parametrize(("namespace", "prefix"), [("", ""), ("/helmet", "anna/")])
def test_lenses_and_places_are_those_of_the_rig(tmp_path: Path, namespace: str, prefix: str) -> None:
    rows = bag_data.rig_rows(3, namespace=namespace, frame_prefix=prefix)
    rig = found(bag_data.write_rows(tmp_path / "bag", rows))
    assert rig is not None
    assert rig.views == rig_data.VIEWS
    theta = np.radians(np.linspace(0.0, 80.0, 30))
    rays = np.stack([np.sin(theta), np.zeros_like(theta), np.cos(theta)], axis=-1)
    for camera, true in zip(rig.cameras, bag_data.rig().cameras, strict=True):
        np.testing.assert_allclose(camera.T_device_camera, true.T_device_camera, atol=1e-9)
        expected, _ = project(rays, scale_lens(true.lens, bag_data.IMAGE_PX, bag_data.IMAGE_PX))
        np.testing.assert_allclose(project(rays, camera.lens)[0], expected, atol=0.02)


def test_a_given_rig_and_a_carried_one_come_first(tmp_path: Path) -> None:
    rig = bag_data.rig()
    path = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(2), custom=pack(rig, None))
    carried = found(path)
    assert carried is not None
    assert carried.name == rig.name
    assert found(path, given=rig) is rig


@pytest.mark.parametrize("lacking", [CAMERA_INFO, TF_MESSAGE, "one camera's"])
def test_without_all_of_the_calibration_there_is_no_rig(tmp_path: Path, lacking: str) -> None:
    rows = [
        row
        for row in bag_data.rig_rows(2)
        if row[1] != lacking and not (lacking == "one camera's" and row[0] == "/back_left/camera_info")
    ]
    assert found(bag_data.write_rows(tmp_path / "bag", rows)) is None


def test_frames_that_do_not_lead_to_the_device_are_no_places(tmp_path: Path) -> None:
    static = encode_static_tf(0, bag_data.rig(), "")
    elsewhere = static.replace(b"device\0", b"helmet\0")
    rows = [row if row[1] != TF_MESSAGE else (*row[:3], elsewhere) for row in bag_data.rig_rows(2)]
    assert found(bag_data.write_rows(tmp_path / "bag", rows)) is None
