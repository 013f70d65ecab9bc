"""A camera's cone, against its lens and its place."""

import numpy as np
import pytest

from egorear_ros.geometry.frustum import frustum_rig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import T_RIG_DEVICE

RIG = load_rig("ego4view_syn")


@pytest.mark.parametrize("view", RIG.views)
def test_a_frustum_begins_at_the_camera_and_opens_as_its_lens(view: str) -> None:
    camera = RIG[view]
    rim, *rays = frustum_rig(camera)
    T_rig_camera = T_RIG_DEVICE @ camera.T_device_camera
    assert len(rays) == 4
    for ray in rays:
        np.testing.assert_allclose(ray[0], T_rig_camera[:3, 3])
    towards = rim - T_rig_camera[:3, 3]
    cosine = towards @ T_rig_camera[:3, 2] / np.linalg.norm(towards, axis=-1)
    theta_deg = np.degrees(np.arccos(cosine))
    # Cut off by the edges of the image, a circle that does not fit in is a little smaller there.
    assert theta_deg.max() == pytest.approx(np.degrees(camera.lens.max_theta), abs=0.01)
    assert theta_deg.min() > np.degrees(camera.lens.max_theta) - 5.0
    np.testing.assert_allclose(rim[0], rim[-1])
