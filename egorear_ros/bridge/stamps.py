"""Nanoseconds and `builtin_interfaces/Time`."""

from builtin_interfaces.msg import Time

NS_PER_S = 1_000_000_000


def time_from_ns(stamp_ns: int) -> Time:
    """Return a stamp as a message."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def ns_from_time(stamp: Time) -> int:
    """Return a stamp in ns."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)
