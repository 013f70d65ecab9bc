"""How far a set of points reaches in a direction: the radius of its convex hull."""

import numpy as np

from egorear_ros.structures import FloatArray


def hull_radius(points: FloatArray, directions: FloatArray, normals: FloatArray) -> FloatArray:
    """Return (M,) distances from the origin to the convex hull of points, m.

    The hull is the intersection of the half spaces across `normals`, so it is never too small and
    rounder corners need more normals.

    Args:
        points: (N, D) around the origin, which must be inside their hull.
        directions: (M, D) unit.
        normals: (K, D) unit, from all sides.
    """
    reach = np.maximum((normals @ points.T).max(axis=1), 1e-6)
    towards = directions @ normals.T
    return np.where(towards > 1e-3, reach / np.maximum(towards, 1e-3), np.inf).min(axis=1)


def circle_directions(count: int) -> FloatArray:
    """Return (count, 2) unit vectors, evenly around, beginning along the first axis."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def sphere_directions(count: int) -> FloatArray:
    """Return (count, 3) unit vectors, nearly evenly over the sphere (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = np.pi * (1 + np.sqrt(5)) * index
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)
