"""What stands still in a place: flat, textured patches, and the rays that hit them."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bools, Floats32, Ints32
from egorear_synth.culling import balls_on, directions_to, nowhere
from egorear_synth.places.texture import Texture, TexturePool, pool_textures


@dataclass(frozen=True, eq=False)
class Look:
    """The surface of an object.

    Attributes:
        texture: repeats across the surface.
        tint: linear RGB by which the texture is multiplied.
        glow: light that the surface sends out, against the light that a white, lit surface reflects.
    """

    texture: Texture
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    glow: float = 0.0


class Shadow(IntEnum):
    """From which lights something keeps the light.

    A room's walls and ceiling do so from the sun alone: lamps are inside, where no wall is between two points.
    """

    NONE = 0
    SUN = 1
    EVERY = 2


class PatchTable(NamedTuple):
    """P flat patches for compiled code.

    Attributes:
        normals: (P, 3) unit.
        across: (P, 4) a, b, c, d: a x + b y + c z + d is a point's place in its texture, in repeats, to the right.
        along: (P, 4) the same downwards.
        repeats: (P,) size of one repeat, m: the geometric mean of width and height.
        tints: (P, 3) linear RGB.
        glows: (P,) see `Look.glow`.
        textures: (P,) index of the texture.
    """

    normals: Floats32
    across: Floats32
    along: Floats32
    repeats: Floats32
    tints: Floats32
    glows: Floats32
    textures: Ints32


@dataclass(frozen=True, eq=False)
class StaticHits:
    """First hits of M rays with a place.

    Attributes:
        distance: (M,) m; infinite without a hit.
        face: (M,) index of the triangle; -1 without a hit.
    """

    distance: Floats32
    face: Ints32


class Surfaces:
    """Everything that stands still, ready for rays.

    Args:
        corners: (Q, 4, 3) world, m: the corners of quadrilaterals, in order.
        patches: (Q,) which patch each of them is part of.
        shadows: (Q,) `Shadow` of each.
        table: the patches.
        textures: the patches' textures.
    """

    def __init__(
        self, corners: FloatArray, patches: Ints32, shadows: Ints32, table: PatchTable, textures: list[Texture]
    ) -> None:
        self.corners, self.shadows = corners, shadows
        self.face_patches: Ints32 = np.repeat(patches, 2)
        self.table = table
        self.pool: TexturePool = pool_textures(textures)
        self.vertices, self.faces = _triangles(corners)
        self._seen = _tree(self.vertices, self.faces)
        self._shadowing = {
            is_lamp: _tree(*triangles) if (triangles := self.shadowing(is_lamp)) else None for is_lamp in (False, True)
        }

    def first_hits(self, origins: Floats32, directions: Floats32) -> StaticHits:
        """Return the first hits of (M, 3) rays with unit directions."""
        found = self._seen.run(origins, directions, output=1)
        face = found["primID"]
        return StaticHits(np.where(face < 0, np.float32(np.inf), found["tfar"]), face)

    def shadowing(self, is_lamp: bool) -> tuple[Floats32, Ints32] | None:
        """Return the vertices, (N, 3) m, and (F, 3) faces of what keeps the light of a lamp, or of the sun; or None."""
        chosen = self.shadows >= (Shadow.EVERY if is_lamp else Shadow.SUN)
        return _triangles(self.corners[chosen]) if chosen.any() else None

    def obstacles(self, origins: Floats32, directions: Floats32, distances: Floats32, is_lamp: bool) -> Ints32:
        """Return (M,) a triangle that is in the way to a light, or -1.

        Args:
            origins: (M, 3) world, m.
            directions: (M, 3) unit.
            distances: (M,) to the light, m.
            is_lamp: whether it is a lamp, or the sun.
        """
        tree = self._shadowing[is_lamp]
        if tree is None:
            return np.full(len(origins), -1, dtype=np.int32)
        return tree.run(origins, directions, dists=distances, query="OCCLUDED")

    def directions_from(self, point: Floats32, margin: float) -> Bools:
        """Return the directions from a lamp in which something casts shadows, if it were larger by a margin, m."""
        shadowing = self.corners[self.shadows == Shadow.EVERY]
        return directions_to(point, balls_on(shadowing), margin) if len(shadowing) else nowhere()


def _triangles(corners: FloatArray) -> tuple[Floats32, Ints32]:
    first = 4 * np.arange(len(corners), dtype=np.int32)[:, None]
    faces = first + np.array([[0, 1, 2, 0, 2, 3]], dtype=np.int32)
    return np.ascontiguousarray(corners.reshape(-1, 3), dtype=np.float32), faces.reshape(-1, 3)


def _tree(vertices: Floats32, faces: Ints32) -> EmbreeScene:
    scene = EmbreeScene()
    TriangleMesh(scene, vertices, faces)
    # The first query builds the tree; later ones may come from several threads.
    scene.run(np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32), query="OCCLUDED")
    return scene
