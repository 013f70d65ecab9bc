"""The `camera` node: one view's images, stamped with their exposure."""

import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage

from egorear_ros.bridge.camera_info import camera_info
from egorear_ros.bridge.diagnostics import Health, Level
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.images import compressed_from_frame
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.bridge.process import run_node
from egorear_ros.bridge.qos import camera_qos
from egorear_ros.bridge.stamps import time_from_ns
from egorear_ros.config import CameraConfig, ConfigError, SyncConfig
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.names import camera_info_topic, image_topic, optical_frame
from egorear_ros.nodes.capture import Capture, CaptureState
from egorear_ros.nodes.clock_offset import ClockOffset
from egorear_ros.nodes.pacer import Pacer
from egorear_ros.nodes.stages import StageTimes
from egorear_ros.sources.base import Picture, SourceError
from egorear_ros.sources.factory import make_source
from egorear_ros.sources.image_bytes import read_header
from egorear_ros.sources.pacing import period_ns
from egorear_ros.structures import Frame
from egorear_ros.sync_status import RateMeter
from egorear_ros.tracing import TRACE

NAME_PREFIX = "camera_"
SLOW = 0.8
"""Below this part of the configured rate diagnostics warn."""

SILENT_PERIODS = 3
"""A slow camera is silent after so many frame periods without an image, others after the default stall_timeout_s."""


