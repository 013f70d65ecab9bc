from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from egorear_ros.config import SourceConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.factory import make_source
from egorear_ros.sources.truth import make_truth
from egorear_ros.sources.wearer import WearerSource, shared_wearer, tick_time_s
from egorear_ros.structures import Rig

CONFIG = SourceConfig(kind="wearer", width=96, height=96, seed=4)
TICK = 51_000_000_017


@pytest.fixture(scope="module")
def helmet() -> Rig:
    return load_rig("ego4view_syn")


@pytest.fixture
def source(helmet: Rig) -> WearerSource:
    source = make_source(CONFIG, helmet, "front_left")
    assert isinstance(source, WearerSource)
    source.open()
    return source


def test_pictures_have_the_configured_size_and_show_something(source: WearerSource) -> None:
    picture = source.read(TICK)
    assert (picture.encoding, picture.monotonic_ns) == ("rgb8", None)
    assert isinstance(picture.data, np.ndarray)
    assert picture.data.shape == (96, 96, 3)
    assert picture.data.std() > 20
    assert source.paced


def test_pictures_depend_on_the_tick_alone_and_move(source: WearerSource, helmet: Rig) -> None:
    first, later = source.read(TICK), source.read(TICK + 15)
    again = make_source(CONFIG, load_rig("ego4view_syn"), "front_left")
    again.open()
    again.read(TICK + 99)
    np.testing.assert_array_equal(again.read(TICK).data, first.data)
    assert np.abs(np.subtract(first.data, later.data, dtype=int)).mean() > 1


def test_cameras_of_one_process_share_the_wearer_but_other_seeds_do_not(helmet: Rig) -> None:
    assert shared_wearer(helmet, CONFIG) is shared_wearer(load_rig("ego4view_syn"), CONFIG)
    assert shared_wearer(helmet, replace(CONFIG, seed=5)) is not shared_wearer(helmet, CONFIG)


def test_ground_truth_is_of_the_same_moment_as_the_pictures(helmet: Rig) -> None:
    joints = make_truth(CONFIG, helmet).joints_device(TICK)
    wearer = shared_wearer(helmet, CONFIG)
    np.testing.assert_array_equal(joints, wearer.truth(tick_time_s(TICK, CONFIG.rate_hz)).joints_device)
    assert np.abs(joints - make_truth(CONFIG, helmet).joints_device(TICK + 15)).max() > 0.005


def test_size_0_is_the_calibrated_size(helmet: Rig) -> None:
    source = make_source(replace(CONFIG, width=0, height=0), helmet, "back_right")
    source.open()
    assert isinstance(picture := source.read(0).data, np.ndarray)
    assert picture.shape == (872, 872, 3)


def test_a_size_of_another_aspect_ratio_is_refused(helmet: Rig) -> None:
    with pytest.raises(SourceError, match="front_left: source.width x source.height: 96x48 px is no uniform scaling"):
        make_source(replace(CONFIG, height=48), helmet, "front_left")


def test_an_unknown_view_is_named(helmet: Rig) -> None:
    with pytest.raises(KeyError, match="no view 'top'"):
        make_source(CONFIG, helmet, "top")


def test_a_missing_clip_is_named_when_opening(helmet: Rig, tmp_path: Path) -> None:
    source = make_source(replace(CONFIG, path=str(tmp_path / "walk.bvh")), helmet, "front_left")
    with pytest.raises(SourceError, match="there is no motion clip .*walk.bvh"):
        source.open()


def test_reading_before_opening_and_after_closing_is_an_error(helmet: Rig, source: WearerSource) -> None:
    source.close()
    source.close()
    with pytest.raises(SourceError, match="is not open"):
        source.read(0)
