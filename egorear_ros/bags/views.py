"""Which topics of a recording are the rig's cameras."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from egorear_ros.bags.bag import Bag, absolute
from egorear_ros.bags.base import BagError, Topic
from egorear_ros.bags.origin import read_rig
from egorear_ros.bags.typestore import COMPRESSED_IMAGE, IMAGE
from egorear_ros.geometry.ego4view import VIEWS
from egorear_ros.names import TRUTH_TOPIC, camera_info_topic, image_topic, raw_image_topic
from egorear_ros.structures import Rig

_IMAGE_ENDS = (image_topic(""), raw_image_topic(""))


@dataclass(frozen=True)
class RigTopics:
    """The topics of one rig in one recording.

    Attributes:
        namespace: of its nodes, "" or with a leading slash.
        views: in the order of the rig.
        images: topic of the images by view: compressed ones, or raw ones where only those were recorded.
    """

    namespace: str
    views: tuple[str, ...]
    images: dict[str, str]

    def name(self, topic: str) -> str:
        """Return the absolute name of one of the rig's topics."""
        return absolute(f"{self.namespace}/{topic}")

    @property
    def truth(self) -> str:
        """The topic of the ground truth."""
        return self.name(TRUTH_TOPIC)

    def info(self, view: str) -> str:
        """Return the topic of a view's CameraInfo."""
        return self.name(camera_info_topic(view))


def namespaces(topics: Sequence[Topic]) -> list[str]:
    """Return the namespaces that have camera images, the one with most views first."""
    counts = Counter(split[0] for topic in topics if (split := split_image_topic(topic.name)) is not None)
    return sorted(counts, key=lambda namespace: (-counts[namespace], namespace))


def several_rigs(topics: Sequence[Topic]) -> str:
    """Return what to say where a recording has more than one rig; empty: it has not."""
    spaces = namespaces(topics)
    listed = ", ".join(space or "/" for space in spaces)
    return f"Cameras of {len(spaces)} rigs: {listed}. Choose one with --namespace." if len(spaces) > 1 else ""


def refuse_several_rigs(bag: Bag, namespace: str | None) -> None:
    """Refuse to choose a rig for the user.

    Raises:
        BagError: there are several, and none was named.
    """
    several = several_rigs(bag.topics) if namespace is None else ""
    if several:
        raise BagError(f"{bag.path}: {several}")


def rig_topics(topics: Sequence[Topic], namespace: str | None, views: Sequence[str] = ()) -> RigTopics:
    """Return the topics of a rig.

    Args:
        topics: what the recording has.
        namespace: of the rig; None: the one with most views.
        views: of the rig; empty: those that the recording has, Ego4View's in their order first.
    """
    if namespace is None:
        namespace = next(iter(namespaces(topics)), "")
    space = absolute(namespace).rstrip("/")
    names = {topic.name for topic in topics}
    if not views:
        splits = [split_image_topic(name) for name in sorted(names)]
        found = dict.fromkeys(split[1] for split in splits if split is not None and split[0] == space)
        views = sorted(found, key=lambda view: (VIEWS.index(view) if view in VIEWS else len(VIEWS), view))
    images = {}
    for view in views:
        compressed, raw = (absolute(f"{space}/{name}") for name in (image_topic(view), raw_image_topic(view)))
        images[view] = raw if compressed not in names and raw in names else compressed
    return RigTopics(space, tuple(views), images)


def split_image_topic(name: str) -> tuple[str, str] | None:
    """Return (namespace, view) of a topic that is named as camera images are; None for others."""
    for end in _IMAGE_ENDS:
        if name.endswith(end):
            namespace, _, view = name.removesuffix(end).rpartition("/")
            return (namespace, view) if view else None
    return None


def choose_rig(bag: Bag, given: Rig | None) -> Rig | None:
    """Return the rig that was given, else the one that the recording carries; None: neither.

    Raises:
        CalibrationError: what it carries is damaged.
    """
    return given if given is not None else read_rig(bag.custom, bag.path)


def is_image(topic: Topic) -> bool:
    """Return whether a topic's type is an image."""
    return topic.type in (COMPRESSED_IMAGE, IMAGE)
