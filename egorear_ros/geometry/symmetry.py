"""Rigs of which a mirror makes the same rig: each camera has a partner on the wearer's other side."""

import numpy as np

from egorear_ros.structures import Rig

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
"""x to -x: across the device frame's median plane, and from left to right in a camera's own frame."""

SAME_PLACE_M, SAME_ROTATION = 1e-3, 1e-3
"""How far a camera may be from where its partner's mirror image is."""


def partners(rig: Rig) -> list[int]:
    """Return for each camera the index of the one on the other side; one in the middle is its own.

    Raises:
        ValueError: a camera has none.
    """
    places = np.stack([camera.T_device_camera for camera in rig.cameras])
    found = []
    for view, mirrored in zip(rig.views, MIRROR @ places @ MIRROR, strict=True):
        apart_m = np.linalg.norm(places[:, :3, 3] - mirrored[:3, 3], axis=-1)
        turned = np.abs(places[:, :3, :3] - mirrored[:3, :3]).max(axis=(1, 2))
        matches = np.flatnonzero((apart_m < SAME_PLACE_M) & (turned < SAME_ROTATION))
        if len(matches) != 1:
            raise ValueError(
                f"the rig must be symmetric about x = 0; in rig {rig.name} ({rig.source}) no camera is where a "
                f"mirror would put {view}."
            )
        found.append(int(matches[0]))
    return found
