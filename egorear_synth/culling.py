"""Which directions from a point can meet something at all: the others need no ray.

The things are wrapped in balls, and the balls are drawn onto a coarse cube around the point. A direction whose cell
stayed empty meets nothing; the reverse does not hold.
"""

import math

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bools, Floats32, Ints32
from egorear_synth.compiled import compiled

VOXEL_M = 0.06
CELLS = 32
"""Along each edge of the cube's faces."""

MAX_VOXELS = 64
"""Along each axis: a mesh that spreads over many metres gets larger ones."""

NEAR_M = 0.3
"""Around a point on the body, the body is taken triangle by triangle."""

PIECES = 64
"""Of one triangle that wait at the same time."""

PIECE_M = 0.25
"""Large rectangles are held by several balls."""


def balls_around(vertices: Floats32, faces: Ints32) -> Floats32:
    """Return (K, 4) centres and radii, m, of balls that hold a mesh's (F, 3) triangles."""
    low = vertices.min(axis=0) - np.float32(1e-4)
    extent = vertices.max(axis=0) - low
    voxel = np.float32(max(VOXEL_M, float(extent.max()) / MAX_VOXELS))
    filled = np.zeros((np.floor(extent / voxel).astype(int) + 2).tolist(), dtype=bool)
    _fill(vertices, faces, low, np.float32(1.0) / voxel, filled)
    centres = (np.argwhere(filled) + 0.5) * voxel + low
    return np.column_stack((centres, np.full(len(centres), 0.5 * np.sqrt(3.0) * voxel))).astype(np.float32)


def balls_on(corners: FloatArray) -> Floats32:
    """Return (K, 4) centres and radii, m, of balls that hold (Q, 4, 3) rectangles."""
    balls = []
    for first, second, third, fourth in corners:
        right, down = second - first, fourth - first
        columns, rows = (max(round(float(np.linalg.norm(edge)) / PIECE_M), 1) for edge in (right, down))
        u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
        # A quadrilateral that is no parallelogram reaches farther than its first three corners say.
        radius = 0.5 * np.hypot(np.linalg.norm(right) / columns, np.linalg.norm(down) / rows)
        radius += np.linalg.norm(first + right + down - third)
        centres = first + u[..., None] * right + v[..., None] * down
        balls.append(np.column_stack((centres.reshape(-1, 3), np.full(u.size, radius))))
    return np.concatenate(balls).astype(np.float32)


def directions_to(centre: Floats32, balls: Floats32, margin: float) -> Bools:
    """Return (6, CELLS, CELLS) whether directions from a point can meet balls that are larger by a margin, m."""
    cells = np.zeros((6, CELLS, CELLS), dtype=bool)
    _draw(np.asarray(centre, dtype=np.float32), balls, np.float32(margin), cells)
    return cells


def directions_to_mesh(centre: Floats32, vertices: Floats32, faces: Ints32, balls: Floats32, margin: float) -> Bools:
    """Return the same for a mesh, given the balls around it, where the point may be within some of these.

    Args:
        centre: (3,) m.
        vertices: (N, 3) m.
        faces: (F, 3).
        balls: `balls_around` them.
        margin: m.
    """
    centre = np.asarray(centre, dtype=np.float32)
    beyond = np.sqrt(((balls[:, :3] - centre) ** 2).sum(axis=1)) + balls[:, 3] > NEAR_M
    cells = directions_to(centre, balls[beyond], margin)
    _draw_near(centre, vertices, faces, np.float32(margin), cells)
    return cells


def nowhere() -> Bools:
    """Return cells of a point around which there is nothing."""
    return np.zeros((6, CELLS, CELLS), dtype=bool)


