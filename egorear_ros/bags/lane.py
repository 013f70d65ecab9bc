"""What is learned about one topic of a recording while it is scanned, in a fixed amount of memory."""

from egorear_ros.bags.arrivals import KEPT_EVENTS, Arrivals, Events
from egorear_ros.bags.base import RawMessage, Topic
from egorear_ros.bags.cdr import Header, read_header, read_image_head
from egorear_ros.bags.histogram import Durations
from egorear_ros.bags.typestore import BODY_POSE, CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from egorear_ros.ros_messages import compressed_encoding

STAMPED = (COMPRESSED_IMAGE, IMAGE, CAMERA_INFO, BODY_POSE)


class Lane:
    """One topic.

    Attributes:
        topic: its name and type.
        count: messages.
        bytes: of all messages.
        first_ns, last_ns: stamps of the first and last message (log times for messages without a header), ns.
        frame_ids: TF frames in the headers; more than a few are not kept.
        contents: different CameraInfo, by what follows the header.
        steps: durations from stamp to stamp.
        longest: (at_s, size_s) of the longest steps.
        backward, same: stamps older than, and equal to, the one before.
        arrivals: stamps against the recorder's clock.
        damaged: messages without a readable header.
        empty: images without a byte.
        other_formats: images that are neither JPEG nor PNG.
    """

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.count = self.bytes = self.damaged = self.empty = self.other_formats = 0
        self.first_ns: int | None = None
        self.last_ns = 0
        self.frame_ids: dict[str, int] = {}
        self.contents: dict[bytes, RawMessage] = {}
        self.steps = Durations()
        self.longest: list[tuple[float, float]] = []
        self.backward, self.same, self.arrivals = Events(), Events(), Arrivals()

    def add(self, message: RawMessage, begin_ns: int) -> Header | None:
        """Learn from a message; return its header, if it has one.

        Args:
            message: its beginning.
            begin_ns: log time of the first message of all, ns.
        """
        self.count += 1
        self.bytes += message.size
        header = None
        if self.topic.type in STAMPED:
            header = read_header(message.data)
            if header is None:
                self.damaged += 1
                return None
            self._look_inside(message, header)
        self._step(header.stamp_ns if header else message.log_ns, message.log_ns, (message.log_ns - begin_ns) * 1e-9)
        return header

    @property
    def duration_s(self) -> float:
        """From the first to the last stamp."""
        return 0.0 if self.first_ns is None else (self.last_ns - self.first_ns) * 1e-9

    @property
    def rate_hz(self) -> float:
        """Messages per second; NaN for fewer than two."""
        return (self.count - 1) / self.duration_s if self.count > 1 and self.duration_s > 0 else float("nan")

    def _look_inside(self, message: RawMessage, header: Header) -> None:
        if header.frame_id in self.frame_ids or len(self.frame_ids) < KEPT_EVENTS:
            self.frame_ids[header.frame_id] = self.frame_ids.get(header.frame_id, 0) + 1
        if self.topic.type == COMPRESSED_IMAGE:
            image = read_image_head(message.data, header)
            if image is None or image.begin + image.size > message.size:
                self.damaged += 1
            else:
                self.empty += image.size == 0
                self.other_formats += image.size > 0 and not compressed_encoding(image.format, image.start)
        elif self.topic.type == CAMERA_INFO and len(self.contents) < KEPT_EVENTS:
            self.contents.setdefault(message.data[header.end :], message)

    def _step(self, stamp_ns: int, log_ns: int, at_s: float) -> None:
        clock_was_set = self.arrivals.add(stamp_ns, log_ns, at_s)
        if self.first_ns is None:
            self.first_ns = stamp_ns
        elif not clock_was_set:
            step_ns = stamp_ns - self.last_ns
            if step_ns < 0:
                self.backward.add(at_s, step_ns * 1e-9)
            elif step_ns == 0:
                self.same.add(at_s, 0.0)
            else:
                self.steps.add(step_ns)
                self._keep_long(at_s, step_ns * 1e-9)
        self.last_ns = stamp_ns

    def _keep_long(self, at_s: float, step_s: float) -> None:
        if len(self.longest) < KEPT_EVENTS or step_s > self.longest[-1][1]:
            self.longest.append((at_s, step_s))
            self.longest.sort(key=lambda step: -step[1])
            del self.longest[KEPT_EVENTS:]
