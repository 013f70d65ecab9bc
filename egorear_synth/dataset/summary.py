"""Numbers about one sequence, kept in its file so that the card needs no frame again."""

from typing import Any

import numpy as np

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.dataset.annotation import CM_PER_M, FrameTruth

_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "toe"))

RIGID_BONES = (
    *((EGO4VIEW.index(f"{side}_{a}"), EGO4VIEW.index(f"{side}_{b}")) for side in ("left", "right") for a, b in _LIMBS),
    (EGO4VIEW.index("left_hip"), EGO4VIEW.index("right_hip")),
)
"""Pairs of joints with one bone between them: their distance is constant for a person."""


def bone_name(bone: tuple[int, int]) -> str:
    """Return "parent-child" in the data set's joint names."""
    return "-".join(EGO4VIEW.dataset_names[joint] for joint in bone)


class Summary:
    """Collects what the card says about a sequence.

    Args:
        views: of the rig.
    """

    def __init__(self, views: tuple[str, ...]) -> None:
        self._views = views
        self._visible = np.zeros((len(views), EGO4VIEW.joint_count), dtype=np.int64)
        self._joints_device: list[FloatArray] = []
        self._joints_world: list[FloatArray] = []
        self._lowest = np.inf

    def add(self, truth: FrameTruth) -> None:
        """Count one frame."""
        self._visible += truth.visible
        self._joints_device.append(truth.joints_device)
        self._joints_world.append(truth.joints_world)
        self._lowest = min(self._lowest, float(truth.sole_heights.min()))

    def content(self, rate_hz: float) -> dict[str, Any]:
        """Return the summary as JSON values.

        Args:
            rate_hz: frames per second, for speeds.
        """
        device, world = np.stack(self._joints_device), np.stack(self._joints_world)
        steps = np.linalg.norm(np.diff(world, axis=0), axis=2) * rate_hz
        names = EGO4VIEW.dataset_names
        lengths = {bone_name(bone): _number(CM_PER_M * np.linalg.norm(world[0, bone[0]] - world[0, bone[1]]))
                   for bone in RIGID_BONES}  # fmt: skip
        return {
            "visible_frames": {
                view: dict(zip(names, self._visible[index].tolist(), strict=True))
                for index, view in enumerate(self._views)
            },
            "bone_lengths_cm": lengths,
            "device_mean_cm": {
                name: [_number(v) for v in CM_PER_M * device[:, j].mean(axis=0)] for j, name in enumerate(names)
            },
            "device_std_cm": {
                name: [_number(v) for v in CM_PER_M * device[:, j].std(axis=0)] for j, name in enumerate(names)
            },
            "mean_speed_m_s": {
                name: _number(steps[:, j].mean() if len(steps) else 0.0) for j, name in enumerate(names)
            },
            "head_height_cm": [_number(CM_PER_M * extreme) for extreme in (world[:, 0, 2].min(), world[:, 0, 2].max())],
            "lowest_sole_cm": _number(CM_PER_M * self._lowest),
        }


def _number(value: float) -> float:
    return round(float(value), 4)
