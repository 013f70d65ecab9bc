"""Body and place on a device, as kernels read them: `BodyTable`, `PatchTable`, `TexturePool`, `Ambience` there."""

from typing import TYPE_CHECKING, Any

import numpy as np
import warp as wp

from egorear_synth.arrays import Floats32, Ints32
from egorear_synth.places.texture import LEVELS, LINEAR_OF_SRGB

if TYPE_CHECKING:
    from egorear_synth.place import Place


@wp.struct
class DeviceBody:
    """A posed body; see `shading.BodyTable`."""

    mesh: wp.uint64
    faces: wp.array[wp.int32]
    normals: wp.array[wp.vec3]
    colours: wp.array[wp.vec3]


@wp.struct
class DevicePlace:
    """Everything else: three meshes (0: none), patches, textures, lights and the light from all sides.

    Names are those of `PatchTable`, `TexturePool`, `Light` and `Ambience`.
    """

    seen: wp.uint64
    shadowing_sun: wp.uint64
    shadowing_lamps: wp.uint64
    face_patches: wp.array[wp.int32]
    normals: wp.array[wp.vec3]
    across: wp.array[wp.vec4]
    along: wp.array[wp.vec4]
    repeats: wp.array[wp.float32]
    tints: wp.array[wp.vec3]
    glows: wp.array[wp.float32]
    textures: wp.array[wp.int32]
    texels: wp.array2d[wp.uint8]
    starts: wp.array2d[wp.int32]
    finest: wp.array[wp.int32]
    linear_of_srgb: wp.array[wp.float32]
    positions: wp.array[wp.vec3]
    lamps: wp.array[wp.int32]
    radii: wp.array[wp.float32]
    strengths: wp.array[wp.vec3]
    above: wp.vec3
    below: wp.vec3
    horizon: wp.vec3
    zenith: wp.vec3
    clouds: wp.vec3
    cover: wp.float32
    haze_m: wp.float32
    sky: wp.int32


class PlaceOnDevice:
    """A place, uploaded once.

    Attributes:
        table: for kernels.

    Args:
        place: the place.
        device: where to.
    """

    def __init__(self, place: "Place", device: Any) -> None:
        surfaces, lights, around = place.surfaces, place.lights, place.ambience
        self.table = table = DevicePlace()
        self._meshes = [_mesh(surfaces.vertices, surfaces.faces, device)]
        table.seen = self._meshes[0].id
        for field, is_lamp in (("shadowing_sun", False), ("shadowing_lamps", True)):
            shadowing = surfaces.shadowing(is_lamp)
            if shadowing is not None:
                self._meshes.append(_mesh(*shadowing, device))
                setattr(table, field, self._meshes[-1].id)
        patches, pool = surfaces.table, surfaces.pool
        table.face_patches = wp.array(surfaces.face_patches, dtype=wp.int32, device=device)
        for field, kind in (("normals", wp.vec3), ("across", wp.vec4), ("along", wp.vec4), ("tints", wp.vec3)):
            setattr(table, field, wp.array(getattr(patches, field), dtype=kind, device=device))
        table.repeats = wp.array(patches.repeats, dtype=wp.float32, device=device)
        table.glows = wp.array(patches.glows, dtype=wp.float32, device=device)
        table.textures = wp.array(patches.textures, dtype=wp.int32, device=device)
        table.texels = wp.array(pool.texels, dtype=wp.uint8, device=device)
        table.starts = wp.array(pool.starts.reshape(-1, LEVELS), dtype=wp.int32, device=device)
        table.finest = wp.array(pool.finest, dtype=wp.int32, device=device)
        table.linear_of_srgb = wp.array(LINEAR_OF_SRGB, dtype=wp.float32, device=device)
        positions = np.array([light.position for light in lights], np.float32).reshape(-1, 3)
        strengths = np.array([light.strength for light in lights], np.float32).reshape(-1, 3)
        table.positions = wp.array(positions, dtype=wp.vec3, device=device)
        table.strengths = wp.array(strengths, dtype=wp.vec3, device=device)
        table.lamps = wp.array(np.array([light.is_lamp for light in lights], np.int32), dtype=wp.int32, device=device)
        table.radii = wp.array(np.array([light.radius for light in lights], np.float32), device=device)
        for field in ("above", "below", "horizon", "zenith", "clouds"):
            setattr(table, field, wp.vec3(*getattr(around, field).tolist()))
        table.cover, table.haze_m, table.sky = float(around.cover), float(around.haze_m), int(around.sky)


def _mesh(vertices: Floats32, faces: Ints32, device: Any) -> Any:
    return wp.Mesh(
        wp.array(vertices, dtype=wp.vec3, device=device),
        wp.array(faces.ravel(), dtype=wp.int32, device=device),
        bvh_constructor="sah",
    )
