"""How near the nearest surface is to each lens: nothing may sit on a lens or around it."""

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import unproject
from egorear_ros.structures import FloatArray, Lens, Rig
from egorear_synth.renderer import Scene

LENS_CLEARANCE_M = 0.01
"""Of every lens, from all it can see."""

GRID = 24


def lens_distances(rig: Rig, scene: Scene, faces: NDArray[np.int32], T_world_device: FloatArray) -> FloatArray:
    """Return (V,) distances from each lens to the nearest surface in its field of view, m; inf where there is none.

    A lens that sees more backs of faces than fronts is inside something: its distance is 0.

    Args:
        rig: the cameras.
        scene: the posed wearer.
        faces: (F, 3) of the wearer.
        T_world_device: (4, 4).
    """
    distances = []
    for camera in rig.cameras:
        T_world_camera = T_world_device @ camera.T_device_camera
        directions = (_rays(camera.lens) @ T_world_camera[:3, :3].T).astype(np.float32)
        origins = np.repeat(T_world_camera[None, :3, 3].astype(np.float32), len(directions), axis=0)
        hits = scene.first_hits(origins, directions)
        found = hits.face >= 0
        corners = scene.vertices[faces[hits.face[found]]]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        behind = (across * directions[found]).sum(axis=1) > 0
        inside = behind.sum() > 0.5 * len(directions)
        distances.append(0.0 if inside else float(hits.distance.min()))
    return np.array(distances)


def _rays(lens: Lens) -> FloatArray:
    """Return rays over the field of view of a lens, (M, 3), in its camera."""
    u, v = np.meshgrid((np.arange(GRID) + 0.5) * lens.width / GRID, (np.arange(GRID) + 0.5) * lens.height / GRID)
    rays, inside = unproject(np.stack((u, v), axis=-1), lens)
    return rays[inside]
