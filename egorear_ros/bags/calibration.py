"""Whether a recording's calibration is there, and that of one rig."""

from collections.abc import Iterator

import numpy as np

from egorear_ros.bags.base import BagError
from egorear_ros.bags.decode import decode
from egorear_ros.bags.findings import ERROR, WARNING, Finding
from egorear_ros.bags.lane import Lane
from egorear_ros.bags.survey import Survey
from egorear_ros.bags.typestore import CAMERA_INFO, TF_MESSAGE
from egorear_ros.bags.views import RigTopics
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.geometry.ros_calibration import ros_intrinsics
from egorear_ros.geometry.transforms import rotmat_from_quat_xyzw
from egorear_ros.names import TF_STATIC_TOPIC, optical_frame
from egorear_ros.structures import Rig

LENS_TOLERANCE_PX = 1.0
PLACE_TOLERANCE_M = 1e-3
TURN_TOLERANCE = 2e-3
"""Largest difference of an element of a rotation matrix: a tenth of a degree."""

_DOUBT = "Is it another rig's recording, or was the rig calibrated again since?"


def calibration_findings(survey: Survey, topics: RigTopics, rig: Rig | None) -> Iterator[Finding]:
    """Yield what is wrong with CameraInfo and /tf_static.

    Args:
        survey: the recording.
        topics: its cameras.
        rig: the calibration that is given or carried; None: there is none.
    """
    lacking = []
    for view in topics.views:
        lane = survey.lane(topics.info(view))
        if lane is None or lane.topic.type != CAMERA_INFO or not lane.count:
            lacking.append(view)
        else:
            yield from _info_findings(lane, view, rig)
    yield from _missing(lacking, topics, rig, "CameraInfo", ", ".join(topics.info(view) for view in lacking))
    static = survey.lane(TF_STATIC_TOPIC)
    usable = static is not None and static.topic.type == TF_MESSAGE
    lacking = [view for view in topics.views if not usable or _place(survey, view) is None]
    yield from _missing(lacking, topics, rig, "camera places", f"{TF_STATIC_TOPIC} with <view>_optical")
    for frame, values in survey.static_frames.items():
        if len(values) > 1:
            text = f"{TF_STATIC_TOPIC} places {frame} in two ways: the recording holds two rigs or two calibrations."
            yield Finding(ERROR, "two_rigs", frame, text)
    if rig is not None:
        yield from _place_findings(survey, rig)


def _missing(lacking: list[str], topics: RigTopics, rig: Rig | None, what: str, where: str) -> Iterator[Finding]:
    if not lacking:
        return
    who = "any camera" if len(lacking) == len(topics.views) else ", ".join(lacking)
    if rig is None:
        yield Finding(ERROR, "no_calibration", "", f"No {what} of {who} ({where}), and no rig. Give --calib.")
    else:
        yield Finding(WARNING, "no_calibration", "", f"No {what} of {who} ({where}); {rig.name} says it instead.")


def _info_findings(lane: Lane, view: str, rig: Rig | None) -> Iterator[Finding]:
    if len(lane.contents) > 1:
        text = f"{lane.topic.name} changes while recording: several cameras or calibrations on one topic."
        yield Finding(ERROR, "two_rigs", view, text)
    if rig is None or view not in rig.views or not lane.contents:
        return
    message = next(iter(lane.contents.values()))
    if len(message.data) < message.size:
        return  # of another lens model, with more numbers than a fisheye lens has
    try:
        info = decode(message)
        expected = ros_intrinsics(scale_lens(rig[view].lens, info.width, info.height))
    except (BagError, ValueError) as error:
        yield Finding(ERROR, "calibration", view, f"CameraInfo does not fit rig {rig.name}: {error}")
        return
    if info.distortion_model != expected.model:
        text = f"CameraInfo has the model {info.distortion_model!r}; rig {rig.name} gives {expected.model!r}."
        yield Finding(WARNING, "calibration", view, text)
    elif (off_px := float(np.abs(np.subtract(info.k, expected.k)).max())) > LENS_TOLERANCE_PX:
        text = f"CameraInfo is {off_px:.1f} px off rig {rig.name}. {_DOUBT}"
        yield Finding(ERROR, "calibration", view, text)


def _place_findings(survey: Survey, rig: Rig) -> Iterator[Finding]:
    for camera in rig.cameras:
        found = _place(survey, camera.view)
        if found is None:
            continue
        parent, x, y, z, *quat_xyzw = found
        if not str(parent).endswith("device"):
            continue  # a tree of another shape, which needs a TF listener to be compared
        off_m = float(np.abs(np.subtract((x, y, z), camera.T_device_camera[:3, 3])).max())
        turn = np.abs(rotmat_from_quat_xyzw(np.array(quat_xyzw)) - camera.T_device_camera[:3, :3]).max()
        if off_m > PLACE_TOLERANCE_M or turn > TURN_TOLERANCE:
            text = (
                f"{TF_STATIC_TOPIC} places the camera {1e3 * off_m:.1f} mm and {np.degrees(turn):.1f} degrees off "
                f"rig {rig.name}. {_DOUBT}"
            )
            yield Finding(ERROR, "calibration", camera.view, text)


def _place(survey: Survey, view: str) -> tuple | None:
    """Return (parent, x, y, z, qx, qy, qz, qw) of a view's frame; None: it is not there."""
    frames = [values[0] for frame, values in survey.static_frames.items() if frame.endswith(optical_frame(view))]
    return frames[0] if frames else None
