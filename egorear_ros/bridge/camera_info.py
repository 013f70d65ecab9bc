"""CameraInfo from a lens."""

from sensor_msgs.msg import CameraInfo

from egorear_ros.geometry.ros_calibration import ros_intrinsics
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
    numbers = ros_intrinsics(lens)
    message = CameraInfo(width=numbers.width, height=numbers.height, distortion_model=numbers.model)
    message.header.frame_id = frame_id
    message.d, message.k, message.r, message.p = list(numbers.d), list(numbers.k), list(numbers.r), list(numbers.p)
    return message, numbers.max_error_px
