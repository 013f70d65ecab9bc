"""Ray casting of one posed body in a place: first hits, shading and shadows.

Embree finds the triangles; what happens per ray is compiled (`shading`), in single precision.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bools, Bytes, Floats32, Ints32
from egorear_synth.camera.finish import ViewCamera, finish
from egorear_synth.culling import balls_around, choose, directions_to_mesh
from egorear_synth.rendering import Exposure, Shot
from egorear_synth.shading import BodyHits, BodyTable, LightRays, Shaded, add_light, aim, mark, pick, shade
from egorear_synth.skin import Skin

if TYPE_CHECKING:
    from egorear_synth.body import Body
    from egorear_synth.place import Place

Hits = BodyHits

KEPT_CELLS = 16
"""Points from which it is known in which directions the body is: cameras and lamps."""

BLOCK_RAYS = 32768
"""Blocks that fit the processor's cache are much faster than a large image at once."""


class Scene:
    """A posed body: what moves.

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
        self.vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        self.table = BodyTable(
            np.ascontiguousarray(faces, dtype=np.int32),
            np.ascontiguousarray(normals, dtype=np.float32),
            np.ascontiguousarray(face_colours, dtype=np.float32),
        )
        self.box: Floats32 = np.stack((self.vertices.min(axis=0), self.vertices.max(axis=0)))
        self._balls = balls_around(self.vertices, self.table.faces)
        self._cells: dict[tuple[bytes, float], Bools] = {}
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, self.vertices, self.table.faces)
        # The first query builds the tree; later ones may come from several threads.
        self.first_hits(np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32))

    def first_hits(self, origins: Floats32, directions: Floats32, nearer_than: Floats32 | None = None) -> Hits:
        """Return the first hits of (M, 3) rays with unit directions, if wanted only those nearer than (M,) m."""
        # Embree's wrapper overwrites the limits with what it finds.
        limits = None if nearer_than is None else nearer_than.copy()
        found = self._scene.run(origins, directions, dists=limits, output=1)
        distance = np.where(found["primID"] < 0, np.float32(np.inf), found["tfar"])
        return Hits(distance, found["primID"], found["u"], found["v"])

    def obstacles(self, origins: Floats32, directions: Floats32, distances: Floats32) -> Ints32:
        """Return (M,) a triangle that is nearer than a distance, on rays with unit directions, or -1."""
        return self._scene.run(origins, directions, dists=distances, query="OCCLUDED")

    def directions_from(self, point: Floats32, margin: float = 0.0) -> Bools:
        """Return the directions from a point in which the body is, if it were larger by a margin, m; see `culling`."""
        key = (point.tobytes(), margin)
        cells = self._cells.get(key)
        if cells is None:
            cells = directions_to_mesh(point, self.vertices, self.table.faces, self._balls, margin)
            if len(self._cells) < KEPT_CELLS:
                self._cells[key] = cells
        return cells


class EmbreeRenderer:
    """The renderer of `rendering.RendererChoice` on the processor; safe to use from several threads.

    Args:
        body: dressed, with the rig on.
        face_colours: (F, 3) linear RGB of its faces.
        place: everything else.
    """

    def __init__(self, body: "Body", face_colours: Floats32, place: "Place") -> None:
        self._body, self._face_colours, self._place = body, face_colours, place
        self._skin = Skin(body)

    def pose(self, T_world_rest: FloatArray) -> Scene:
        """Return the posed body; see `rendering.Renderer`."""
        vertices, normals = self._skin.posed(T_world_rest, self._body.vertices)
        return Scene(vertices, normals, self._body.faces, self._face_colours)

    def light(self, exposure: Exposure[Scene]) -> list[Floats32]:
        """Return the (M, 3) mean radiance of each shot's pixels; see `rendering.Renderer`."""
        return [self._shot_light(exposure, shot) for shot in exposure.shots]

    def photographs(self, exposure: Exposure[Scene], cameras: Sequence[ViewCamera]) -> list[Bytes]:
        """Return the (M, 3) sRGB values of each shot's pixels; see `rendering.Renderer`."""
        return [
            finish(self._shot_light(exposure, shot), shot.rays, camera, shot.rng)
            for shot, camera in zip(exposure.shots, cameras, strict=True)
        ]

    def _shot_light(self, exposure: Exposure[Scene], shot: Shot) -> Floats32:
        light = np.zeros((len(shot.rays.places), 3), dtype=np.float32)
        spread = shot.rays.spread / exposure.samples
        for moment, offsets in exposure.passes(shot):
            scene, T_world_camera = exposure.bodies[moment], shot.T_world_camera[moment]
            for begin in range(0, len(light), BLOCK_RAYS):
                part = slice(begin, begin + BLOCK_RAYS)
                places = None if offsets is None else offsets[:, part]
                directions = shot.rays.directions(part, places, T_world_camera[:3, :3])
                light[part] += render_rays(scene, self._place, T_world_camera[:3, 3], directions, spread)
        light *= np.float32(1.0 / exposure.samples**2)
        return light


