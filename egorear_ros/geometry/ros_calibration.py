"""A rig's calibration in ROS's terms, as numbers: what CameraInfo and /tf_static carry."""

from dataclasses import dataclass

from egorear_ros.geometry.equidistant_fit import fit_equidistant
from egorear_ros.geometry.transforms import T_RIG_DEVICE
from egorear_ros.names import DEVICE_FRAME, RIG_FRAME, optical_frame
from egorear_ros.structures import FloatArray, Lens, Rig


@dataclass(frozen=True)
class Intrinsics:
    """The fields of `sensor_msgs/CameraInfo` that a lens decides.

    Attributes:
        width, height: of the images, px.
        model: "equidistant", the only fisheye model that ROS has a name for.
        d: (k1, k2, k3, k4).
        k, r, p: row-major 3x3, 3x3 and 3x4; no rectification, so r is the identity and p repeats k.
        max_error_px: largest distance between the published and the calibrated projection.
    """

    width: int
    height: int
    model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]
    max_error_px: float


def ros_intrinsics(lens: Lens) -> Intrinsics:
    """Return a lens as CameraInfo has it; polynomial lenses become the nearest equidistant one."""
    fit, max_error_px = fit_equidistant(lens)
    (fx, fy), (cx, cy) = fit.focal_px, fit.center_px
    return Intrinsics(
        width=lens.width,
        height=lens.height,
        model="equidistant",
        d=tuple(float(value) for value in fit.distortion),
        k=(fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0),
        r=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        p=(fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
        max_error_px=float(max_error_px),
    )


def static_links(rig: Rig) -> list[tuple[str, str, FloatArray]]:
    """Return (parent, child, T_parent_child) of `rig_link -> device -> <view>_optical` for all views."""
    links = [(RIG_FRAME, DEVICE_FRAME, T_RIG_DEVICE)]
    return links + [(DEVICE_FRAME, optical_frame(camera.view), camera.T_device_camera) for camera in rig.cameras]
