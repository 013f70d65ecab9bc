"""Names that nodes, bags and tests agree on: topics and TF frames of a rig."""

from collections.abc import Sequence

RIG_FRAME = "rig_link"
DEVICE_FRAME = "device"

POSE_TOPIC = "body_pose"
TRUTH_TOPIC = "ground_truth/body_pose"
MARKERS_TOPIC = "body_markers"
CAMERA_MARKERS_TOPIC = "camera_markers"
FRAME_SET_TOPIC = "frame_set"
SYNC_STATUS_TOPIC = "sync_status"
TF_TOPIC = "/tf"
DIAGNOSTICS_TOPIC = "/diagnostics"
TF_STATIC_TOPIC = "/tf_static"
"""Absolute: namespaces do not move it."""


def optical_frame(view: str) -> str:
    """Return the name of a camera's frame (z forward, x right, y down), without prefix."""
    return f"{view}_optical"


def image_topic(view: str) -> str:
    """Return the topic of a view's compressed images, relative to the rig's namespace."""
    return f"{view}/image_raw/compressed"


def raw_image_topic(view: str) -> str:
    """Return the topic of a view's uncompressed images, relative to the rig's namespace."""
    return f"{view}/image_raw"


def camera_info_topic(view: str) -> str:
    """Return the topic of a view's intrinsics, relative to the rig's namespace."""
    return f"{view}/camera_info"


def overlay_topic(view: str) -> str:
    """Return the topic of a view's images with the skeleton drawn on them, relative to the rig's namespace."""
    return f"{view}/overlay/compressed"


def rig_topics(views: Sequence[str]) -> tuple[str, ...]:
    """Return every topic of a rig's graph, relative to its namespace; those of all rigs begin with a slash."""
    of_views = [topic(view) for view in views for topic in (image_topic, camera_info_topic, overlay_topic)]
    own = (POSE_TOPIC, TRUTH_TOPIC, MARKERS_TOPIC, CAMERA_MARKERS_TOPIC, FRAME_SET_TOPIC, SYNC_STATUS_TOPIC)
    return (*of_views, *own, TF_TOPIC, TF_STATIC_TOPIC, DIAGNOSTICS_TOPIC)
