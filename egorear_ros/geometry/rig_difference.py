"""What differs between two calibrations: data that were made with one are wrong for the other."""

import numpy as np

from egorear_ros.geometry.lens_fields import lens_to_dict
from egorear_ros.structures import FloatArray, Rig

SAME_PLACE_M = 1e-4
SAME_TURN_RAD = 2e-4
"""Files have rounded numbers."""


def rig_difference(rig: Rig, other: Rig) -> str:
    """Return how the cameras of `other` differ from those of a rig, of the first that does; "" if none does.

    Views that only `other` has do not count, nor do places where one of the two has none (NaN).
    """
    others = {camera.view: camera for camera in other.cameras}
    for camera in rig.cameras:
        found = others.get(camera.view)
        if found is None:
            return f"no view {camera.view}; it has {', '.join(others)}"
        if lens_to_dict(found.lens) != lens_to_dict(camera.lens):
            return f"another lens of {camera.view}"
        moved = place_difference(camera.T_device_camera, found.T_device_camera)
        if moved:
            return f"{camera.view} at another place, {moved}"
    return ""


def place_difference(T_one: FloatArray, T_other: FloatArray) -> str:
    """Return how far two places, (4, 4), m, are apart; "" if they are the same, or one is not known (NaN)."""
    if not (np.isfinite(T_one).all() and np.isfinite(T_other).all()):
        return ""
    distance_m = float(np.linalg.norm(T_one[:3, 3] - T_other[:3, 3]))
    # Of a small rotation the difference of the matrices has the norm sqrt(2) times the angle, which arccos would round.
    half = float(np.linalg.norm(T_one[:3, :3] - T_other[:3, :3])) / (2.0 * np.sqrt(2.0))
    angle_rad = 2.0 * float(np.arcsin(min(1.0, half)))
    if distance_m <= SAME_PLACE_M and angle_rad <= SAME_TURN_RAD:
        return ""
    return f"{1000.0 * distance_m:.1f} mm and {np.degrees(angle_rad):.2f} degrees off"
