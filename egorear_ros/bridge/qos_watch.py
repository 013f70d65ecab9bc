"""Names publishers and subscriptions that do not hear each other because their QoS differs."""

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


class QosWatch:
    """Remembers the topics where the middleware reported incompatible QoS, and says why.

    Args:
        node: owner of the publishers and subscriptions.
        report: called with a sentence when a mismatch appears.
    """

    def __init__(self, node: Node, report: Callable[[str], None]) -> None:
        self._node = node
        self._report = report
        self._suspects: dict[tuple[str, bool], QoSProfile] = {}

    def publisher_events(self, topic: str, qos: QoSProfile) -> PublisherEventCallbacks:
        """Return the event callbacks for a publisher with this resolved topic and QoS."""
        return PublisherEventCallbacks(incompatible_qos=lambda _: self._suspect(topic, True, qos))

    def subscription_events(self, topic: str, qos: QoSProfile) -> SubscriptionEventCallbacks:
        """Return the event callbacks for a subscription with this resolved topic and QoS."""
        return SubscriptionEventCallbacks(incompatible_qos=lambda _: self._suspect(topic, False, qos))

    def forget(self) -> None:
        """Forget all mismatches, as when the node's topics are destroyed."""
        self._suspects.clear()

    def problems(self) -> list[str]:
        """Return one sentence per mismatch that still exists."""
        found = []
        for key, qos in list(self._suspects.items()):
            texts = self._mismatches(*key, qos)
            if not texts:
                del self._suspects[key]
            found += texts
        return found

    def _suspect(self, topic: str, publishes: bool, qos: QoSProfile) -> None:
        new = (topic, publishes) not in self._suspects
        self._suspects[topic, publishes] = qos
        if new:
            for text in self._mismatches(topic, publishes, qos):
                self._report(text)

    def _mismatches(self, topic: str, publishes: bool, qos: QoSProfile) -> list[str]:
        node = self._node
        others = (node.get_subscriptions_info_by_topic if publishes else node.get_publishers_info_by_topic)(topic)
        texts = []
        for other in others:
            pair = (qos, other.qos_profile) if publishes else (other.qos_profile, qos)
            verdict, reason = qos_check_compatible(*pair)
            if verdict == QoSCompatibility.ERROR:
                what = "subscription" if publishes else "publisher"
                name = f"{other.node_namespace.rstrip('/')}/{other.node_name}"
                key = f"qos_overrides.{topic}.{'publisher' if publishes else 'subscription'}"
                texts.append(
                    f"{topic}: nothing flows between this node and the {what} of {name}, whose QoS does not fit: "
                    f"{_plain(reason)}. Change its QoS, or ours with the parameters {key}.*"
                )
        return texts


def _plain(reason: str) -> str:
    """Return "ERROR: A and B;WARNING: C;" as words."""
    parts = (part.split(":", 1)[-1].strip() for part in reason.split(";"))
    return ", ".join(part[0].lower() + part[1:] for part in parts if part)
