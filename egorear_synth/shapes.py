"""Small meshes: boxes, rods and grids of points; vertices (N, 3) in m, faces (F, 3) counter-clockwise from outside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.transforms import transform_points
from egorear_ros.structures import FloatArray

Faces = NDArray[np.int32]

_BOX_FACES = np.array(
    [
        [0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4],
        [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5],
    ],
    dtype=np.int32,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Mesh:
    """Vertices (N, 3), m, and faces (F, 3)."""

    vertices: FloatArray
    faces: Faces


def box(T_target_box: FloatArray, centre: tuple[float, float, float], half: tuple[float, float, float]) -> Mesh:
    """Return a box, given its centre and half sizes in its own frame."""
    corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64)
    return Mesh(transform_points(T_target_box, np.array(centre) + corners * half), _BOX_FACES)


def rod(start: FloatArray, end: FloatArray, half: float) -> Mesh:
    """Return a square rod of some half thickness between two points."""
    along = end - start
    length = float(np.linalg.norm(along))
    z = along / length
    x = np.cross(z, np.eye(3)[np.abs(z).argmin()])
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.stack([x, np.cross(z, x), z], axis=1), start
    return box(T, (0.0, 0.0, 0.5 * length), (half, half, 0.5 * length))


def grid(points: FloatArray, wrap_rows: bool = False, wrap_columns: bool = False) -> Mesh:
    """Return the surface through (R, C, 3) points; seen from outside, columns run to the right and rows up.

    Args:
        points: the grid.
        wrap_rows: the last row is joined to the first.
        wrap_columns: the last column is joined to the first.
    """
    rows, columns = points.shape[:2]
    return Mesh(points.reshape(-1, 3), grid_faces(rows, columns, wrap_rows, wrap_columns))


def grid_faces(rows: int, columns: int, wrap_rows: bool = False, wrap_columns: bool = False) -> Faces:
    """Return the triangles of a grid of vertices, numbered row by row."""
    row, column = np.meshgrid(np.arange(rows - (not wrap_rows)), np.arange(columns - (not wrap_columns)), indexing="ij")
    here, right = row * columns + column, row * columns + (column + 1) % columns
    up = (row + 1) % rows * columns + column
    across = (row + 1) % rows * columns + (column + 1) % columns
    lower, upper = np.stack([here, right, across], axis=-1), np.stack([here, across, up], axis=-1)
    return np.stack([lower, upper], axis=2).reshape(-1, 3).astype(np.int32)


def capped_tube(rings: FloatArray) -> Mesh:
    """Return the closed surface through (R, C, 3) rings, counter-clockwise about the way from first to last."""
    count, columns = rings.shape[:2]
    tube = grid(rings, wrap_columns=True)
    ends = np.stack([rings[0].mean(axis=0), rings[-1].mean(axis=0)])
    first, last = count * columns, count * columns + 1
    around = np.arange(columns)
    following = (around + 1) % columns
    bottom = np.stack([np.full(columns, first), following, around], axis=1)
    above = (count - 1) * columns
    top = np.stack([np.full(columns, last), around + above, following + above], axis=1)
    return Mesh(np.concatenate([tube.vertices, ends]), np.concatenate([tube.faces, bottom, top]).astype(np.int32))


def join(meshes: list[Mesh], first: int = 0) -> Mesh:
    """Return one mesh whose vertex indices begin at `first`."""
    faces, start = [], first
    for mesh in meshes:
        faces.append(mesh.faces + start)
        start += len(mesh.vertices)
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces).astype(np.int32))
