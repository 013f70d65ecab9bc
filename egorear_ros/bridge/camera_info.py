"""CameraInfo from a lens."""

from sensor_msgs.msg import CameraInfo

from egorear_ros.geometry.equidistant_fit import fit_equidistant
from egorear_ros.structures import Lens


def camera_info(lens: Lens, frame_id: str) -> tuple[CameraInfo, float]:
    """Return the intrinsics of a lens in ROS's terms, without a stamp, and how far they are off.

    ROS has no name for polynomial lenses; they are published as the nearest `equidistant` one. The
    file in `calib/` remains the truth.

    Args:
        lens: calibrated for the size of the published images.
        frame_id: the optical TF frame, prefix included.

    Returns:
        message: model `equidistant`, no rectification (R is identity, P repeats K).
        max_error_px: largest distance between the published and the calibrated projection.
    """
    fit, max_error_px = fit_equidistant(lens)
    (fx, fy), (cx, cy) = fit.focal_px, fit.center_px
    message = CameraInfo(width=lens.width, height=lens.height, distortion_model="equidistant")
    message.header.frame_id = frame_id
    message.d = [float(value) for value in fit.distortion]
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message, float(max_error_px)
