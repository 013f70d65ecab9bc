"""Where a rig sits on a head."""

import numpy as np

from egorear_ros.geometry.transforms import T_RIG_DEVICE
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.body import Body

AHEAD_OF_NOSE_M = 0.06
"""Of the frontmost camera. With rear cameras 37 cm behind, these are some 10 cm behind the head."""

ABOVE_HAIR_M = 0.06
"""Of the cameras' mean height: a helmet's shell is between."""


def place_on_head(rig: Rig, body: Body, vertices: FloatArray) -> FloatArray:
    """Return T_rest_device, (4, 4): the rig on the head of a resting body, optical axes down.

    At rest the body stands upright and looks along x, which are the axes of `rig_link`; how the
    device frame lies in them is `T_RIG_DEVICE`.

    Args:
        rig: the cameras.
        body: tells which vertices are the head.
        vertices: (N, 3) at rest, with hair, m.
    """
    parts = [body.part_names.index(name) for name in ("head", "scalp")]
    head = vertices[np.unique(body.faces[np.isin(body.face_parts, parts)])]
    centres_device = np.array([camera.T_device_camera[:3, 3] for camera in rig.cameras])
    T_rest_device = T_RIG_DEVICE.copy()
    front = head[:, 0].max() + AHEAD_OF_NOSE_M + centres_device[:, 1].min()
    above = head[:, 2].max() + ABOVE_HAIR_M + centres_device[:, 2].mean()
    middle = centres_device[:, 0].mean()
    T_rest_device[:3, 3] = (front, middle, above)
    return T_rest_device
