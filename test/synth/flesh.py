"""How deep hands are in the trunk and head of a posed mesh: the slow twin of capsules."""

import numpy as np

from egorear_synth.body import Body
from egorear_synth.skinning import Pose, bone_transforms, skin, vertex_normals


def _vertices(body: Body, parts: tuple[str, ...]) -> np.ndarray:
    chosen = np.isin(body.face_parts, [body.part_names.index(part) for part in parts if part in body.part_names])
    return np.unique(body.faces[chosen])


def hand_depth(body: Body, pose: Pose, towards: tuple[str, ...] = ("torso", "hips", "head", "neck")) -> float:
    """Return how far the palms' deepest skin is behind the nearest skin of the trunk, m; negative: outside."""
    vertices = skin(body, bone_transforms(body, pose), body.vertices)
    normals = vertex_normals(vertices, body.faces)
    owner = body.skin_weights.argmax(axis=1)
    trunk = _vertices(body, towards)
    deepest = -np.inf
    for side in "lr":
        palm = np.flatnonzero(owner == body.bone(f"hand_{side}"))
        away = vertices[palm, None] - vertices[trunk]
        nearest = np.linalg.norm(away, axis=2).argmin(axis=1)
        depth = -np.einsum("ij,ij->i", away[np.arange(len(palm)), nearest], normals[trunk[nearest]])
        near = np.linalg.norm(away[np.arange(len(palm)), nearest], axis=1) < 0.12
        if near.any():
            deepest = max(deepest, float(depth[near].max()))
    return deepest
