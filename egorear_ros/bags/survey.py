"""Look through a whole recording once, at stamps and headers only: no image is decoded, hardly any is read.

Memory does not grow with the length of the recording.
"""

import heapq
from collections.abc import Callable
from typing import Any

from egorear_ros.bags.arrivals import JUMP_NS, Events
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError, RawMessage, Topic
from egorear_ros.bags.cdr import HEAD_BYTES
from egorear_ros.bags.decode import decode
from egorear_ros.bags.frame_sets import catch_up, make_synchronizer
from egorear_ros.bags.histogram import Durations
from egorear_ros.bags.lane import Lane
from egorear_ros.bags.typestore import TF_MESSAGE
from egorear_ros.bags.views import RigTopics
from egorear_ros.config import SyncConfig
from egorear_ros.names import TF_STATIC_TOPIC
from egorear_ros.structures import Frame, FrameSet

PROGRESS_EVERY = 2000
KEPT_IMAGES = 500
"""So many of a camera show whether its clock is off."""

DISORDER_NS = 3_000_000_000
"""Under load rosbag2's recorder writes topic after topic what has gathered: messages lie up to so far out of order."""


class Survey:
    """What a recording holds.

    Args:
        bag: the recording; it is read to its end here.
        topics: its cameras.
        sync: limits of the synchronizer, whose sets are counted.
        progress: called with the number of messages now and then.

    Attributes:
        lanes: one per topic, in order.
        messages, bytes: in all.
        begin_ns, end_ns: earliest and latest log time, ns; None: no message.
        clock_jumps: the recorder's own clock went back.
        static_frames: transforms on /tf_static by child frame, as (parent, numbers); several where they differ.
        complete, partial, dropped: sets that the live synchronizer would have made.
        skews: between the frames of a set.
        arrived: (log time, stamp) of each camera's first images, by view, ns.
    """

    def __init__(
        self, bag: Bag, topics: RigTopics, sync: SyncConfig, progress: Callable[[int], None] | None = None
    ) -> None:
        self.lanes = {topic: Lane(topic) for topic in bag.topics}
        self.messages = self.bytes = 0
        self._first_ns = self._newest_ns = self._frames = 0
        self._newest_of: dict[Topic, int] = {}
        self._waiting: list[tuple[int, int, Frame]] = []
        self.begin_ns: int | None = None
        self.end_ns: int | None = None
        self.clock_jumps = Events()
        self.static_frames: dict[str, list[tuple[Any, ...]]] = {}
        self.skews = Durations()
        self.arrived: dict[str, list[tuple[int, int]]] = {view: [] for view in topics.views}
        self._views = {topic: view for view, topic in topics.images.items()}
        self._synchronizer = make_synchronizer(topics.views, sync) if topics.views else None
        for message in bag.scan(HEAD_BYTES, whole=[TF_STATIC_TOPIC]):
            self._add(message)
            if progress is not None and self.messages % PROGRESS_EVERY == 0:
                progress(self.messages)
        self.complete = self.partial = self.dropped = 0
        self._synchronize(None)
        if self._synchronizer is not None:
            self._count_skew(list(catch_up(self._synchronizer, None)))
            status = self._synchronizer.status(self.end_ns or 0)
            self.complete, self.partial = status.complete_sets, status.partial_sets
            self.dropped = status.dropped_sets

    @property
    def duration_s(self) -> float:
        """From the first to the last message, by the recorder's clock."""
        return 0.0 if self.begin_ns is None or self.end_ns is None else (self.end_ns - self.begin_ns) * 1e-9

    def lane(self, name: str) -> Lane | None:
        """Return the topic of a name; where several types share it, the one with most messages."""
        found = [lane for lane in self.lanes.values() if lane.topic.name == name]
        return max(found, key=lambda lane: lane.count, default=None)

    def _add(self, message: RawMessage) -> None:
        if self.begin_ns is None or self.end_ns is None:
            self.begin_ns = self.end_ns = self._first_ns = self._newest_ns = message.log_ns
        self._tell_time(message)
        self.begin_ns = min(self.begin_ns, message.log_ns)
        self.end_ns = max(self.end_ns, message.log_ns)
        self.messages += 1
        self.bytes += message.size
        lane = self.lanes.get(message.topic)
        if lane is None:
            lane = self.lanes[message.topic] = Lane(message.topic)
        header = lane.add(message, self._first_ns)
        view = self._views.get(message.topic.name)
        if view is not None and header is not None and self._synchronizer is not None:
            self._frames += 1
            if len(self.arrived[view]) < KEPT_IMAGES:
                self.arrived[view].append((message.log_ns, header.stamp_ns))
            heapq.heappush(self._waiting, (message.log_ns, self._frames, Frame(view, header.stamp_ns, "jpeg", b"")))
            self._synchronize(self._newest_ns - DISORDER_NS)
        elif message.topic.name == TF_STATIC_TOPIC and message.topic.type == TF_MESSAGE:
            self._take_static(message, lane)

    def _tell_time(self, message: RawMessage) -> None:
        """Follow the recorder's clock: it is judged topic by topic, because each of them lies in order."""
        before_ns = self._newest_of.get(message.topic, message.log_ns)
        if message.log_ns < before_ns - JUMP_NS:
            self.clock_jumps.add((before_ns - self._first_ns) * 1e-9, (message.log_ns - before_ns) * 1e-9)
            self._newest_of.clear()
            self._synchronize(None)
            before_ns = self._newest_ns = message.log_ns
        self._newest_of[message.topic] = max(before_ns, message.log_ns)
        self._newest_ns = max(self._newest_ns, message.log_ns)

    def _synchronize(self, until_ns: int | None) -> None:
        """Give the synchronizer the frames that came before a moment (None: all), as they came."""
        while self._synchronizer is not None and self._waiting and (until_ns is None or self._waiting[0][0] < until_ns):
            log_ns, _, frame = heapq.heappop(self._waiting)
            self._count_skew(list(catch_up(self._synchronizer, log_ns)))
            self._count_skew(self._synchronizer.push(frame, log_ns))

    def _count_skew(self, sets: list[FrameSet]) -> None:
        for frames in sets:
            if len(frames.frames) > 1:
                self.skews.add(frames.skew_ns)

    def _take_static(self, message: RawMessage, lane: Lane) -> None:
        try:
            transforms = decode(message).transforms
        except BagError:
            lane.damaged += 1
            return
        for one in transforms:
            place, turn = one.transform.translation, one.transform.rotation
            value = (one.header.frame_id, place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w)
            known = self.static_frames.setdefault(one.child_frame_id, [])
            if value not in known and len(known) < 2:
                known.append(value)
