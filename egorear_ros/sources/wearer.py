"""The synthetic wearer as an image source: one view of a person rendered through the rig's lens."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

from egorear_ros.config import SourceConfig
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.sources.base import Picture, SourceError
from egorear_ros.sources.pacing import period_ns
from egorear_ros.structures import Rig

if TYPE_CHECKING:
    from egorear_synth.wearer import Wearer

KEPT_WEARERS = 4

_wearers: "OrderedDict[tuple[Hashable, ...], Wearer]" = OrderedDict()
_wearers_lock = threading.Lock()


def shared_wearer(rig: Rig, config: SourceConfig) -> "Wearer":
    """Return the wearer of a rig; the cameras of one process share it, and with it each posed body.

    Args:
        rig: all cameras.
        config: `seed`, `path` and `clip_rate_hz` are used.

    Raises:
        SourceError: the renderer is not installed, or the motion clip cannot be used.
    """
    # Every camera node reads the rig's file itself, so rigs are the same if their contents are.
    person = (config.seed, config.path, config.clip_rate_hz)
    key = (*person, *((camera.view, camera.lens, camera.T_device_camera.tobytes()) for camera in rig.cameras))
    with _wearers_lock:
        if key not in _wearers:
            _wearers[key] = _make_wearer(rig, *person)
            while len(_wearers) > KEPT_WEARERS:
                _wearers.popitem(last=False)
        _wearers.move_to_end(key)
        return _wearers[key]


def _make_wearer(rig: Rig, seed: int, motion_path: str, clip_rate_hz: float) -> "Wearer":
    try:
        from egorear_synth.wearer import make_wearer
    except ImportError as error:
        raise SourceError(
            f"the synthetic wearer needs the package embreex: {error}. Install it: pip install embreex."
        ) from error
    try:
        return make_wearer(rig, seed, motion_path, clip_rate_hz)
    except (ValueError, OSError) as error:
        raise SourceError(f"synthetic wearer: {error}") from error


def tick_time_s(tick: int, rate_hz: float) -> float:
    """Return the moment that the wearer is seen at by all views, s on the cameras' clock."""
    return tick * period_ns(rate_hz) / 1e9


class WearerSource:
    """Render one view of the synthetic wearer at each tick.

    Args:
        config: `seed`, `path` (motion clip), `clip_rate_hz`, `width`, `height` and `rate_hz` are used.
        rig: all cameras.
        view: the one to render.

    Raises:
        KeyError: the rig has no such view.
        SourceError: width and height do not fit the calibration's aspect ratio.
    """

    paced = True

    def __init__(self, config: SourceConfig, rig: Rig, view: str) -> None:
        lens = rig[view].lens
        self._size = (config.width or lens.width, config.height or lens.height)
        try:
            scale_lens(lens, *self._size)
        except ValueError as error:
            raise SourceError(f"{view}: source.width x source.height: {error}") from error
        self._config, self._rig, self._view = config, rig, view
        self._wearer: Wearer | None = None

    def open(self) -> None:
        """Make the wearer, or find the one that other views of this process use already.

        Raises:
            SourceError: the renderer is not installed, or the motion clip cannot be used.
        """
        self._wearer = shared_wearer(self._rig, self._config)

    def read(self, tick: int) -> Picture:
        """Return the view at a tick, `rgb8`.

        Raises:
            SourceError: the source is not open.
        """
        if self._wearer is None:
            raise SourceError(f"{self._view}: the synthetic wearer is not open; call open() first.")
        time_s = tick_time_s(tick, self._config.rate_hz)
        return Picture("rgb8", self._wearer.render(self._view, time_s, *self._size))

    def close(self) -> None:
        """Let go of the wearer."""
        self._wearer = None
