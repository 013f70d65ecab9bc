"""What nodes say about their health on /diagnostics.

The `diagnostic_updater` package is not available as a wheel; this is the part of it that is needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


class Level(IntEnum):
    """Severity; values equal the constants of `diagnostic_msgs/DiagnosticStatus`."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Health:
    """One line of a node's diagnostics.

    Attributes:
        part: what it is about, for example "stream".
        level: how bad it is.
        message: one sentence, with the next step if there is one.
        values: numbers and names behind it.
    """

    part: str
    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def diagnostic_array(stamp: Time, node: str, hardware_id: str, parts: Iterable[Health]) -> DiagnosticArray:
    """Return the message for some health lines of one node.

    Args:
        stamp: now.
        node: fully qualified node name; each status is called "<node>: <part>".
        hardware_id: the rig or device the node works with.
        parts: what to report.
    """
    message = DiagnosticArray()
    message.header.stamp = stamp
    message.status = [
        DiagnosticStatus(
            level=bytes([part.level]),
            name=f"{node.lstrip('/')}: {part.part}",
            message=part.message,
            hardware_id=hardware_id,
            values=[KeyValue(key=key, value=_text(value)) for key, value in part.values.items()],
        )
        for part in parts
    ]
    return message


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