class CameraNode(EgorearNode[CameraConfig]):
    """Publish `<view>/image_raw/compressed` and `<view>/camera_info` from an image source.

    Args:
        view: name of the view; empty: the parameter `view`, or else the node name `camera_<view>`.
        handover: frames go to the other nodes of this process through it, undecoded and unencoded.
        **kwargs: for `rclpy.node.Node`.
    """

    def __init__(self, view: str = "", handover: Handover | None = None, **kwargs: Any) -> None:
        name = f"{NAME_PREFIX}{view}" if view else "camera"
        super().__init__(name, CameraConfig(view=view), handover=handover, **kwargs)
        self.view = self.config.view or self.get_name().removeprefix(NAME_PREFIX)
        self._topic = self.resolve_topic_name(self._image_topic)
        if handover is not None:
            handover.offer(self._topic)
        self._capture: Capture | None = None

    @property
    def _image_topic(self) -> str:
        return image_topic(self.view)

    def configure(self) -> None:
        """Create the source and the publishers."""
        self.view = self.config.view or self.get_name().removeprefix(NAME_PREFIX)
        if self.view not in self.rig.views:
            raise ConfigError(
                f"view is {self.view!r}, but {self.rig.source or self.rig.name} has {', '.join(self.rig.views)}. "
                "Set the parameter view, or name the node camera_<view>."
            )
        self._lens = self.rig[self.view].lens
        self._frame_id = self.frame_id(optical_frame(self.view))
        self._topic = self.resolve_topic_name(self._image_topic)
        self._source = make_source(self.config.source, self.rig, self.view)
        self._images = self.make_publisher(CompressedImage, self._image_topic, camera_qos())
        self._infos = self.make_publisher(CameraInfo, camera_info_topic(self.view), camera_qos())
        self._period_ns = period_ns(self.config.source.rate_hz)

    def activate(self) -> None:
        """Open the source and begin to publish."""
        self._info: CameraInfo | None = None
        self._info_size: tuple[int, int] = (0, 0)
        self._published = self._damaged = self._losses = 0
        self._rate = RateMeter()
        self._stages = StageTimes()
        self._heard_s = time.monotonic()
        self._begin_capture()

    def deactivate(self) -> None:
        """Stop and close the source."""
        if self._capture is not None:
            self._capture.stop()
            self._capture = None

    def reset(self) -> None:
        """Play a finished recording again when time jumps back."""
        if self._capture is not None and self._capture.state is CaptureState.FINISHED:
            self._capture.stop()
            self._begin_capture()

    def health(self) -> Iterable[Health]:
        """Report the stream: its rate, age and damage."""
        capture = self._capture
        if capture is None:
            return
        rate_hz = self._rate.rate_hz(self.now_ns())
        source = self.config.source
        values = {
            "source": source.kind,
            "path": source.path,
            "image size": "x".join(map(str, self._info_size)),
            "rate_hz": rate_hz,
            "published": self._published,
            "missed ticks": self._pacer.missed,
            "damaged images": self._damaged,
            "times lost": self._losses,
            **self._stages.values(),
        }
        yield Health("stream", *self._judge(capture, rate_hz), values)

    def _judge(self, capture: Capture, rate_hz: float) -> tuple[Level, str]:
        if capture.state is CaptureState.LOST:
            return Level.ERROR, f"source lost: {capture.problem}"
        if capture.state is CaptureState.FINISHED:
            return Level.OK, "finished: the source has no more images"
        if not self.enabled:
            return Level.OK, "disabled"
        wanted_hz, silent_s = self.config.source.rate_hz, time.monotonic() - self._heard_s
        if silent_s > max(SyncConfig.stall_timeout_s, SILENT_PERIODS / wanted_hz):
            return Level.ERROR, (
                f"no image for {silent_s:.1f} s; expected {wanted_hz:.1f} Hz: the source is open but gives none, or "
                f"only damaged ones ({self._damaged} so far). Check source.path, the cable, and this node's warnings."
            )
        if rate_hz < SLOW * wanted_hz:
            return Level.WARN, f"{rate_hz:.1f} Hz instead of {wanted_hz:.1f} Hz"
        return Level.OK, f"{rate_hz:.1f} Hz"

    # Called from the capture thread

    def on_picture(self, picture: Picture, stamp_ns: int) -> None:
        """Hand a picture over, and publish it if somebody listens."""
        self._heard_s = time.monotonic()
        if not self.running:
            return
        now_ns, begin_ns = self.now_ns(), time.monotonic_ns()
        self._stages.add("capture", (now_ns - stamp_ns) * 1e-9)
        track = f"capture {self.view}"
        TRACE.add("capture", begin_ns - (now_ns - stamp_ns), begin_ns, stamp_ns, self.view, track)
        with TRACE.span("publish frame", stamp_ns, self.view):
            self._publish(picture, stamp_ns)
        self._published += 1
        self._rate.add(now_ns)
        self._stages.add("publish", (time.monotonic_ns() - begin_ns) * 1e-9)

    def _publish(self, picture: Picture, stamp_ns: int) -> None:
        frame = Frame(self.view, stamp_ns, picture.encoding, picture.data)
        if self._info is None:
            self._info = self._describe(picture)
        if self.handover is not None:
            self.handover.publish(self._topic, frame)
        if self._images.get_subscription_count() > 0:
            self._images.publish(compressed_from_frame(frame, self._frame_id, self.config.jpeg_quality))
        if self._infos.get_subscription_count() > 0:
            self._info.header.stamp = time_from_ns(stamp_ns)
            self._infos.publish(self._info)

    def on_damaged(self, error: Exception) -> None:
        """Count and report a picture that could not be used."""
        self._damaged += 1
        detail = "" if isinstance(error, (SourceError, ValueError)) else f"\n{traceback.format_exc()}"
        self.warn(type(error).__name__, f"image dropped: {error}{detail}")

    def on_lost(self, error: SourceError, wait_s: float) -> None:
        """Report a lost source."""
        self._losses += 1
        self.get_logger().error(f"source lost: {error} Trying to open it again, first after {wait_s:g} s.")

    def on_back(self) -> None:
        """Report a source that works again."""
        self.get_logger().info("the source is back")

    def on_finished(self) -> None:
        """Report the end of a recording."""
        self.get_logger().info("the source has no more images")

    def _begin_capture(self) -> None:
        self._source.open()
        clock = self.get_clock()
        self._pacer = Pacer(self.now_ns, lambda: clock.ros_time_is_active, self._period_ns)
        offset = ClockOffset(self.now_ns, lambda: clock.ros_time_is_active)
        name = f"capture_{self.view}"
        self._capture = Capture(self._source, self.config.source, self, self._pacer, offset, self.now_ns, name)

    def _describe(self, picture: Picture) -> CameraInfo:
        """Return the CameraInfo of images of this size; the source has checked that the calibration fits."""
        if isinstance(picture.data, bytes):
            header = read_header(picture.data, f"{self.view}: first image")
            width, height = header.width, header.height
        else:
            height, width = picture.data.shape[:2]
        info, error_px = camera_info(scale_lens(self._lens, width, height), self._frame_id)
        self._info_size = (width, height)
        self.get_logger().debug(f"camera_info differs from the calibration by at most {error_px:.3f} px")
        return info


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(CameraNode))


if __name__ == "__main__":
    main()
