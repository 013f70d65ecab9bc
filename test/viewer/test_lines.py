"""Skeletons as lines in images, against the lens itself."""

import numpy as np
import pytest
import rig_data

from egorear_ros.geometry.fisheye import project, scale_lens
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.viewer.lines import PIXEL_CENTRE, bones_in_view, joints_in_view

RIG = load_rig("ego4view_syn")
JOINTS = rig_data.standing_device()


@pytest.mark.parametrize("view", RIG.views)
def test_joints_are_where_the_lens_of_that_size_puts_them(view: str) -> None:
    camera = RIG[view]
    pixels, seen = joints_in_view(JOINTS, camera, 218, 218)
    in_camera = transform_points(invert_transform(camera.T_device_camera), JOINTS)
    expected, visible = project(in_camera, scale_lens(camera.lens, 218, 218))
    assert seen.tolist() == np.flatnonzero(visible).tolist()
    assert len(seen) > 8
    np.testing.assert_allclose(pixels - PIXEL_CENTRE, expected[seen])


@pytest.mark.parametrize("view", RIG.views)
def test_bones_end_at_their_joints(view: str) -> None:
    pixels, seen = joints_in_view(JOINTS, RIG[view], 436, 436)
    paths, owners = bones_in_view(JOINTS, EGO4VIEW.bones, RIG[view], 436, 436)
    complete = [set(bone) <= set(seen.tolist()) for bone in EGO4VIEW.bones]
    whole = [index for index, there in enumerate(complete) if there and owners.count(index) == 1]
    assert whole
    place = {int(joint): pixel for joint, pixel in zip(seen, pixels, strict=True)}
    for index in whole:
        path = paths[owners.index(index)]
        parent, child = EGO4VIEW.bones[index]
        np.testing.assert_allclose(path[[0, -1]], [place[parent], place[child]], atol=1e-9)


def test_bones_that_nobody_sees_are_left_out() -> None:
    above = JOINTS - np.array([0.0, 0.0, 5.0])  # z is down: all joints high above the helmet
    paths, owners = bones_in_view(above, EGO4VIEW.bones, RIG["front_left"], 436, 436)
    assert paths == []
    assert owners == []
