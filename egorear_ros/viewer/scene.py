"""What one moment looks like: images with joints and heatmaps, a skeleton in space, curves."""

import math
from typing import Any

import numpy as np

from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.geometry.frustum import frustum_rig
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.metrics import mpjpe_mm, pa_mpjpe_mm
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import BodyPose, Camera, FloatArray, Frame, Rig, TrackingState
from egorear_ros.viewer.frame import Moment
from egorear_ros.viewer.library import load_rerun
from egorear_ros.viewer.lines import bones_in_view, joints_in_view
from egorear_ros.viewer.pictures import heat_png, small_jpeg

TIMELINE = "time"
SPACE, ERRORS, LATENCY = "rig", "error_mm", "latency_ms"
ESTIMATE, TRUTH, HEAT, IMAGE = "estimate", "truth", "heatmap", "image"
CAMERA_GREY = (130, 130, 130)
RADIUS_M = {ESTIMATE: (0.018, 0.007), TRUTH: (0.011, 0.004)}
"""Joints and bones."""

RADIUS_PX = {ESTIMATE: (4.0, 1.6), TRUTH: (2.6, 0.9)}
"""Likewise, in an image 436 px wide."""

DESIGN_WIDTH = 436
ORDER = {IMAGE: -10.0, HEAT: 0.0, TRUTH: 10.0, ESTIMATE: 20.0}
"""What lies above what in an image."""


