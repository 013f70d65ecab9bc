"""Frame sets from a recording, by the synchronizer of the live rig."""

from collections.abc import Callable, Iterator, Mapping

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError, RawMessage
from egorear_ros.bags.decode import decode_frame
from egorear_ros.bags.views import RigTopics
from egorear_ros.config import SyncConfig
from egorear_ros.ros_messages import ImageError
from egorear_ros.structures import FrameSet
from egorear_ros.sync import Synchronizer

MS_NS = 1_000_000


class FrameSets:
    """Pairs the images of a recording; iterate once.

    The clock is that of the recorder, so a set goes out as it would have on the rig, and two runs are equal.

    Args:
        bag: the recording.
        topics: its cameras.
        sync: limits of the synchronizer.
        keep: whether the rig has an image, by the message and its view: False for one that is to be lost.

    Attributes:
        synchronizer: its `status` has the counters.
        damaged: images that could not be read, one sentence each.
        now_ns: the recorder's clock: when the set yielded last went out, ns.
        lost: images that `keep` refused.
    """

    def __init__(
        self,
        bag: Bag,
        topics: RigTopics,
        sync: SyncConfig,
        keep: Callable[[RawMessage, str], bool] = lambda _message, _view: True,
    ) -> None:
        self._bag = bag
        self._views: Mapping[str, str] = {topic: view for view, topic in topics.images.items()}
        self._keep = keep
        self.synchronizer = make_synchronizer(topics.views, sync)
        self.damaged: list[str] = []
        self.now_ns = self.lost = 0

    def __iter__(self) -> Iterator[FrameSet]:
        """Yield sets, oldest first."""
        for message in self._bag.messages(self._views):
            view = self._views[message.topic.name]
            if not self._keep(message, view):
                self.lost += 1
                continue
            try:
                frame = decode_frame(message, view)
            except (BagError, ImageError) as error:
                self.damaged.append(str(error))
                continue
            yield from self._catch_up(message.log_ns)
            self.now_ns = message.log_ns
            yield from self.synchronizer.push(frame, message.log_ns)
        yield from self._catch_up(None)

    def _catch_up(self, now_ns: int | None) -> Iterator[FrameSet]:
        for moment_ns, sets in waits_over(self.synchronizer, now_ns):
            self.now_ns = moment_ns
            yield from sets


def make_synchronizer(views: tuple[str, ...], sync: SyncConfig) -> Synchronizer:
    """Return the synchronizer that the node makes of the same configuration; a single view makes sets alone."""
    min_views = min(sync.min_views, len(views))
    return Synchronizer(views, round(sync.tolerance_ms * MS_NS), round(sync.max_wait_ms * MS_NS), min_views)


def catch_up(synchronizer: Synchronizer, now_ns: int | None) -> Iterator[FrameSet]:
    """Yield the sets whose wait was over before a moment (None: all), at the moment when it was."""
    for _, sets in waits_over(synchronizer, now_ns):
        yield from sets


def waits_over(synchronizer: Synchronizer, now_ns: int | None) -> Iterator[tuple[int, list[FrameSet]]]:
    """Yield (moment, sets) where waits were over before a moment; None: all of them."""
    while (deadline_ns := synchronizer.next_deadline_ns()) is not None and (now_ns is None or deadline_ns <= now_ns):
        yield deadline_ns, synchronizer.poll(deadline_ns)
