"""What is written about one frame, in Ego4View-Syn's form and beyond it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.wearer import Wearer

CM_PER_M = 100.0
FEET = ("left_foot", "right_foot")


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """The truth of one frame.

    Attributes:
        time_s: since the sequence's first frame.
        joints_device: (16, 3) m.
        joints_world: (16, 3) m; z up, floor at 0.
        joints_camera: (V, 16, 3) m.
        pixels: (V, 16, 2) px of the calibrated image.
        visible: (V, 16).
        T_world_device: (4, 4).
        T_head_device: (4, 4); the head's frame has its origin at the joint and, at rest, x forward, y left, z up.
        sole_heights: (2,) of the lowest point of left and right foot above the floor, m.
    """

    time_s: float
    joints_device: FloatArray
    joints_world: FloatArray
    joints_camera: FloatArray
    pixels: FloatArray
    visible: NDArray[np.bool_]
    T_world_device: FloatArray
    T_head_device: FloatArray
    sole_heights: FloatArray


def frame_truth(wearer: Wearer, motion_s: float, time_s: float) -> FrameTruth:
    """Return the truth of one moment.

    Args:
        wearer: who is seen.
        motion_s: the moment, in the wearer's time, s.
        time_s: the same since the sequence's first frame, s.
    """
    pose, truth = wearer.pose_at(motion_s), wearer.truth(motion_s)
    body = wearer.body
    T_rest_head = np.eye(4)
    T_rest_head[:3, 3] = body.head_joint
    T_world_head = pose.T_world_rest[body.bone("head")] @ T_rest_head
    heights = wearer.scene_at(motion_s).vertices[:, 2]
    soles = [heights[body.faces[body.face_parts == body.part_names.index(foot)]].min() for foot in FEET]
    return FrameTruth(
        time_s=time_s,
        joints_device=truth.joints_device,
        joints_world=pose.joints_world,
        joints_camera=np.stack(
            [
                transform_points(invert_transform(camera.T_device_camera), truth.joints_device)
                for camera in wearer.rig.cameras
            ]
        ),
        pixels=truth.pixels,
        visible=truth.visible,
        T_world_device=truth.T_world_device,
        T_head_device=invert_transform(T_world_head) @ truth.T_world_device,
        sole_heights=np.array(soles, dtype=np.float64),
    )


def annotate(truth: FrameTruth, views: tuple[str, ...]) -> dict[str, Any]:
    """Return a frame's annotation file as JSON values: centimetres and pixels, as in Ego4View-Syn."""
    joints = {}
    for index, name in enumerate(EGO4VIEW.dataset_names):
        entry: dict[str, Any] = {"device_pts3d": _rounded(CM_PER_M * truth.joints_device[index], 6)}
        for number, view in enumerate(views):
            entry[f"camera_{view}_pts3d"] = _rounded(CM_PER_M * truth.joints_camera[number, index], 6)
            entry[f"camera_{view}_pts2d"] = _rounded(truth.pixels[number, index], 5)
            entry[f"camera_{view}_visible"] = bool(truth.visible[number, index])
        joints[name] = entry
    return {
        "time_s": round(truth.time_s, 9),
        "T_world_device": _rounded(truth.T_world_device, 9),
        "T_head_device": _rounded(truth.T_head_device, 9),
        "sole_heights_cm": dict(zip(("left", "right"), _rounded(CM_PER_M * truth.sole_heights, 4), strict=True)),
        "joints": joints,
    }


def _rounded(values: FloatArray, digits: int) -> Any:
    # Adding 0 turns -0.0 into 0.0.
    return (np.round(values, digits) + 0.0).tolist()
