"""Which places around the device the hands of a motion come to."""

from collections.abc import Sequence

import numpy as np

from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.skinning import bone_transforms, joint_positions
from egorear_synth.wearer import Motion

CELL_M = 0.1
WRISTS = (EGO4VIEW.index("left_wrist"), EGO4VIEW.index("right_wrist"))


def wrists_in_device(body: Body, motion: Motion, times: Sequence[float], T_rest_device: FloatArray) -> FloatArray:
    """Return (2 T, 3) wrists in the device frame, left ones of all moments first, m.

    Args:
        body: who moves.
        motion: how.
        times: T moments, s.
        T_rest_device: (4, 4) the device on the resting head.
    """
    places = []
    for time_s in times:
        T_bones = bone_transforms(body, motion.pose_at(float(time_s)))
        T_device_world = invert_transform(T_bones[body.bone("head")] @ T_rest_device)
        places.append(transform_points(T_device_world, joint_positions(body, T_bones)[list(WRISTS)]))
    return np.concatenate(np.swapaxes(np.array(places), 0, 1))


def cells(points: FloatArray) -> set[tuple[int, ...]]:
    """Return the cells of `CELL_M` that points (N, 3) are in."""
    return {tuple(cell) for cell in np.floor(points / CELL_M).astype(int).tolist()}
