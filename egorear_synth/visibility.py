"""Which joints a camera sees: the first thing on the line to a joint is the body part around it."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.body import JOINT_BONES, Body
from egorear_synth.place import Place
from egorear_synth.rendering import PosedBody

_SIDE_PARTS = {
    "shoulder": ("upper_arm", "torso"),
    "elbow": ("upper_arm", "forearm"),
    "wrist": ("forearm", "hand"),
    "hip": ("thigh", "hips"),
    "knee": ("thigh", "shank"),
    "ankle": ("shank", "foot"),
    "toe": ("foot",),
}

_CENTRE_PARTS = {"head": ("head", "scalp", "eyes"), "neck": ("neck", "torso")}

RING_VERTICES = 24
MARGIN_M = 0.02


class JointVisibility:
    """Visibility of a body's joints.

    A joint lies inside the body. It counts as visible if the ray from the camera first meets one
    of its body parts no farther from the joint than these parts' skin is around it. Whatever stands in
    the way hides it: other body parts, the rig, furniture, walls.

    Args:
        body: parts and joints.
        vertices: (N, 3) at rest, dressed, m.
    """

    def __init__(self, body: Body, vertices: FloatArray) -> None:
        self._face_parts = body.face_parts
        count = EGO4VIEW.joint_count
        self._allowed = np.zeros((count, len(body.part_names)), dtype=bool)
        self.tolerance_m = np.empty(count)
        joints = body.bone_heads[[body.bone(bone) for bone in JOINT_BONES.values()]]
        joints[0] = body.head_joint
        for joint, name in enumerate(EGO4VIEW.joint_names):
            parts = [index for index, part in enumerate(body.part_names) if part in joint_parts(name)]
            self._allowed[joint, parts] = True
            near = vertices[np.unique(body.faces[np.isin(body.face_parts, parts)])]
            distance = np.sort(np.linalg.norm(near - joints[joint], axis=1))
            self.tolerance_m[joint] = 1.3 * distance[:RING_VERTICES].max() + MARGIN_M

    def unoccluded(
        self, scene: PosedBody, place: Place, origins: FloatArray, joints_world: FloatArray
    ) -> NDArray[np.bool_]:
        """Return for (V, 16) joints whether they are seen from each of V points, whatever the field of view.

        Args:
            scene: the posed body.
            place: what else can hide a joint.
            origins: (V, 3) of the cameras, world, m.
            joints_world: (16, 3) m.
        """
        towards = joints_world - origins[:, None]
        distance = np.linalg.norm(towards, axis=-1)
        directions = (towards / distance[..., None]).reshape(-1, 3).astype(np.float32)
        starts = np.repeat(origins.astype(np.float32), len(joints_world), axis=0)
        # All at once: a GPU is waited for once.
        hits = scene.first_hits(starts, directions, place.surfaces.first_hits(starts, directions).distance)
        face = hits.face.reshape(distance.shape)
        near = np.abs(hits.distance.reshape(distance.shape) - distance) <= self.tolerance_m
        part = self._face_parts[np.clip(face, 0, len(self._face_parts) - 1)]
        return near & (face >= 0) & self._allowed[np.arange(len(joints_world)), part]


def joint_parts(joint_name: str) -> tuple[str, ...]:
    """Return the body parts around a joint."""
    if joint_name in _CENTRE_PARTS:
        return _CENTRE_PARTS[joint_name]
    side, name = joint_name.split("_")
    return tuple(part if part in ("torso", "hips") else f"{side}_{part}" for part in _SIDE_PARTS[name])
