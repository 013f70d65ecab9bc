"""Stamps in, frame sets out: pairs the streams of several cameras. Knows no ROS and no threads."""

from bisect import insort
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from egorear_ros.structures import Frame, FrameSet
from egorear_ros.sync_grouping import LONG_AGO_NS, Entry, Group, group_frames
from egorear_ros.sync_status import CameraCounters, RateMeter, SyncStatus, percentiles_s

STALL_SETS = 10
"""A camera missing from this many moments in a row is not waited for until it sends again."""

ORDER_PROOF = 100
"""After this many frames in order a camera is trusted to keep its order: see `Synchronizer`."""

MIN_JUMP_NS = 500_000_000
"""A stamp at least this far behind the newest one of its camera is a jump of time, not a late frame."""

RECENT_SETS = 300
"""Percentiles of skew and latency are over this many sets."""


class _Lane:
    """One view's buffer and counters, and what was learned about its camera."""

    def __init__(self, view: str, capacity: int) -> None:
        self.view = view
        self.received = self.used = self.late = self.duplicate = self.unmatched = self.overflow = 0
        self.rate = RateMeter()
        self.arrived_ns: int | None = None
        self.entries: list[Entry] = []
        self._known: deque[int] = deque(maxlen=64 + capacity)
        self.restart()

    def restart(self) -> None:
        """Forget frames and history; keep the counters."""
        self.discard(self.entries)
        self._known.clear()
        self.newest_ns = LONG_AGO_NS
        self.used_ns = LONG_AGO_NS
        self.floor_ns = LONG_AGO_NS
        self.in_order = 0
        self.missed = 0

    def note(self, stamp_ns: int) -> bool:
        """Learn a stamp and whether it is in order; return False if it is known already."""
        if stamp_ns in self._known:
            return False
        self._known.append(stamp_ns)
        self.in_order = self.in_order + 1 if stamp_ns > self.newest_ns else 0
        self.newest_ns = max(self.newest_ns, stamp_ns)
        return True

    def discard(self, entries: Sequence[Entry]) -> None:
        """Remove frames that no set took."""
        for entry in list(entries):
            self.late += entry.late
            self.unmatched += not entry.late
            self.entries.remove(entry)


