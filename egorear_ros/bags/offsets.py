"""Whether one camera's stamps are systematically off those of the others."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from statistics import median

Arrived = Sequence[tuple[int, int]]
"""(log time, stamp) of images, ns."""


def stamp_offsets_ns(cameras: Mapping[str, Arrived]) -> dict[str, float]:
    """Return by how much each camera's stamps are later than those of the others, median, ns.

    Images are compared that reached the recorder together: a clock may be off by more than a period, and then the
    nearest stamp is that of another moment.
    """
    ordered = {view: sorted(arrived) for view, arrived in cameras.items() if arrived}
    offsets_ns = {}
    for view, arrived in ordered.items():
        others = [other for name, other in ordered.items() if name != view]
        found = [stamp_ns - _stamp_at(other, log_ns) for log_ns, stamp_ns in arrived for other in others]
        if found:
            offsets_ns[view] = float(median(found))
    return offsets_ns


def _stamp_at(arrived: Arrived, log_ns: int) -> int:
    """Return the stamp of the image that came nearest to a moment."""
    place = bisect_left(arrived, (log_ns, 0))
    return min(arrived[max(0, place - 1) : place + 1], key=lambda one: abs(one[0] - log_ns))[1]
