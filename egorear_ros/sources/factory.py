"""Choose an image source by its kind."""

from collections.abc import Callable

from egorear_ros.config import ConfigError, SourceConfig
from egorear_ros.sources.base import Source
from egorear_ros.structures import Rig

# Imports are lazy: a camera device needs no video library, a folder needs no renderer.


def _wearer(config: SourceConfig, rig: Rig, view: str) -> Source:
    from egorear_ros.sources.wearer import WearerSource

    return WearerSource(config, rig, view)


def _sequence(config: SourceConfig, rig: Rig, view: str) -> Source:
    from egorear_ros.sources.sequence import SequenceSource

    return SequenceSource(config, rig, view)


def _images(config: SourceConfig, rig: Rig, view: str) -> Source:
    from egorear_ros.sources.images import ImagesSource

    return ImagesSource(config, rig, view)


def _video(config: SourceConfig, rig: Rig, view: str) -> Source:
    from egorear_ros.sources.video import VideoSource

    return VideoSource(config, rig, view)


def _v4l2(config: SourceConfig, rig: Rig, view: str) -> Source:
    from egorear_ros.sources.v4l2 import V4l2Source

    return V4l2Source(config, rig, view)


_SOURCES: dict[str, Callable[[SourceConfig, Rig, str], Source]] = {
    "wearer": _wearer,
    "sequence": _sequence,
    "images": _images,
    "video": _video,
    "v4l2": _v4l2,
}


def make_source(config: SourceConfig, rig: Rig, view: str) -> Source:
    """Return the source of one view's images; it is not open yet.

    Raises:
        ConfigError: the kind is unknown.
        KeyError: the rig has no such view.
        SourceError: the configured image size does not fit the calibration.
    """
    if config.kind not in _SOURCES:
        raise ConfigError(f"source.kind is {config.kind!r}; expected one of: {', '.join(_SOURCES)}.")
    return _SOURCES[config.kind](config, rig, view)