class Synchronizer:
    """Pair the frames of a rig's views into frame sets.

    A set has a reference: its frame of the first view, in rig order, that it has; the set's stamp
    is the reference's. Frames group by two rules over all buffered frames:

    1. A frame is a reference if no reference of an earlier view lies within the tolerance.
    2. Any other frame belongs to the nearest reference of an earlier view; where two frames of
       one view belong to the same reference, the nearer one is taken.

    The oldest set is released when

    - it has every view, or
    - every view it lacks will not come, because its camera is stalled (missing from the last
      `STALL_SETS` moments and silent since), or has proven to send in order (`order_proof` frames
      in a row) and has sent a frame beyond the tolerance already, or
    - `max_wait_ns` has passed since the first of its frames arrived.

    A newer set whose wait is over goes out as well, after all older ones. A released set goes out
    if it has at least `min_views` frames; otherwise it is dropped, counted, and holds nothing up.
    Sets that are over and too small are dropped one by one, oldest first: what stays groups anew.

    Invariants, whatever comes in:

    - A frame is in at most one set, and a set has at most one frame per view.
    - Every frame of a set lies within `tolerance_ns` of the set's stamp.
    - Stamps of sets increase strictly, and so do each view's stamps in them, until time jumps back.
    - No frame waits longer than `max_wait_ns`, if `poll` is called at `next_deadline_ns`.
    - Per camera: received = used + late + duplicate + unmatched + overflow + buffered.
    - At most `capacity` frames per view are held.

    Free-running cameras need a tolerance a little over half a frame period: then each reference
    has a partner in every view. A tolerance of a whole period or more is ambiguous.

    A stamp far (`MIN_JUMP_NS`, or twice `max_wait_ns` if that is more) behind the newest one of
    its camera means that time jumped back, as when a bag starts again: frames of the old time are
    discarded, and the new time begins at once. `reset` does that on request.

    Not thread-safe: the caller locks. All times are of one clock, that of the stamps.

    Args:
        views: all views of the rig, in order.
        tolerance_ns: largest distance of a frame's stamp from its set's stamp.
        max_wait_ns: longest time from the arrival of a set's first frame to its release.
        min_views: a set with fewer frames is dropped.
        capacity: most buffered frames per view.
        order_proof: frames in order after which a camera is trusted to keep its order.

    Raises:
        ValueError: no views, a view twice, or a limit out of range.
    """

    def __init__(
        self,
        views: Sequence[str],
        tolerance_ns: int,
        max_wait_ns: int,
        min_views: int,
        capacity: int = 32,
        order_proof: int = ORDER_PROOF,
    ) -> None:
        if not views or len(set(views)) != len(views):
            raise ValueError(f"views are {list(views)}; expected one or more, each once.")
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; expected at least 1.")
        self.views = tuple(views)
        self._groups: list[Group] | None = None
        self.configure(tolerance_ns, max_wait_ns, min_views)
        self._capacity = capacity
        self._order_proof = order_proof
        self._lanes = [_Lane(view, capacity) for view in self.views]
        self._index = {view: index for index, view in enumerate(self.views)}
        self._last_set_ns = LONG_AGO_NS
        self._now_ns = LONG_AGO_NS
        self._complete_sets = self._partial_sets = self._dropped_sets = self._resets = 0
        self._rate = RateMeter()
        self._skews_ns: deque[int] = deque(maxlen=RECENT_SETS)
        self._latencies_ns: deque[int] = deque(maxlen=RECENT_SETS)

    def configure(self, tolerance_ns: int, max_wait_ns: int, min_views: int) -> None:
        """Change the limits; they hold at once, also for frames that wait.

        Raises:
            ValueError: a limit is out of range; nothing has changed then.
        """
        if tolerance_ns < 0 or max_wait_ns < 0:
            raise ValueError(f"tolerance_ns is {tolerance_ns}, max_wait_ns {max_wait_ns}; expected at least 0.")
        if not 1 <= min_views <= len(self.views):
            raise ValueError(f"min_views is {min_views}; expected 1 to {len(self.views)}, the number of views.")
        self.tolerance_ns = tolerance_ns
        self.max_wait_ns = max_wait_ns
        self.min_views = min_views
        self._groups = None

    def push(self, frame: Frame, now_ns: int) -> list[FrameSet]:
        """Take a frame that arrived now; return the sets that go out because of it, oldest first.

        Raises:
            ValueError: the frame's view is not one of this synchronizer's.
        """
        index = self._index.get(frame.view)
        if index is None:
            raise ValueError(f"frame of view {frame.view!r}; the views of this rig are {', '.join(self.views)}.")
        released = self.poll(now_ns)
        lane = self._lanes[index]
        lane.received += 1
        lane.arrived_ns = now_ns
        lane.rate.add(now_ns)
        self._follow_jump(lane, frame.stamp_ns)
        if self._take(index, frame, now_ns):
            released += self._make_room(lane, now_ns)
            released += self._release(now_ns)
        return released

    def poll(self, now_ns: int) -> list[FrameSet]:
        """Return the sets whose wait is over, oldest first."""
        if now_ns < self._now_ns - self._jump_ns():
            self.reset()  # waits that began before the clock jumped back would not end
        self._now_ns = now_ns
        return self._release(now_ns)

    def next_deadline_ns(self) -> int | None:
        """Return when to call `poll` if no frame comes before; None: no set waits."""
        arrivals_ns = [group.first_arrival_ns for group in self._grouped()]
        return min(arrivals_ns) + self.max_wait_ns if arrivals_ns else None

    def reset(self) -> None:
        """Forget all frames and stamps, as after a jump of time; counters go on."""
        for lane in self._lanes:
            lane.restart()
        self._last_set_ns = LONG_AGO_NS
        self._groups = None
        self._resets += 1

    def status(self, now_ns: int) -> SyncStatus:
        """Return all counters and recent statistics."""
        skew_p50_s, skew_p95_s = percentiles_s(self._skews_ns, 50, 95)
        latency_p50_s, latency_p95_s = percentiles_s(self._latencies_ns, 50, 95)
        return SyncStatus(
            complete_sets=self._complete_sets,
            partial_sets=self._partial_sets,
            dropped_sets=self._dropped_sets,
            resets=self._resets,
            rate_hz=self._rate.rate_hz(now_ns),
            skew_p50_s=skew_p50_s,
            skew_p95_s=skew_p95_s,
            latency_p50_s=latency_p50_s,
            latency_p95_s=latency_p95_s,
            cameras=tuple(_camera_counters(lane, now_ns) for lane in self._lanes),
        )

    # Time that jumps back

    def _jump_ns(self) -> int:
        return max(MIN_JUMP_NS, 2 * self.max_wait_ns)

    def _follow_jump(self, lane: _Lane, stamp_ns: int) -> None:
        """If this camera's stamps jumped back, discard what belongs to the time before."""
        limit_ns = stamp_ns + self._jump_ns()
        if lane.newest_ns < limit_ns:
            return
        for other in self._lanes:
            if other.newest_ns >= limit_ns:
                other.restart()
        # The rig's cameras jump one after the other: the first one finds sets of the old time.
        if self._last_set_ns > stamp_ns:
            self._last_set_ns = LONG_AGO_NS
            self._resets += 1
            for other in self._lanes:
                other.floor_ns = other.used_ns
        self._groups = None

    # Taking frames in

    def _take(self, index: int, frame: Frame, now_ns: int) -> bool:
        """Learn from a frame, and buffer it if a set may take it; return whether something changed."""
        lane = self._lanes[index]
        if not lane.note(frame.stamp_ns):
            lane.duplicate += 1
            return False
        if frame.stamp_ns > self._last_set_ns - self.tolerance_ns - self.max_wait_ns:
            lane.missed = 0
        if self._is_hopeless(index, frame.stamp_ns):
            lane.late += 1
        else:
            entry = Entry(frame, frame.stamp_ns, now_ns, late=frame.stamp_ns <= lane.floor_ns)
            insort(lane.entries, entry, key=attrgetter("stamp_ns"))
            self._groups = None
        return True

    def _is_hopeless(self, index: int, stamp_ns: int) -> bool:
        """Whether no set can take a frame, references of future sets being newer than the last set."""
        lane = self._lanes[index]
        if index == 0:
            return stamp_ns <= lane.floor_ns
        return stamp_ns <= max(lane.used_ns, self._last_set_ns - self.tolerance_ns)

    def _grouped(self) -> list[Group]:
        if self._groups is None:
            buffers = [lane.entries for lane in self._lanes]
            self._groups = group_frames(buffers, self.tolerance_ns, [lane.floor_ns for lane in self._lanes])
        return self._groups

    # Letting sets out

    def _release(self, now_ns: int) -> list[FrameSet]:
        released: list[FrameSet] = []
        begun_ns = now_ns - self.max_wait_ns
        while groups := self._grouped():
            over = [number for number, group in enumerate(groups, 1) if group.first_arrival_ns <= begun_ns]
            poor = [groups[number - 1] for number in over if len(groups[number - 1].members) < self.min_views]
            if poor:
                self._drop(poor[0])  # one at a time: a frame it leaves may complete the next
            elif over:
                released += self._let_go(groups[: over[-1]], now_ns)
            elif self._is_closed(groups[0]):
                released += self._let_go(groups[:1], now_ns)
            else:
                break
        for lane in self._lanes:  # what is over and in no set found no reference in its time
            lane.discard([entry for entry in lane.entries if entry.arrival_ns <= begun_ns])
        return released

    def _is_closed(self, group: Group) -> bool:
        """Whether no frame will join a set any more."""
        for index, lane in enumerate(self._lanes):
            if index in group.members or lane.missed >= STALL_SETS:
                continue
            if lane.in_order < self._order_proof or lane.newest_ns < group.stamp_ns + self.tolerance_ns:
                return False
        return True

    def _let_go(self, groups: Sequence[Group], now_ns: int) -> list[FrameSet]:
        """Send sets out, oldest first; drop those with too few frames."""
        released = []
        for group in groups:
            if len(group.members) < self.min_views:
                self._drop(group)
            else:
                released.append(self._send(group, now_ns))
        return released

    def _send(self, group: Group, now_ns: int) -> FrameSet:
        frames = {self.views[index]: entry.frame for index, entry in sorted(group.members.items())}
        frame_set = FrameSet(group.stamp_ns, self.views, frames, now_ns - group.first_arrival_ns)
        self._complete_sets += len(frames) == len(self.views)
        self._partial_sets += len(frames) < len(self.views)
        self._rate.add(now_ns)
        self._skews_ns.append(frame_set.skew_ns)
        self._latencies_ns.append(now_ns - group.stamp_ns)
        self._last_set_ns = group.stamp_ns
        self._groups = None
        for index, lane in enumerate(self._lanes):
            entry = group.members.get(index)
            if entry is not None:
                lane.used += 1
                lane.used_ns = entry.stamp_ns
                lane.entries.remove(entry)
            else:
                lane.missed += 1
            # A moment gets one set: what comes later for it may not refer to a second one.
            lane.floor_ns = max(group.stamp_ns + (0 if entry else self.tolerance_ns), lane.used_ns)
            lane.discard([other for other in lane.entries if self._is_hopeless(index, other.stamp_ns)])
        return frame_set

    def _drop(self, group: Group) -> None:
        self._dropped_sets += 1
        self._groups = None
        for index, lane in enumerate(self._lanes):
            entry = group.members.get(index)
            if entry is None:
                lane.missed += 1
            else:
                lane.discard([entry])

    def _make_room(self, lane: _Lane, now_ns: int) -> list[FrameSet]:
        """Let the oldest frame of a full buffer go: in its set if that has enough views."""
        if len(lane.entries) <= self._capacity:
            return []
        oldest = lane.entries[0]
        for number, group in enumerate(self._grouped(), 1):
            if oldest in group.members.values() and len(group.members) >= self.min_views:
                return self._let_go(self._grouped()[:number], now_ns)
        lane.entries.remove(oldest)
        lane.overflow += 1
        self._groups = None
        return []


def _camera_counters(lane: _Lane, now_ns: int) -> CameraCounters:
    return CameraCounters(
        view=lane.view,
        received=lane.received,
        used=lane.used,
        late=lane.late,
        duplicate=lane.duplicate,
        unmatched=lane.unmatched,
        overflow=lane.overflow,
        rate_hz=lane.rate.rate_hz(now_ns),
        silent_s=float("nan") if lane.arrived_ns is None else (now_ns - lane.arrived_ns) / 1e9,
        stalled=lane.missed >= STALL_SETS,
    )
