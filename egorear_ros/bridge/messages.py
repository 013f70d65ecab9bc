"""Frame sets, poses and counters between our messages and our structures."""

import numpy as np
from geometry_msgs.msg import Point

from egorear_ros.bridge.images import compressed_from_frame, frame_from_compressed
from egorear_ros.bridge.stamps import ns_from_time, time_from_ns
from egorear_ros.geometry.transforms import T_RIG_DEVICE, transform_points
from egorear_ros.msg import BodyPose as BodyPoseMsg
from egorear_ros.msg import CameraCounters as CameraCountersMsg
from egorear_ros.msg import FrameSet as FrameSetMsg
from egorear_ros.msg import SyncStatus as SyncStatusMsg
from egorear_ros.names import RIG_FRAME, optical_frame
from egorear_ros.ros_messages import body_pose_from_msg
from egorear_ros.structures import BodyPose, FrameSet, TrackingState
from egorear_ros.sync_status import SyncStatus

__all__ = [
    "body_pose_from_msg",
    "frame_set_from_msg",
    "msg_from_body_pose",
    "msg_from_frame_set",
    "msg_from_sync_status",
    "ns_from_time",
    "time_from_ns",
]

FRAME_SET_JPEG_QUALITY = 95
"""For frames that reached the synchronizer uncompressed; the message holds compressed images only."""


def frame_set_from_msg(message: FrameSetMsg) -> FrameSet:
    """Return a frame set; images stay compressed.

    Raises:
        ValueError: names and images do not match, or an image is neither JPEG nor PNG.
    """
    if len(message.views) != len(message.images) or not set(message.views) <= set(message.rig_views):
        raise ValueError(
            f"frame set with views {list(message.views)} of the rig's {list(message.rig_views)} "
            f"and {len(message.images)} images; expected one image per view."
        )
    frames = {
        view: frame_from_compressed(view, image) for view, image in zip(message.views, message.images, strict=True)
    }
    return FrameSet(ns_from_time(message.header.stamp), tuple(message.rig_views), frames)


def msg_from_frame_set(frames: FrameSet, frame_prefix: str) -> FrameSetMsg:
    """Return a frame set as a message; uncompressed frames become JPEG."""
    message = FrameSetMsg()
    message.header.stamp = time_from_ns(frames.stamp_ns)
    message.header.frame_id = frame_prefix + RIG_FRAME
    message.rig_views = list(frames.views)
    message.views = [view for view in frames.views if view in frames.frames]
    message.images = [
        compressed_from_frame(frames.frames[view], frame_prefix + optical_frame(view), FRAME_SET_JPEG_QUALITY)
        for view in message.views
    ]
    return message


def msg_from_body_pose(pose: BodyPose, frame_prefix: str, body_id: str, now_ns: int) -> BodyPoseMsg:
    """Return a pose as a message, its joints in `rig_link`.

    Args:
        pose: what to publish; positions and confidences stay empty when it is LOST.
        frame_prefix: put before the frame name.
        body_id: identifies the wearer.
        now_ns: moment of publication on the clock of the stamps, ns.
    """
    message = BodyPoseMsg()
    message.header.stamp = time_from_ns(pose.stamp_ns)
    message.header.frame_id = frame_prefix + RIG_FRAME
    message.body_id = body_id
    if pose.state != TrackingState.LOST:
        message.joint_names = list(pose.skeleton.joint_names)
        message.positions = [
            Point(x=x, y=y, z=z) for x, y, z in transform_points(T_RIG_DEVICE, pose.joints_device).tolist()
        ]
        message.confidences = pose.confidences.astype(np.float32).tolist()
    message.camera_names = list(pose.view_stamps_ns)
    message.camera_stamps = [time_from_ns(stamp_ns) for stamp_ns in pose.view_stamps_ns.values()]
    message.sync_skew_s = pose.skew_ns * 1e-9
    message.latency_s = (now_ns - pose.stamp_ns) * 1e-9
    message.tracking_state = int(pose.state)
    message.model_id = pose.model_id
    return message


def msg_from_sync_status(status: SyncStatus, frame_prefix: str, now_ns: int) -> SyncStatusMsg:
    """Return the synchronizer's counters as a message."""
    message = SyncStatusMsg(
        complete_sets=status.complete_sets,
        partial_sets=status.partial_sets,
        dropped_sets=status.dropped_sets,
        resets=status.resets,
        rate_hz=status.rate_hz,
        skew_p50_s=status.skew_p50_s,
        skew_p95_s=status.skew_p95_s,
        latency_p50_s=status.latency_p50_s,
        latency_p95_s=status.latency_p95_s,
        cameras=[
            CameraCountersMsg(
                view=camera.view,
                received=camera.received,
                used=camera.used,
                late=camera.late,
                duplicate=camera.duplicate,
                unmatched=camera.unmatched,
                overflow=camera.overflow,
                rate_hz=camera.rate_hz,
                silent_s=camera.silent_s,
                stalled=camera.stalled,
            )
            for camera in status.cameras
        ],
    )
    message.header.stamp = time_from_ns(now_ns)
    message.header.frame_id = frame_prefix + RIG_FRAME
    return message
