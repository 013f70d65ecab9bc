"""Ray casting of one posed body in a place: first hits, shading and shadows.

Embree finds the triangles; what happens per ray is compiled (`shading`), in single precision.
"""

from typing import TYPE_CHECKING

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bools, Floats32
from egorear_synth.places.light import Light
from egorear_synth.shading import BodyHits, BodyTable, LightRays, Shaded, add_light, aim, shade

if TYPE_CHECKING:
    from egorear_synth.place import Place

Hits = BodyHits


class Scene:
    """A posed body: what moves.

    Args:
        vertices: (N, 3) world, m.
        normals: (N, 3) unit.
        faces: (F, 3).
        face_colours: (F, 3) linear RGB.
    """

    def __init__(
        self, vertices: FloatArray, normals: FloatArray, faces: NDArray[np.int32], face_colours: Floats32
    ) -> None:
        self.vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        self.table = BodyTable(
            np.ascontiguousarray(faces, dtype=np.int32),
            np.ascontiguousarray(normals, dtype=np.float32),
            np.ascontiguousarray(face_colours, dtype=np.float32),
        )
        self.box: Floats32 = np.stack((self.vertices.min(axis=0), self.vertices.max(axis=0)))
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

    def hidden(self, origins: Floats32, directions: Floats32, distances: Floats32) -> Bools:
        """Return (M,) whether the body is nearer than a distance, on rays with unit directions."""
        return np.asarray(self._scene.run(origins, directions, dists=distances, query="OCCLUDED") >= 0)


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
    origins = np.ascontiguousarray(np.broadcast_to(start, directions.shape))
    still = surfaces.first_hits(origins, directions)
    body = scene.first_hits(origins, directions, still.distance)
    shaded = Shaded(*np.empty((4, count, 3), dtype=np.float32))
    shade(
        start,
        directions,
        np.float32(spread),
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
    rays = _room_for(count)
    for light in place.lights:
        _light_up(scene, place, light, directions, shaded, rays)
    return shaded.colours


def _room_for(count: int) -> LightRays:
    (origins, directions), (distances, weights) = np.empty((2, count, 3), np.float32), np.empty((2, count), np.float32)
    return LightRays(
        origins, directions, distances, weights, np.empty(count, dtype=np.int32), np.empty(count, dtype=bool)
    )


def _light_up(
    scene: Scene, place: "Place", light: Light, directions: Floats32, shaded: Shaded, rays: LightRays
) -> None:
    count = aim(directions, shaded, light.position, light.is_lamp, np.float32(light.radius), scene.box, rays)
    origins, towards, distances = rays.origins[:count], rays.directions[:count], rays.distances[:count]
    hidden = place.surfaces.hidden(origins, towards, distances)
    near = np.flatnonzero(rays.near_body[:count] & ~hidden)
    hidden[near] = scene.hidden(origins[near], towards[near], distances[near])
    add_light(shaded, rays, hidden, light.strength)
