"""The rig that a recording's own topics describe: lenses from CameraInfo, places from /tf_static."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.decode import decode
from egorear_ros.bags.typestore import CAMERA_INFO, TF_MESSAGE
from egorear_ros.bags.views import RigTopics, choose_rig, rig_topics
from egorear_ros.geometry.equidistant_import import equidistant_lens
from egorear_ros.geometry.rig_file import CalibrationError
from egorear_ros.geometry.transforms import rotmat_from_quat_xyzw
from egorear_ros.names import DEVICE_FRAME, TF_STATIC_TOPIC, optical_frame
from egorear_ros.structures import Camera, EquidistantLens, FloatArray, Rig

FISHEYE_MODELS = ("equidistant", "fisheye")
"""What drivers call the model of Kannala and Brandt in CameraInfo."""

LONGEST_CHAIN = 20
"""Frames between a camera and the device; more is a circle."""


def rig_of_recording(bag: Bag, given: Rig | None, namespace: str | None) -> Rig | None:
    """Return the rig that was given, else the one that the recording carries, else the one its topics describe.

    Args:
        bag: the recording.
        given: the rig to use whatever the recording says.
        namespace: of the rig's topics; None: the one with most views.

    Returns:
        None where a camera lacks its CameraInfo or its place relative to the device frame.

    Raises:
        CalibrationError: what it carries is damaged.
    """
    return choose_rig(bag, given) or recorded_rig(bag, rig_topics(bag.topics, namespace))


def recorded_rig(bag: Bag, topics: RigTopics) -> Rig | None:
    """Return the rig that CameraInfo and /tf_static describe; None where they do not say all of it.

    The field of view is not in CameraInfo: it reaches the image's corner, or as far as the
    polynomial grows.
    """
    found = _read(bag, topics)
    cameras = []
    for view in topics.views:
        lens, T_device_camera = found.lenses.get(view), found.place(view)
        if lens is None or T_device_camera is None:
            return None
        cameras.append(Camera(view, lens, T_device_camera))
    source = f"CameraInfo and {TF_STATIC_TOPIC} of {bag.path}"
    return Rig("recorded", tuple(cameras), source) if cameras else None


@dataclass
class _Found:
    """What was read so far.

    Attributes:
        lenses: by view.
        links: (parent, T_parent_child) by child frame.
    """

    lenses: dict[str, EquidistantLens | None] = field(default_factory=dict)
    links: dict[str, tuple[str, FloatArray]] = field(default_factory=dict)

    def place(self, view: str) -> FloatArray | None:
        """Return T_device_camera of a view; None: the frames do not lead to the device."""
        frame = next((name for name in self.links if name.endswith(optical_frame(view))), None)
        T = np.eye(4)
        for _ in range(LONGEST_CHAIN):
            if frame is None or frame.endswith(DEVICE_FRAME):
                return None if frame is None else T
            frame, T_parent_child = self.links.get(frame, (None, np.eye(4)))
            T = T_parent_child @ T
        return None


def _read(bag: Bag, topics: RigTopics) -> _Found:
    """Read until all lenses and places are known, or to the end."""
    views = {topics.info(view): view for view in topics.views}
    found = _Found()
    for message in bag.messages({*views, TF_STATIC_TOPIC}, sparse=True):
        try:
            content = decode(message)
        except BagError:
            continue  # `egorear bag check` tells of damaged messages
        if message.topic.type == TF_MESSAGE:
            found.links |= {_bare(link.child_frame_id): _link(link) for link in content.transforms}
        elif message.topic.type == CAMERA_INFO and views.get(message.topic.name) not in (None, *found.lenses):
            found.lenses[views[message.topic.name]] = _lens(content, message.topic.name)
        if len(found.lenses) == len(views) and all(found.place(view) is not None for view in topics.views):
            break
    return found


def _lens(info: Any, where: str) -> EquidistantLens | None:
    """Return the lens of a CameraInfo; None: it is of another model, or empty."""
    if info.distortion_model not in FISHEYE_MODELS or len(info.d) != 4:
        return None
    fx, _, cx, _, fy, cy = info.k[:6]
    try:
        return equidistant_lens(where, (info.width, info.height), (fx, fy), (cx, cy), tuple(map(float, info.d)), None)
    except CalibrationError:
        return None


def _link(link: Any) -> tuple[str, FloatArray]:
    place, turn = link.transform.translation, link.transform.rotation
    T = np.eye(4)
    T[:3, 3] = place.x, place.y, place.z
    quat_xyzw = np.array([turn.x, turn.y, turn.z, turn.w])
    if np.linalg.norm(quat_xyzw) > 0.0:
        T[:3, :3] = rotmat_from_quat_xyzw(quat_xyzw)
    return _bare(link.header.frame_id), T


def _bare(frame: str) -> str:
    return frame.removeprefix("/")
