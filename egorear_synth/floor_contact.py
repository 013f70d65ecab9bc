"""How low the parts of a posed body are: what touches the floor."""

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.body import Body
from egorear_synth.hull import sphere_directions
from egorear_synth.self_intersection import RIG_AHEAD_M, RIG_BEHIND_M, RIG_HALF_WIDTH_M

DIRECTIONS = 24
"""The outermost points of each bone's skin in so many directions stand for all of it."""

GROUPS = {
    "left_foot": ("foot_l", "ball_l"),
    "right_foot": ("foot_r", "ball_r"),
    "left_knee": ("calf_l",),
    "right_knee": ("calf_r",),
    "left_hand": ("hand_l", "middle_01_l", "middle_02_l", "middle_03_l"),
    "right_hand": ("hand_r", "middle_01_r", "middle_02_r", "middle_03_r"),
    "left_forearm": ("lowerarm_l", "upperarm_l"),
    "right_forearm": ("lowerarm_r", "upperarm_r"),
    "seat": ("pelvis", "thigh_l", "thigh_r"),
    "back": ("spine_01", "spine_02", "spine_03", "clavicle_l", "clavicle_r"),
    "head": ("head", "rig"),
}
"""Parts of the body that carry it, and their bones."""


class ContactPoints:
    """Points of a body's skin, and of a rig on its head, that reach the floor before others.

    Args:
        body: whose.
    """

    def __init__(self, body: Body) -> None:
        owner = body.skin_weights.argmax(axis=1)
        directions = sphere_directions(DIRECTIONS)
        chosen = []
        for bone in range(len(body.bone_names)):
            own = np.flatnonzero(owner == bone)
            if len(own):
                chosen.append(np.unique(own[(body.vertices[own] @ directions.T).argmax(axis=0)]))
        vertices = np.concatenate(chosen)
        head = body.bone("head")
        rig = _rig_points(body.vertices[owner == head])
        on_head = np.zeros((len(rig), len(body.bone_names)))
        on_head[:, head] = 1.0
        points = np.concatenate([body.vertices[vertices], rig])
        weights = np.concatenate([body.skin_weights[vertices], on_head])
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
        # Skinning is linear in the bones' matrices: one product gives all points of all poses.
        self._skinning = (weights[:, :, None] * homogeneous[:, None]).reshape(len(points), -1)
        names = [body.bone_names[bone] for bone in owner[vertices]] + ["rig"] * len(rig)
        self.groups = {group: np.flatnonzero(np.isin(names, bones)) for group, bones in GROUPS.items()}

    def positions(self, T_bones: FloatArray) -> FloatArray:
        """Return (T, M, 3) the points on bones (T, B, 4, 4)."""
        rows = T_bones[:, :, :3].transpose(0, 1, 3, 2).reshape(len(T_bones), -1, 3)
        return self._skinning @ rows

    def lowest(self, T_bones: FloatArray) -> FloatArray:
        """Return (T,) height of the lowest point over the origin of bones (T, B, 4, 4)."""
        return self.positions(T_bones)[..., 2].min(axis=1)


def _rig_points(skin: FloatArray) -> FloatArray:
    low, high = skin.min(axis=0), skin.max(axis=0)
    return np.array(
        [
            [x, y, z]
            for x in (low[0] - RIG_BEHIND_M, high[0] + RIG_AHEAD_M)
            for y in (-RIG_HALF_WIDTH_M, RIG_HALF_WIDTH_M)
            for z in (high[2] + 0.07, high[2] - 0.02)
        ]
    )
