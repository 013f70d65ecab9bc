"""Names that nodes, bags and tests agree on: topics and TF frames of a rig."""

RIG_FRAME = "rig_link"
DEVICE_FRAME = "device"

TRUTH_TOPIC = "ground_truth/body_pose"
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
