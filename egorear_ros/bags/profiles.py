"""Quality of service that the nodes offer, as recordings state it. `bridge/qos.py` has the same for ROS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rosbags.interfaces import Qos


@dataclass(frozen=True)
class Profile:
    """Depth of the history (keep last), reliable or best effort, transient local or volatile."""

    depth: int
    reliable: bool
    latched: bool


CAMERA = Profile(depth=5, reliable=False, latched=False)
RESULTS = Profile(depth=10, reliable=True, latched=False)
LATCHED = Profile(depth=1, reliable=True, latched=True)


def qos(profile: Profile) -> "Qos":
    """Return a profile as `rosbags` takes it."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

    forever = QosTime(9223372036, 854775807)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=profile.depth,
        reliability=QosReliability.RELIABLE if profile.reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if profile.latched else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
