"""Ray casting of one posed body on a floor: first hits, shading and shadows.

Embree finds the triangles; everything per pixel is NumPy on whole views, in single precision.
"""

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.floor import Floats32, Floor

SURFACE_OFFSET = 0.004
"""Shadow rays start this far above a surface, m, or they would hit it again."""

HORIZON_M = 12.0
"""Distance at which the floor has faded to the horizon's colour by about two thirds."""


@dataclass(frozen=True)
class Light:
    """One distant light and the sky.

    Attributes:
        direction: (3,) unit vector towards the light.
        strength: of the light, against the sky's ambient light of `ambient`.
        ambient: light from all sides.
        horizon, zenith: linear RGB of the background.
    """

    direction: tuple[float, float, float]
    strength: float
    ambient: float
    horizon: tuple[float, float, float]
    zenith: tuple[float, float, float]


def make_light(rng: np.random.Generator) -> Light:
    """Return a random light, never so low that shadows cover the whole view."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(45, 75))
    direction = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    ambient = rng.uniform(0.35, 0.5)
    grey = rng.uniform(0.4, 0.7)
    horizon = (grey, grey * 1.02, grey * 1.05)
    return Light(direction, 1.35 - ambient, ambient, horizon, (0.5 * grey, 0.65 * grey, grey))


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of M rays with the body.

    Attributes:
        distance: (M,) m; infinite without a hit.
        face: (M,) index of the triangle; -1 without a hit.
        u, v: (M,) barycentric weights of the triangle's second and third corner.
    """

    distance: Floats32
    face: NDArray[np.int32]
    u: Floats32
    v: Floats32


class Scene:
    """A posed body: what rays can hit beside the floor.

    Args:
        vertices: (N, 3) world, m.
        normals: (N, 3) unit.
        faces: (F, 3).
        face_colours: (F, 3) linear RGB.
    """

    def __init__(
        self,
        vertices: FloatArray | Floats32,
        normals: FloatArray | Floats32,
        faces: NDArray[np.int32],
        face_colours: Floats32,
    ) -> None:
        self.vertices = vertices.astype(np.float32)
        self._normals = normals.astype(np.float32)
        self._faces = faces
        self._face_colours = face_colours
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, self.vertices, faces)
        # The first query builds the tree; later ones may come from several threads.
        self.first_hits(np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32))

    def first_hits(self, origins: Floats32, directions: Floats32) -> Hits:
        """Return the first hits of (M, 3) rays with unit directions."""
        found = self._scene.run(origins, directions, output=1)
        missed = found["primID"] < 0
        distance = np.where(missed, np.float32(np.inf), found["tfar"])
        return Hits(distance, found["primID"], found["u"], found["v"])

    def shadowed(self, points: Floats32, direction: Floats32) -> NDArray[np.bool_]:
        """Return for (M, 3) points whether the body hides what lies in `direction` of them."""
        rays = np.ascontiguousarray(np.broadcast_to(direction, points.shape))
        return np.asarray(self._scene.run(np.ascontiguousarray(points), rays, query="OCCLUDED") >= 0)

    def floor_shadowed(self, x: Floats32, y: Floats32, direction: Floats32) -> NDArray[np.bool_]:
        """Return for (M,) points of the floor whether the body hides what lies in `direction` of them."""
        # Only the rectangle around the shadow is asked for ray by ray.
        cast = self.vertices[:, :2] - self.vertices[:, 2:] * (direction[:2] / direction[2])
        (west, south), (east, north) = cast.min(axis=0), cast.max(axis=0)
        near = np.flatnonzero((x > west) & (x < east) & (y > south) & (y < north))
        result = np.zeros(len(x), dtype=bool)
        if near.size:
            points = np.stack((x[near], y[near], np.full(near.size, SURFACE_OFFSET, dtype=np.float32)), axis=1)
            result[near] = self.shadowed(points, direction)
        return result

    def surface(self, hits: Hits, chosen: NDArray[np.intp]) -> tuple[Floats32, Floats32]:
        """Return smooth normals and colours, (K, 3) each, of the chosen hits."""
        face = hits.face[chosen]
        corners = self._normals[self._faces[face]]
        u, v = hits.u[chosen, None], hits.v[chosen, None]
        normals = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
        normals /= np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None]
        return normals, self._face_colours[face]


def render_rays(
    scene: Scene, floor: Floor, light: Light, origin: FloatArray, directions: Floats32, spread: float
) -> Floats32:
    """Return the (M, 3) linear RGB seen along rays from one point.

    Args:
        scene: the posed body.
        floor: z = 0.
        light: light and background.
        origin: (3,) world, m.
        directions: (M, 3) unit, world.
        spread: angle between neighbouring rays, rad.
    """
    start = origin.astype(np.float32)
    hits = scene.first_hits(np.ascontiguousarray(np.broadcast_to(start, directions.shape)), directions)
    down = np.ascontiguousarray(directions[:, 2])
    to_floor = np.where(down < -1e-4, -start[2] / np.minimum(down, -1e-4), np.float32(np.inf))
    is_body = hits.distance < to_floor
    is_floor = ~is_body & (to_floor < 20 * HORIZON_M) & (to_floor > 0)
    body, ground, sky = np.flatnonzero(is_body), np.flatnonzero(is_floor), np.flatnonzero(~(is_body | is_floor))
    colours = np.empty_like(directions)
    colours[sky] = _background(light, down[sky])
    colours[ground] = _shade_floor(scene, floor, light, start, directions[ground], to_floor[ground], spread)
    points = start + hits.distance[body, None] * directions[body]
    colours[body] = _shade_body(scene, light, hits, body, points)
    return colours


def _direction(light: Light) -> Floats32:
    return np.array(light.direction, dtype=np.float32)


def _shade_body(scene: Scene, light: Light, hits: Hits, chosen: NDArray[np.intp], points: Floats32) -> Floats32:
    normals, colours = scene.surface(hits, chosen)
    direction = _direction(light)
    facing = normals @ direction
    lit = np.flatnonzero(facing > 0)
    shadow = scene.shadowed(points[lit] + np.float32(SURFACE_OFFSET) * normals[lit], direction)
    sun = np.zeros(len(points), dtype=np.float32)
    sun[lit] = np.float32(light.strength) * facing[lit] * ~shadow
    # Surfaces that look up see the sky, those that look down the darker floor.
    ambient = np.float32(light.ambient) * (np.float32(0.75) + np.float32(0.25) * normals[:, 2])
    return colours * (sun + ambient)[:, None]


def _shade_floor(
    scene: Scene, floor: Floor, light: Light, start: Floats32, directions: Floats32, distance: Floats32, spread: float
) -> Floats32:
    x, y = start[0] + distance * directions[:, 0], start[1] + distance * directions[:, 1]
    # Oblique rays cover more floor; the mean of both directions keeps texture without flicker.
    footprint = np.float32(spread) * distance / np.sqrt(-directions[:, 2])
    sun = np.float32(light.strength * light.direction[2]) * ~scene.floor_shadowed(x, y, _direction(light))
    haze = 1.0 - np.exp(-((distance / np.float32(HORIZON_M)) ** 2))
    lit = floor.colours(x, y, footprint) * ((sun + np.float32(light.ambient)) * (1.0 - haze))[:, None]
    return lit + haze[:, None] * np.array(light.horizon, dtype=np.float32)


def _background(light: Light, upwards: Floats32) -> Floats32:
    height = np.clip(upwards, 0.0, 1.0)[:, None]
    horizon, zenith = np.array(light.horizon, dtype=np.float32), np.array(light.zenith, dtype=np.float32)
    return horizon + height * (zenith - horizon)
