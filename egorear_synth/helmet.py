"""The rig itself: a shell on the head, a housing behind every lens and a frame that carries them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.transforms import transform_points
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.body import Body

RIG_PARTS = ("helmet", "cameras")

SHELL_GAP_M = 0.008
"""Between hair and shell."""

SHELL_ROWS, SHELL_COLUMNS = 8, 28
RIM_FRONT, RIM_BACK = 0.30, -0.15
"""Sine of the elevation of the shell's rim, seen from the head's centre."""

HOUSING_M = (0.012, 0.035, 0.004)
"""Half width and length of a housing, and its distance behind the camera centre."""

FRAME_M = 0.005
"""Half thickness of the frame."""

Mesh = tuple[FloatArray, NDArray[np.int32]]

_BOX_FACES = np.array(
    [
        [0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4],
        [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5],
    ],
    dtype=np.int32,
)  # fmt: skip


def wear_rig(body: Body, vertices: FloatArray, rig: Rig, T_rest_device: FloatArray) -> tuple[Body, FloatArray]:
    """Return the body with the rig as a further part that moves with the head, and its vertices.

    Args:
        body: who wears it.
        vertices: (N, 3) at rest, dressed, m.
        rig: the cameras.
        T_rest_device: where the rig sits.
    """
    shell = _shell(body, vertices)
    meshes, backs = [shell], []
    for camera in rig.cameras:
        T_rest_camera = T_rest_device @ camera.T_device_camera
        width, length, gap = HOUSING_M
        meshes.append(_box(T_rest_camera, (0.0, 0.0, -gap - 0.5 * length), (width, width, 0.5 * length)))
        backs.append(transform_points(T_rest_camera, np.array([[0.0, 0.0, -gap - 0.7 * length]]))[0])
    # The frame is behind the lenses, where they do not see it, and carried by one post.
    hub = np.mean(backs, axis=0)
    meshes += [_rod(back, hub) for back in backs]
    meshes.append(_rod(hub, _crown_point(shell[0], hub)))
    added, faces = _join(meshes, len(vertices))
    parts = np.where(np.arange(len(faces)) < len(shell[1]), len(body.part_names), len(body.part_names) + 1)
    weights = np.zeros((len(added), len(body.bone_names)))
    weights[:, body.bone("head")] = 1.0
    everything = np.concatenate([vertices, added])
    worn = replace(
        body,
        vertices=np.concatenate([body.vertices, added]),
        faces=np.concatenate([body.faces, faces]).astype(np.int32),
        face_parts=np.concatenate([body.face_parts, parts.astype(np.uint8)]),
        part_names=(*body.part_names, *RIG_PARTS),
        skin_weights=np.concatenate([body.skin_weights, weights]),
    )
    return worn, everything


def _shell(body: Body, vertices: FloatArray) -> Mesh:
    """Return a dome around the hair, above a rim that falls to the back."""
    scalp = body.part_names.index("scalp")
    hair = vertices[np.unique(body.faces[body.face_parts == scalp])]
    low, high = hair.min(axis=0), hair.max(axis=0)
    centre = np.array([0.5 * (low[0] + high[0]), 0.0, body.head_joint[2]])
    around = np.linspace(0, 2 * np.pi, SHELL_COLUMNS, endpoint=False)
    rim = np.arcsin(RIM_BACK + (RIM_FRONT - RIM_BACK) * (0.5 + 0.5 * np.cos(around)))
    elevation = rim + np.linspace(0, 1, SHELL_ROWS + 1)[:-1, None] * (np.pi / 2 - rim)
    flat = np.stack(
        [np.cos(elevation) * np.cos(around), np.cos(elevation) * np.sin(around), np.sin(elevation)], axis=-1
    )
    directions = np.concatenate([flat.reshape(-1, 3), [[0.0, 0.0, 1.0]]])
    # How far the hair extends in a direction is never less than where it ends there.
    extent = (directions @ (hair - centre).T).max(axis=1)
    return centre + (extent + SHELL_GAP_M)[:, None] * directions, _dome_faces()


def _dome_faces() -> NDArray[np.int32]:
    faces = []
    top = SHELL_ROWS * SHELL_COLUMNS
    for row in range(SHELL_ROWS):
        for column in range(SHELL_COLUMNS):
            a, b = row * SHELL_COLUMNS + column, row * SHELL_COLUMNS + (column + 1) % SHELL_COLUMNS
            if row + 1 == SHELL_ROWS:
                faces.append([a, b, top])
            else:
                faces += [[a, b, b + SHELL_COLUMNS], [a, b + SHELL_COLUMNS, a + SHELL_COLUMNS]]
    return np.array(faces, dtype=np.int32)


def _crown_point(shell: FloatArray, point: FloatArray) -> FloatArray:
    """Return the point of the upper shell that is nearest to a point."""
    upper = shell[shell[:, 2] > 0.5 * (shell[:, 2].min() + shell[:, 2].max())]
    nearest: FloatArray = upper[np.linalg.norm(upper - point, axis=1).argmin()]
    return nearest


def _box(T_rest_box: FloatArray, centre: tuple[float, float, float], half: tuple[float, float, float]) -> Mesh:
    corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64)
    return transform_points(T_rest_box, np.array(centre) + corners * half), _BOX_FACES


def _rod(start: FloatArray, end: FloatArray) -> Mesh:
    along = end - start
    length = float(np.linalg.norm(along))
    z = along / length
    x = np.cross(z, np.eye(3)[np.abs(z).argmin()])
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.stack([x, np.cross(z, x), z], axis=1), start
    return _box(T, (0.0, 0.0, 0.5 * length), (FRAME_M, FRAME_M, 0.5 * length))


def _join(meshes: list[Mesh], first: int) -> Mesh:
    """Return one mesh whose vertex indices begin at `first`."""
    faces, start = [], first
    for points, triangles in meshes:
        faces.append(triangles + start)
        start += len(points)
    return np.concatenate([points for points, _ in meshes]), np.concatenate(faces).astype(np.int32)
