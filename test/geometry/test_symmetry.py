"""Which cameras a mirror swaps."""

from dataclasses import replace

import pytest

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.symmetry import partners
from egorear_ros.structures import Rig


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_rig("ego4view_syn")


def test_cameras_find_their_partners(rig: Rig) -> None:
    assert partners(rig) == [1, 0, 3, 2]
    assert partners(rig.select(("back_right", "front_left", "back_left", "front_right"))) == [2, 3, 0, 1]


def test_a_rig_that_is_not_symmetric_is_refused(rig: Rig) -> None:
    moved = rig.cameras[0].T_device_camera.copy()
    moved[2, 3] += 0.01
    askew = replace(rig, cameras=(replace(rig.cameras[0], T_device_camera=moved), *rig.cameras[1:]))
    with pytest.raises(ValueError, match=r"symmetric about x = 0.*ego4view_syn.*front_left"):
        partners(askew)
    with pytest.raises(ValueError, match="no camera is where a mirror would put front_left"):
        partners(rig.select(("front_left", "back_right")))