class Scene:
    """Writes moments into a Rerun recording.

    Args:
        recording: a `rerun.RecordingStream`.
        rig: the cameras.
        width: of the images, px.
        clock: whether stamps are times of the day, and not from the beginning.
    """

    def __init__(self, recording: Any, rig: Rig, width: int, clock: bool) -> None:
        self._rr: Any = load_rerun()
        self._recording = recording
        self._rig = rig
        self._width = width
        self._clock = clock
        self.damaged: list[str] = []
        self._named: set[str] = set()
        self._write_fixed()

    def show(self, moment: Moment) -> None:
        """Write a moment."""
        self._set_time(moment.stamp_ns)
        poses: dict[str, tuple[FloatArray, FloatArray]] = {}
        if moment.truth is not None:
            poses[TRUTH] = moment.truth, np.tile(TRUTH_RGB, (len(moment.truth), 1))
        if moment.estimate is not None and moment.estimate.state != TrackingState.LOST:
            joints = moment.estimate.joints_device
            poses[ESTIMATE] = joints, confidence_rgb(moment.estimate.confidences)
        for view in self._rig.views:
            self._show_view(view, moment, poses)
        for name in (TRUTH, ESTIMATE):
            self._show_in_space(name, poses.get(name))
        self._show_curves(moment.estimate, moment.truth, dict(moment.latency_ms))

    def _write_fixed(self) -> None:
        rr = self._rr
        self._log(SPACE, rr.ViewCoordinates.FLU, static=True)
        for camera in self._rig.cameras:
            label = [camera.view, *[""] * 4]
            shape = rr.LineStrips3D(
                frustum_rig(camera), colors=CAMERA_GREY, radii=0.0015, labels=label, show_labels=False
            )
            self._log(f"{SPACE}/cameras/{camera.view}", shape, static=True)
        for path, name, colour in (
            (f"{ERRORS}/mpjpe", "MPJPE, mm", (204, 71, 120)),
            (f"{ERRORS}/pa_mpjpe", "PA-MPJPE, mm", (126, 3, 168)),
        ):
            self._log(path, rr.SeriesLines(colors=colour, names=name, widths=2), static=True)

    def _set_time(self, stamp_ns: int) -> None:
        if self._clock:
            self._recording.set_time(TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))
        else:
            self._recording.set_time(TIMELINE, duration=np.timedelta64(stamp_ns, "ns"))

    def _show_view(self, view: str, moment: Moment, poses: dict[str, tuple[FloatArray, FloatArray]]) -> None:
        frame = moment.frames.frames.get(view)
        picture = None if frame is None else self._shrunk(frame)
        if picture is None:
            self._log(view, self._rr.Clear(recursive=True))
            return
        rr = self._rr
        data, width, height = picture
        self._log(f"{view}/{IMAGE}", rr.EncodedImage(contents=data, media_type="image/jpeg", draw_order=ORDER[IMAGE]))
        if view in moment.heatmaps:
            heat = heat_png(moment.heatmaps[view], width, height)
            self._log(f"{view}/{HEAT}", rr.EncodedImage(contents=heat, media_type="image/png", draw_order=ORDER[HEAT]))
        for name in (TRUTH, ESTIMATE):
            if name in poses:
                self._show_in_view(name, self._rig[view], (width, height), *poses[name])
            else:
                self._log(f"{view}/{name}", rr.Clear(recursive=True))

    def _shrunk(self, frame: Frame) -> tuple[bytes, int, int] | None:
        try:
            return small_jpeg(frame, self._width)
        except ValueError as error:
            self.damaged.append(str(error))
            return None

    def _show_in_view(
        self, name: str, camera: Camera, size: tuple[int, int], joints: FloatArray, colours: FloatArray
    ) -> None:
        rr, unit = self._rr, size[0] / DESIGN_WIDTH
        joint_px, bone_px = (radius * unit for radius in RADIUS_PX[name])
        pixels, seen = joints_in_view(joints, camera, *size)
        bones = EGO4VIEW.bones
        paths, owners = bones_in_view(joints, bones, camera, *size)
        bone_colours = _bone_colours(colours)[owners]
        self._log(
            f"{camera.view}/{name}/bones",
            rr.LineStrips2D(paths, colors=bone_colours, radii=bone_px, draw_order=ORDER[name]),
        )
        labels = [EGO4VIEW.joint_names[joint] for joint in seen]
        self._log(
            f"{camera.view}/{name}/joints",
            rr.Points2D(
                pixels,
                colors=colours[seen],
                radii=joint_px,
                labels=labels,
                show_labels=False,
                draw_order=ORDER[name] + 1,
            ),
        )

    def _show_in_space(self, name: str, pose: tuple[FloatArray, FloatArray] | None) -> None:
        rr, path = self._rr, f"{SPACE}/{name}"
        if pose is None:
            self._log(path, rr.Clear(recursive=True))
            return
        joints, colours = transform_points(T_RIG_DEVICE, pose[0]), pose[1]
        joint_m, bone_m = RADIUS_M[name]
        strips = [joints[list(bone)] for bone in EGO4VIEW.bones]
        self._log(f"{path}/bones", rr.LineStrips3D(strips, colors=_bone_colours(colours), radii=bone_m))
        names = list(EGO4VIEW.joint_names)
        self._log(f"{path}/joints", rr.Points3D(joints, colors=colours, radii=joint_m, labels=names, show_labels=False))

    def _show_curves(self, estimate: BodyPose | None, truth: FloatArray | None, latency_ms: dict[str, float]) -> None:
        if estimate is not None and truth is not None and estimate.joints_device.shape == truth.shape:
            self._log(f"{ERRORS}/mpjpe", self._rr.Scalars(float(mpjpe_mm(estimate.joints_device, truth))))
            self._log(f"{ERRORS}/pa_mpjpe", self._rr.Scalars(float(pa_mpjpe_mm(estimate.joints_device, truth))))
        for name, value in latency_ms.items():
            if math.isfinite(value):
                path = f"{LATENCY}/{name.replace(' ', '_')}"
                if path not in self._named:
                    self._named.add(path)
                    self._log(path, self._rr.SeriesLines(names=name, widths=2), static=True)
                self._log(path, self._rr.Scalars(value))

    def _log(self, path: str, shape: Any, static: bool = False) -> None:
        self._rr.log(path, shape, static=static, recording=self._recording)


def _bone_colours(colours: FloatArray) -> FloatArray:
    """Return the mean of the colours of each bone's ends, (bones, 3) in [0, 1]."""
    ends = np.array(EGO4VIEW.bones)
    mean: FloatArray = colours[ends].mean(axis=1)
    return mean
