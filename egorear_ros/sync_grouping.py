"""Which buffered frames belong together: the two rules of the synchronizer, as a pure function."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from egorear_ros.structures import Frame

LONG_AGO_NS = -(2**63)
"""Before every stamp."""


@dataclass(slots=True, eq=False)
class Entry:
    """A buffered frame.

    Attributes:
        frame: the frame.
        stamp_ns: its stamp, ns.
        arrival_ns: when it was pushed, ns.
        late: the set of its moment had gone out without it before it came.
    """

    frame: Frame
    stamp_ns: int
    arrival_ns: int
    late: bool


@dataclass(slots=True, eq=False)
class Group:
    """A set in the making.

    Attributes:
        stamp_ns: stamp of the reference, which is the member with the lowest index, ns.
        members: entries by view index.
        first_arrival_ns: when the first of them was pushed, ns.
    """

    stamp_ns: int
    members: dict[int, Entry]
    first_arrival_ns: int


def group_frames(buffers: Sequence[Sequence[Entry]], tolerance_ns: int, floors_ns: Sequence[int]) -> list[Group]:
    """Group buffered frames into sets.

    1. A frame is a reference if no reference of an earlier view lies within the tolerance, and
       its stamp is above the floor of its view.
    2. Any other frame belongs to the nearest reference of an earlier view (the older of two);
       where frames of one view belong to the same reference, the nearest (the older of two) is taken.

    Args:
        buffers: by view, entries sorted by stamp; stamps of one view differ.
        tolerance_ns: largest distance from the reference, ns.
        floors_ns: by view, ns.

    Returns:
        Sets sorted by stamp; their stamps differ. Frames in none of them wait for a reference.
    """
    stamps: list[int] = []
    groups: dict[int, Group] = {}
    for index, entries in enumerate(buffers):
        references = []
        for entry in entries:
            stamp_ns = _nearest(stamps, entry.stamp_ns, tolerance_ns)
            if stamp_ns is not None:
                members = groups[stamp_ns].members
                rival = members.get(index)
                if rival is None or abs(entry.stamp_ns - stamp_ns) < abs(rival.stamp_ns - stamp_ns):
                    members[index] = entry
            elif entry.stamp_ns > floors_ns[index]:
                references.append(entry)
        for entry in references:
            insort(stamps, entry.stamp_ns)
            groups[entry.stamp_ns] = Group(entry.stamp_ns, {index: entry}, 0)
    for group in groups.values():
        group.first_arrival_ns = min([entry.arrival_ns for entry in group.members.values()])
    return [groups[stamp_ns] for stamp_ns in stamps]


def _nearest(stamps: list[int], stamp_ns: int, tolerance_ns: int) -> int | None:
    """Return the nearest of sorted stamps, the older of two; None if it is beyond the tolerance."""
    position = bisect_left(stamps, stamp_ns)
    neighbours = stamps[max(0, position - 1) : position + 1]
    distance_ns, nearest_ns = min([(abs(other - stamp_ns), other) for other in neighbours], default=(0, None))
    return nearest_ns if distance_ns <= tolerance_ns else None
