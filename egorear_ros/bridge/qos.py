"""Quality of service of every kind of topic, and that users may override it."""

from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


def camera_qos() -> QoSProfile:
    """Return what images and CameraInfo use: sensor data, best effort, depth 5.

    Source: REP 2003.
    """
    return QoSProfile(
        depth=5,
        history=QoSHistoryPolicy.KEEP_LAST,
        reliability=QoSReliabilityPolicy.BEST_EFFORT,
        durability=QoSDurabilityPolicy.VOLATILE,
    )


def results_qos(depth: int = 10) -> QoSProfile:
    """Return what poses, markers, frame sets, status and diagnostics use: reliable."""
    return QoSProfile(
        depth=depth,
        history=QoSHistoryPolicy.KEEP_LAST,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.VOLATILE,
    )


def tf_qos() -> QoSProfile:
    """Return what `/tf` uses: reliable, depth 100, as `tf2_ros`."""
    return results_qos(depth=100)


def latched_qos() -> QoSProfile:
    """Return what `/tf_static` and other lasting facts use: late subscribers get the last message."""
    return QoSProfile(
        depth=1,
        history=QoSHistoryPolicy.KEEP_LAST,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
    )


def overridable() -> QoSOverridingOptions:
    """Return options that let a parameter file set history, depth and reliability of a topic.

    The parameters are `qos_overrides.<topic>.publisher.depth` and so on.
    """
    return QoSOverridingOptions.with_default_policies()
