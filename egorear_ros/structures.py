"""The nouns of this package: lenses, cameras, rigs, frames, frame sets and body poses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from egorear_ros.skeleton import EGO4VIEW, Skeleton

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class OcamLens:
    """A fisheye lens as a Scaramuzza polynomial (no ROS name; `calib/` is the truth).

    The image radius of a ray is `sum(a_i * phi**i)` px with `phi = atan(-z / hypot(x, y))`,
    so that the optical axis is at phi = -pi/2 and a ray 90 degrees off it at phi = 0.

    Attributes:
        width, height: calibrated image size, px.
        center_px: (u, v) of the optical axis, px, pixel centres at integers.
        polynomial: ascending coefficients a_i from phi (rad) to image radius (px).
        max_theta: largest angle from the optical axis that the lens images, rad.

    Source: Scaramuzza et al., "A flexible technique for accurate omnidirectional camera
    calibration", ICVS 2006, in the form used by EgoRear's calibration files.
    """

    width: int
    height: int
    center_px: tuple[float, float]
    polynomial: tuple[float, ...]
    max_theta: float

    model = "ocam"


@dataclass(frozen=True)
class EquidistantLens:
    """A Kannala-Brandt fisheye lens (ROS name `equidistant`, OpenCV `fisheye`).

    The image radius is `theta * (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)` focal
    lengths, theta being the angle from the optical axis.

    Attributes:
        width, height: calibrated image size, px.
        focal_px: (fx, fy), px.
        center_px: (u, v) of the optical axis, px, pixel centres at integers.
        distortion: (k1, k2, k3, k4).
        max_theta: largest angle from the optical axis that the lens images, rad.

    Source: Kannala and Brandt, PAMI 2006.
    """

    width: int
    height: int
    focal_px: tuple[float, float]
    center_px: tuple[float, float]
    distortion: tuple[float, float, float, float]
    max_theta: float

    model = "equidistant"


Lens = OcamLens | EquidistantLens


@dataclass(frozen=True, eq=False)
class Camera:
    """One view of a rig.

    Attributes:
        view: name of the view, for example "front_left".
        lens: its intrinsics.
        T_device_camera: (4, 4) camera coordinates to device coordinates, m.
    """

    view: str
    lens: Lens
    T_device_camera: FloatArray


@dataclass(frozen=True, eq=False)
class Rig:
    """All cameras of a helmet or headset, in the order the model expects.

    Attributes:
        name: identifier, usually the calibration file's stem.
        cameras: V cameras.
        source: the file it was read from, named in errors.
    """

    name: str
    cameras: tuple[Camera, ...]
    source: str = ""

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the V views, in order."""
        return tuple(camera.view for camera in self.cameras)

    def __getitem__(self, view: str) -> Camera:
        """Return the camera of a view; KeyError names the views that exist."""
        for camera in self.cameras:
            if camera.view == view:
                return camera
        raise KeyError(f"rig {self.name} ({self.source}) has no view {view!r}. Its views: {', '.join(self.views)}.")

    def select(self, views: tuple[str, ...]) -> "Rig":
        """Return the rig reduced to some of its views, in the order given."""
        return Rig(self.name, tuple(self[view] for view in views), self.source)


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of one view.

    Attributes:
        view: name of the view.
        stamp_ns: moment of exposure, ns.
        encoding: "jpeg" or "png" (`data` is the file's bytes), or "rgb8", "bgr8", "mono8"
            (`data` is (H, W, 3) or (H, W) uint8).
        data: see `encoding`. Never written to after the frame exists.
    """

    view: str
    stamp_ns: int
    encoding: str
    data: bytes | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FrameSet:
    """The frames of one moment, one per view that has one.

    Attributes:
        stamp_ns: stamp of the reference frame, ns.
        views: all V views of the rig, in order.
        frames: by view; a view without a frame is absent.
        waited_ns: from the arrival of its first frame at the synchronizer to its release, ns.
    """

    stamp_ns: int
    views: tuple[str, ...]
    frames: Mapping[str, Frame]
    waited_ns: int = 0

    @property
    def mask(self) -> tuple[bool, ...]:
        """V flags: True where the view has a frame."""
        return tuple(view in self.frames for view in self.views)

    @property
    def missing(self) -> tuple[str, ...]:
        """Views without a frame."""
        return tuple(view for view in self.views if view not in self.frames)

    @property
    def skew_ns(self) -> int:
        """Latest minus earliest stamp of the frames, ns."""
        stamps = [frame.stamp_ns for frame in self.frames.values()]
        return max(stamps) - min(stamps) if stamps else 0


class TrackingState(IntEnum):
    """What a `BodyPose` is worth. Values equal the constants of `msg/BodyPose.msg`."""

    LOST = 0
    OK = 1
    PARTIAL_VIEWS = 2
    UNTRAINED = 3


@dataclass(frozen=True, eq=False)
class BodyPose:
    """3D joints of the wearer at one moment.

    Attributes:
        stamp_ns: moment of exposure of the reference frame, ns.
        joints_device: (J, 3) in the device frame, m.
        confidences: (J,) in [0, 1]; NaN where the estimator gives none.
        view_stamps_ns: exposure stamp by view, for the views that were used.
        state: what the pose is worth.
        model_id: which estimator and weights made it; "ground_truth" for truth.
        skeleton: the joints' names and parents.
        timings_s: how long each stage of the method took, s; empty: not known.
    """

    stamp_ns: int
    joints_device: FloatArray
    confidences: FloatArray
    view_stamps_ns: Mapping[str, int]
    state: TrackingState
    model_id: str
    skeleton: Skeleton = field(default=EGO4VIEW)
    timings_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def skew_ns(self) -> int:
        """Latest minus earliest stamp of the used views, ns."""
        stamps = self.view_stamps_ns.values()
        return max(stamps) - min(stamps) if stamps else 0


@dataclass(frozen=True, eq=False)
class Estimate:
    """A pose together with the images it was estimated from, as nodes of one process hand it over."""

    pose: BodyPose
    frames: FrameSet
