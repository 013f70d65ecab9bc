"""Which cameras are silent, and since when: what the sync node reports about its inputs."""

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass
class _Lane:
    heard_ns: int
    frames: int = 0
    silent: bool = False


class SilenceWatch:
    """Notices when a camera falls silent and when it is heard again, once each.

    Times are of a steady clock, because a simulated one stands still where nobody publishes it.

    Args:
        views: all cameras.
        now_ns: the beginning: a camera that was never heard is silent since then.
    """

    def __init__(self, views: tuple[str, ...], now_ns: int) -> None:
        self._lanes = {view: _Lane(now_ns) for view in views}

    def heard(self, view: str, now_ns: int) -> float | None:
        """Note a frame; return how long the camera was silent, s, if that had been noticed, else None."""
        lane = self._lanes[view]
        silent_s = (now_ns - lane.heard_ns) / NS_PER_S if lane.silent else None
        lane.heard_ns, lane.silent = now_ns, False
        lane.frames += 1
        return silent_s

    def frames(self, view: str) -> int:
        """Return how many frames a camera has sent."""
        return self._lanes[view].frames

    def silent_s(self, view: str, now_ns: int) -> float:
        """Return the time since a camera was heard, s."""
        return (now_ns - self._lanes[view].heard_ns) / NS_PER_S

    def fallen_silent(self, timeout_s: float, now_ns: int) -> list[str]:
        """Return the cameras that are silent for `timeout_s` now and were not at the last call."""
        fallen = []
        for view, lane in self._lanes.items():
            if not lane.silent and self.silent_s(view, now_ns) >= timeout_s:
                lane.silent = True
                fallen.append(view)
        return fallen

    def is_silent(self, view: str) -> bool:
        """Return whether a camera was found silent and has not been heard since."""
        return self._lanes[view].silent
