"""Move a body's skeleton, joints and skin to a pose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.body import JOINT_BONES, Body


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a body's bones are, from its standing reference pose (see `Body.alignment`).

    Attributes:
        root_position: (3,) head of the root bone in the world, m.
        rotations: (B, 3, 3) rotation of every bone from the reference pose to the world.
    """

    root_position: FloatArray
    rotations: FloatArray


def bone_transforms(body: Body, pose: Pose) -> FloatArray:
    """Return (B, 4, 4) transforms of each bone from rest to the world."""
    rotations = pose.rotations @ body.alignment
    T = np.zeros((len(rotations), 4, 4))
    T[:, :3, :3], T[:, 3, 3] = rotations, 1.0
    heads = np.empty_like(body.bone_heads)
    for bone, parent in enumerate(body.bone_parents):
        if bone == parent:
            heads[bone] = pose.root_position
        else:
            heads[bone] = heads[parent] + rotations[parent] @ (body.bone_heads[bone] - body.bone_heads[parent])
    T[:, :3, 3] = heads - np.einsum("bij,bj->bi", rotations, body.bone_heads)
    return T


def skin(body: Body, T_world_rest: FloatArray, vertices: FloatArray) -> FloatArray:
    """Return the (N, 3) world vertices of a posed body (linear blend skinning).

    Args:
        body: gives the weights.
        T_world_rest: (B, 4, 4) of `bone_transforms`.
        vertices: (N, 3) rest vertices, with or without clothes.
    """
    blended = (body.skin_weights @ T_world_rest[:, :3].reshape(-1, 12)).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", blended[..., :3], vertices) + blended[..., 3]


def joint_positions(body: Body, T_world_rest: FloatArray) -> FloatArray:
    """Return the (16, 3) world positions of the joints."""
    bones = [body.bone(name) for name in JOINT_BONES.values()]
    rest = body.bone_heads[bones]
    rest[0] = body.head_joint
    return np.einsum("jik,jk->ji", T_world_rest[bones, :3, :3], rest) + T_world_rest[bones, :3, 3]


def vertex_normals(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """Return (N, 3) unit normals: the mean of the adjoining faces, weighted by their area."""
    first, second, third = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    across = np.repeat(np.cross(second - first, third - first), 3, axis=0)
    corners = faces.ravel()
    total = np.stack([np.bincount(corners, across[:, axis], len(vertices)) for axis in range(3)], axis=1)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
