"""Nanoseconds and `builtin_interfaces/Time`."""

from builtin_interfaces.msg import Time

from egorear_ros.ros_messages import NS_PER_S, ns_from_time

__all__ = ["NS_PER_S", "ns_from_time", "time_from_ns"]


def time_from_ns(stamp_ns: int) -> Time:
    """Return a stamp as a message."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)
