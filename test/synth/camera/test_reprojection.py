"""What is written about a frame agrees with itself: device points, camera points and pixels, for every rig."""

import json
import math
from collections.abc import Sequence

import numpy as np

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import EquidistantLens, Lens, Rig
from egorear_synth.dataset.annotation import CM_PER_M, annotate, frame_truth
from egorear_synth.wearer import make_wearer

TIMES = (0.5, 9.25, 33.3)


def naive_project(point: Sequence[float], lens: Lens) -> tuple[float, float]:
    """One point, by the formulas of docs/conventions.md, in plain Python."""
    x, y, z = point
    theta = math.atan2(math.hypot(x, y), z)
    across, down = x / math.hypot(x, y), y / math.hypot(x, y)
    if isinstance(lens, EquidistantLens):
        rho = theta + sum(k * theta ** (2 * power + 3) for power, k in enumerate(lens.distortion))
        focal = lens.focal_px
    else:
        phi = math.atan2(-z, math.hypot(x, y))
        rho = sum(a * phi**power for power, a in enumerate(lens.polynomial))
        focal = (1.0, 1.0)
    return focal[0] * rho * across + lens.center_px[0], focal[1] * rho * down + lens.center_px[1]


def test_written_pixels_are_the_projected_written_points(each_rig: Rig) -> None:
    wearer = make_wearer(each_rig, 1)
    seen = 0
    for time_s in TIMES:
        written = json.loads(json.dumps(annotate(frame_truth(wearer, time_s, time_s), each_rig.views)))["joints"]
        assert tuple(written) == EGO4VIEW.dataset_names
        for joint in written.values():
            device = np.array([*joint["device_pts3d"], CM_PER_M]) / CM_PER_M
            for camera in each_rig.cameras:
                local = np.linalg.inv(camera.T_device_camera) @ device
                np.testing.assert_allclose(joint[f"camera_{camera.view}_pts3d"], CM_PER_M * local[:3], atol=1e-5)
                u, v = naive_project(local[:3].tolist(), camera.lens)
                found = joint[f"camera_{camera.view}_pts2d"]
                assert math.hypot(found[0] - u, found[1] - v) < 1e-3, (camera.view, time_s)
                seen += joint[f"camera_{camera.view}_visible"]
    assert seen > 5