@compiled
def _fill(vertices: Floats32, faces: Ints32, low: Floats32, scale: float, filled: Bools) -> None:
    """Mark the voxels in the box around each triangle."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for face in range(len(faces)):
        for c in range(3):
            a, b, d = vertices[faces[face, 0], c], vertices[faces[face, 1], c], vertices[faces[face, 2], c]
            first[c] = np.int64((min(a, b, d) - low[c]) * scale)
            last[c] = np.int64((max(a, b, d) - low[c]) * scale)
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    filled[i, j, k] = True


@compiled
def _cell_range(sideways: float, ahead: float, sine: float) -> tuple[int, int]:
    """Return first and last cell along one axis of a cube's face that a cone covers; the first is larger if none.

    Args:
        sideways: of the cone's unit axis, along the cells.
        ahead: of the cone's unit axis, towards the face.
        sine: of the cone's half angle.
    """
    across = sideways * sideways + ahead * ahead
    if across <= sine * sine:
        return 0, CELLS - 1
    low, high = np.float32(-1.0), np.float32(1.0)
    if ahead > 0:
        # Tangents of the axis' angle to the face's middle, less and more the half angle that the cone seems to have.
        cosine = math.sqrt(across - sine * sine)
        left, right = ahead * cosine + sideways * sine, ahead * cosine - sideways * sine
        if left > 0:
            low = (sideways * cosine - ahead * sine) / left
        if right > 0:
            high = (sideways * cosine + ahead * sine) / right
    # Some margin makes up for rounding.
    first = int((max(low, np.float32(-1.0)) + 1) * np.float32(0.5 * CELLS) - np.float32(1e-3))
    last = int((min(high, np.float32(1.0)) + 1) * np.float32(0.5 * CELLS) + np.float32(1e-3))
    if low > 1 or high < -1:
        return 1, 0
    return max(first, 0), min(last, CELLS - 1)


@compiled
def _draw_ball(x: float, y: float, z: float, sine: float, cells: Bools) -> None:
    """Mark the cells of a cone, given its unit axis and the sine of its half angle."""
    for face in range(6):
        ahead, u, v = (x, y, z) if face < 2 else ((y, z, x) if face < 4 else (z, x, y))
        if face % 2:
            ahead = -ahead
        # The face's corners are 54.8 degrees off its middle: a narrow cone whose axis is farther off is not on it.
        if (sine < 0.31 and ahead < 0.29) or (sine < 0.5 and ahead < 0.08):
            continue
        left, right = _cell_range(u, ahead, sine)
        top, bottom = _cell_range(v, ahead, sine)
        for i in range(left, right + 1):
            for j in range(top, bottom + 1):
                cells[face, i, j] = True


@compiled
def _draw(centre: Floats32, balls: Floats32, margin: float, cells: Bools) -> None:
    for ball in range(len(balls)):
        x, y, z = balls[ball, 0] - centre[0], balls[ball, 1] - centre[1], balls[ball, 2] - centre[2]
        distance = math.sqrt(x * x + y * y + z * z)
        radius = balls[ball, 3] + margin
        if distance <= radius * 1.001:
            cells[:] = True
            return
        _draw_ball(x / distance, y / distance, z / distance, radius / distance, cells)


@compiled
def _draw_near(centre: Floats32, vertices: Floats32, faces: Ints32, margin: float, cells: Bools) -> None:
    """Mark the cells of triangles that have points within `NEAR_M`, each in pieces that look small from the centre."""
    waiting = np.empty((PIECES, 9), dtype=np.float32)
    third, half = np.float32(1.0 / 3.0), np.float32(0.5)
    for face in range(len(faces)):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        piece = waiting[0]
        for c in range(3):
            piece[c] = vertices[i, c] - centre[c]
            piece[3 + c], piece[6 + c] = vertices[j, c] - centre[c], vertices[k, c] - centre[c]
        count = 1
        while count:
            count -= 1
            piece = waiting[count]
            x, y, z = (
                (piece[0] + piece[3] + piece[6]),
                (piece[1] + piece[4] + piece[7]),
                (piece[2] + piece[5] + piece[8]),
            )
            x, y, z = x * third, y * third, z * third
            squared, distance = np.float32(0.0), math.sqrt(x * x + y * y + z * z)
            for c in range(0, 9, 3):
                across, along, up = piece[c] - x, piece[c + 1] - y, piece[c + 2] - z
                squared = max(squared, across * across + along * along + up * up)
            radius = math.sqrt(squared)
            if distance - radius > np.float32(NEAR_M):
                continue
            radius = radius * np.float32(1.001) + np.float32(1e-5)
            full = count + 4 > PIECES
            if radius < np.float32(0.25) * distance or full:
                radius += margin
                if radius >= distance:
                    cells[:] = True
                    return
                _draw_ball(x / distance, y / distance, z / distance, radius / distance, cells)
            else:
                for c in range(3):
                    first, second, last = piece[c], piece[3 + c], piece[6 + c]
                    one, two, three = half * (first + second), half * (second + last), half * (last + first)
                    waiting[count, 3 + c], waiting[count, 6 + c] = one, three
                    waiting[count + 1, c], waiting[count + 1, 3 + c], waiting[count + 1, 6 + c] = one, second, two
                    waiting[count + 2, c], waiting[count + 2, 3 + c], waiting[count + 2, 6 + c] = three, two, last
                    waiting[count + 3, c], waiting[count + 3, 3 + c], waiting[count + 3, 6 + c] = one, two, three
                count += 4


@compiled
def meets(cells: Bools, x: float, y: float, z: float) -> bool:
    """Return whether a direction, of any length, can meet something."""
    ax, ay, az = abs(x), abs(y), abs(z)
    if ax >= ay and ax >= az:
        face, ahead, u, v = (1 if x < 0 else 0), ax, y, z
    elif ay >= az:
        face, ahead, u, v = (3 if y < 0 else 2), ay, z, x
    else:
        face, ahead, u, v = (5 if z < 0 else 4), az, x, y
    scale = np.float32(0.5 * CELLS) / max(ahead, np.float32(1e-20))
    middle = np.float32(0.5 * CELLS)
    i, j = int(u * scale + middle), int(v * scale + middle)
    return cells[face, min(i, CELLS - 1), min(j, CELLS - 1)]


@compiled
def choose(
    directions: Floats32, cells: Bools, distances: Floats32, chosen: Ints32, rays: Floats32, far: Floats32
) -> int:
    """Copy the rays that can meet something and return their number.

    Args:
        directions: (M, 3).
        cells: of the rays' common beginning.
        distances: (M,) where each ray ends, m.
        chosen: (M,) filled with the place of each ray among those copied, or -1.
        rays: (M, 3) filled with their directions.
        far: (M,) filled with where they end.
    """
    count = 0
    for ray in range(len(directions)):
        d = directions[ray]
        if meets(cells, d[0], d[1], d[2]):
            rays[count, 0], rays[count, 1], rays[count, 2] = d[0], d[1], d[2]
            far[count] = distances[ray]
            chosen[ray] = count
            count += 1
        else:
            chosen[ray] = -1
    return count
