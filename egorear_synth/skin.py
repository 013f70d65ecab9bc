"""A body's skin, prepared once and posed for every frame: positions and normals of all vertices."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32
from egorear_synth.body import Body

MAX_BONES = 4
"""Bones that move one vertex."""


class Skin:
    """Linear blend skinning and vertex normals of one body, in single precision.

    The same as `skinning.skin` and `skinning.vertex_normals`, ten times as fast: a vertex follows four bones or
    fewer, not all, and which faces adjoin it is looked up once.

    Attributes:
        bones: (K, N) bones that move each vertex; K is `MAX_BONES` or less.
        weights: (K, N) their shares.
        adjoining: (3 F,) faces around each vertex, vertex by vertex.
        used: (U,) vertices that some face adjoins.
        starts: (U,) where the faces around each of them begin.

    Args:
        body: gives weights and faces.

    Raises:
        ValueError: a vertex follows more than four bones.
    """

    def __init__(self, body: Body) -> None:
        weights = body.skin_weights
        most = int((weights > 0).sum(axis=1).max())
        if most > MAX_BONES:
            raise ValueError(f"a vertex of the body follows {most} bones; expected {MAX_BONES} or fewer.")
        bones = np.argsort(-weights, axis=1, kind="stable")[:, :most]
        self.bones: NDArray[np.int32] = np.ascontiguousarray(bones.T, dtype=np.int32)
        self.weights: Floats32 = np.ascontiguousarray(np.take_along_axis(weights, bones, axis=1).T, dtype=np.float32)
        self._faces = np.ascontiguousarray(body.faces.T)
        corners = body.faces.ravel()
        order = np.argsort(corners, kind="stable")
        self.adjoining = order // 3
        self.used, self.starts = np.unique(corners[order], return_index=True)

    def posed(self, T_world_rest: FloatArray, rest_vertices: FloatArray) -> tuple[Floats32, Floats32]:
        """Return the (N, 3) world vertices and their (N, 3) unit normals.

        Args:
            T_world_rest: (B, 4, 4) of `skinning.bone_transforms`.
            rest_vertices: (N, 3) at rest, m.
        """
        T = np.ascontiguousarray(T_world_rest[:, :3].reshape(-1, 12).T, dtype=np.float32)
        blended = sum(weight * T[:, bone] for weight, bone in zip(self.weights, self.bones, strict=True))
        x, y, z = rest_vertices.T.astype(np.float32)
        rows = np.asarray(blended).reshape(3, 4, -1)
        vertices = rows[:, 0] * x + rows[:, 1] * y + rows[:, 2] * z + rows[:, 3]
        return np.ascontiguousarray(vertices.T), self._normals(vertices)

    def _normals(self, vertices: Floats32) -> Floats32:
        """Return (N, 3) normals of (3, N) vertices: the mean of the adjoining faces, weighted by their area."""
        first, second, third = (vertices[:, corner] for corner in self._faces)
        a, b = second - first, third - first
        across = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
        total = np.zeros_like(vertices)
        total[:, self.used] = np.add.reduceat(across[:, self.adjoining], self.starts, axis=1)
        total /= np.maximum(np.sqrt(np.square(total).sum(axis=0)), np.float32(1e-12))
        return np.ascontiguousarray(total.T)