def render_rays(scene: Scene, place: "Place", origin: FloatArray, directions: Floats32, spread: float) -> Floats32:
    """Return the (M, 3) linear RGB seen along rays from one point.

    Some ten thousand rays at a time are fastest: what is kept of them then fits the processor's cache.

    Args:
        scene: the posed body.
        place: everything else.
        origin: (3,) world, m.
        directions: (M, 3) unit, world.
        spread: angle between neighbouring rays, rad.
    """
    count, surfaces = len(directions), place.surfaces
    directions = np.ascontiguousarray(directions, dtype=np.float32)
    start = np.asarray(origin, dtype=np.float32)
    origins = np.empty_like(directions)
    origins[:] = start
    still = surfaces.first_hits(origins, directions)
    rays, picked = _room_for(count), _room_for(count)
    chosen = np.empty(count, dtype=np.int32)
    near = choose(directions, scene.directions_from(start), still.distance, chosen, rays.directions, rays.distances)
    body = scene.first_hits(origins[:near], rays.directions[:near], rays.distances[:near])
    shaded = Shaded(*np.empty((4, count, 3), dtype=np.float32))
    shade(
        start,
        directions,
        np.float32(spread),
        chosen,
        body,
        scene.table,
        still.distance,
        still.face,
        surfaces.face_patches,
        surfaces.table,
        surfaces.pool,
        place.ambience,
        shaded,
    )
    for light, static_cells in zip(place.lights, place.lamp_cells, strict=True):
        body_cells = scene.directions_from(light.position, light.reach) if light.is_lamp else static_cells
        number = aim(
            directions,
            shaded,
            light.position,
            light.is_lamp,
            np.float32(light.radius),
            static_cells,
            body_cells,
            scene.box,
            rays,
        )
        add_light(shaded, rays, _hidden(scene, place, light.is_lamp, rays, picked, number), light.strength)
    return shaded.colours


def _hidden(scene: Scene, place: "Place", is_lamp: bool, rays: LightRays, picked: LightRays, count: int) -> Bools:
    """Return (K,) whether something is in the way of each of the first K rays towards a light."""
    hidden = np.zeros(count, dtype=bool)
    number = pick(rays, rays.near_static, hidden, picked)
    if number:
        found = place.surfaces.obstacles(*_first(picked, number), is_lamp)
        mark(hidden, picked.rays, found)
    number = pick(rays, rays.near_body, hidden, picked)
    if number:
        mark(hidden, picked.rays, scene.obstacles(*_first(picked, number)))
    return hidden


def _first(rays: LightRays, count: int) -> tuple[Floats32, Floats32, Floats32]:
    return rays.origins[:count], rays.directions[:count], rays.distances[:count]


def _room_for(count: int) -> LightRays:
    (origins, directions), (distances, weights) = np.empty((2, count, 3), np.float32), np.empty((2, count), np.float32)
    near_static, near_body = np.empty((2, count), dtype=bool)
    return LightRays(origins, directions, distances, weights, np.empty(count, dtype=np.int32), near_static, near_body)
