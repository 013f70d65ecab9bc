"""What a pixel should show, found by trying every triangle, in double precision and with nothing of the renderers."""

import numpy as np
from numpy.typing import NDArray

from egorear_synth.places.light import Light

Array = NDArray[np.float64]


def nearest(origin: Array, ray: Array, triangles: Array) -> tuple[float, int, Array]:
    """Return distance, index and the weights of the corners of the first of (F, 3, 3) triangles on a ray.

    Source: Moeller and Trumbore, 1997.
    """
    first, one, two = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    across = np.cross(ray, two)
    determinant = (one * across).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = origin - first
        u = (away * across).sum(axis=1) / determinant
        up = np.cross(away, one)
        v = up @ ray / determinant
        distance = (two * up).sum(axis=1) / determinant
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    distances = np.where(inside, distance, np.inf)
    face = int(distances.argmin())
    return float(distances[face]), face, np.array([1 - u[face] - v[face], u[face], v[face]])


def colour_along(
    origin: Array,
    ray: Array,
    triangles: Array,
    corner_normals: Array,
    albedo: Array,
    lights: tuple[Light, ...],
    ambient: float,
) -> tuple[Array, float] | None:
    """Return the light that comes along a ray, and how near the nearest edge of light and shadow is; None: nothing met.

    Args:
        origin: (3,) m.
        ray: (3,) unit.
        triangles: (F, 3, 3) of everything, m.
        corner_normals: (F, 3, 3) unit, at the corners.
        albedo: (F, 3) linear RGB.
        lights: sharp ones.
        ambient: irradiance from all sides.
    """
    distance, face, weights = nearest(origin, ray, triangles)
    if not np.isfinite(distance):
        return None
    normal = weights @ corner_normals[face]
    normal /= np.linalg.norm(normal)
    point = origin + distance * ray + 0.004 * normal
    light, margin = np.full(3, ambient), float(weights.min())
    for one in lights:
        towards = one.position.astype(float) - (point if one.is_lamp else 0.0)
        length = float(np.linalg.norm(towards))
        cosine = float(normal @ towards) / length
        margin = min(margin, abs(cosine))
        blocked, _, where = nearest(point, towards / length, triangles)
        in_the_way = blocked < (length if one.is_lamp else np.inf)
        if in_the_way:
            margin = min(margin, float(where.min()))
        elif cosine > 0:
            light = light + cosine / (length**2 if one.is_lamp else 1.0) * one.strength
    return albedo[face] * light, margin
