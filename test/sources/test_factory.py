"""Every kind of source can be made, and an unknown one is refused."""

import pytest

from egorear_ros.config import ConfigError, SourceConfig
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.factory import make_source
from egorear_ros.structures import Rig


@pytest.mark.parametrize(("kind", "paced"), [("sequence", True), ("images", True), ("video", True), ("v4l2", False)])
def test_kind_makes_a_closed_source(rig: Rig, kind: str, paced: bool) -> None:
    source = make_source(SourceConfig(kind=kind, path="somewhere"), rig, "front_left")
    assert source.paced == paced
    source.close()


def test_unknown_kind_names_the_known_ones(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="'gopro'; expected one of: wearer, sequence, images, video, v4l2"):
        make_source(SourceConfig(kind="gopro"), rig, "front_left")


@pytest.mark.parametrize("kind", ["sequence", "images", "video", "v4l2"])
def test_unknown_view_and_impossible_size_are_refused(rig: Rig, kind: str) -> None:
    with pytest.raises(KeyError, match="no view 'chin'.*front_left, front_right"):
        make_source(SourceConfig(kind=kind), rig, "chin")
    with pytest.raises(SourceError, match="64x64 px but calib/small.yaml calibrates 64x48"):
        make_source(SourceConfig(kind=kind, width=64, height=64), rig, "front_left")
