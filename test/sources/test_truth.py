"""Ground truth of sequences and of the synthetic wearer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egorear_ros.config import ConfigError, SourceConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import EndOfSource, SourceError
from egorear_ros.sources.truth import make_truth, read_joints_device


def annotation(index: int) -> dict[str, Any]:
    """Joints in cm: x counts frames, y counts joints."""
    return {
        "joints": {
            name: {"device_pts3d": [float(index), float(joint), 100.0]}
            for joint, name in enumerate(EGO4VIEW.dataset_names)
        }
    }


@pytest.fixture(params=["json_smplx_gendered", "json_smplx"])
def sequence(tmp_path: Path, request: Any) -> Path:
    (tmp_path / "fisheye_rgb").mkdir()
    (tmp_path / request.param).mkdir()
    for index in (0, 2, 10):
        (tmp_path / request.param / f"{index}.json").write_text(json.dumps(annotation(index)))
    return tmp_path


def config(path: Path, **values: Any) -> SourceConfig:
    return SourceConfig(kind="sequence", path=str(path), rate_hz=10.0, **values)


def test_joints_are_in_metres_in_our_order_and_follow_the_frames(sequence: Path) -> None:
    truth = make_truth(config(sequence), load_rig("ego4view_syn"))
    for tick, index in ((3, 0), (4, 2), (5, 10), (6, 0)):  # three frames, in a loop from tick 0
        expected = np.stack([np.full(16, 0.01 * index), 0.01 * np.arange(16), np.ones(16)], axis=-1)
        np.testing.assert_allclose(truth.joints_device(tick), expected)


def test_a_sequence_that_is_played_once_ends(sequence: Path) -> None:
    truth = make_truth(config(sequence, loop=False), load_rig("ego4view_syn"))
    assert [truth.joints_device(tick)[0, 0] for tick in (100, 101, 102)] == pytest.approx([0.0, 0.02, 0.1])
    with pytest.raises(EndOfSource):
        truth.joints_device(103)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        json.dumps({"joints": {}}),
        json.dumps(annotation(0)).replace("100.0", "NaN", 1),
        json.dumps(annotation(0)).replace("[0.0, 0.0, 100.0]", "[0.0, 0.0]"),
    ],
)
def test_a_damaged_annotation_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "7.json"
    path.write_text(damage)
    with pytest.raises(SourceError, match=r"7\.json"):
        read_joints_device(path)


@pytest.mark.parametrize(("factor", "unit"), [(0.01, "metres"), (50.0, "millimetres")])
def test_joints_in_another_unit_are_noticed(tmp_path: Path, factor: float, unit: str) -> None:
    content = annotation(0)
    for joint in content["joints"].values():
        joint["device_pts3d"] = [factor * value for value in joint["device_pts3d"]]
    (tmp_path / "7.json").write_text(json.dumps(content))
    with pytest.raises(SourceError, match=rf"7\.json: a body measures.*in {unit}"):
        read_joints_device(tmp_path / "7.json")


def test_a_missing_annotation_costs_its_own_moment_only(sequence: Path) -> None:
    truth = make_truth(config(sequence), load_rig("ego4view_syn"))
    next(sequence.glob("json*/2.json")).unlink()
    with pytest.raises(SourceError, match=r"2\.json"):
        truth.joints_device(4)
    assert truth.joints_device(5)[0, 0] == pytest.approx(0.1)


def test_a_sequence_without_annotations_has_no_truth(tmp_path: Path) -> None:
    (tmp_path / "fisheye_rgb").mkdir()
    with pytest.raises(SourceError, match="json_smplx_gendered or json_smplx"):
        make_truth(config(tmp_path), load_rig("ego4view_syn"))


@pytest.mark.parametrize("kind", ["images", "video", "v4l2"])
def test_other_sources_have_no_truth(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"'{kind}' has no ground truth"):
        make_truth(SourceConfig(kind=kind), load_rig("ego4view_syn"))


def test_the_wearers_truth_is_that_of_the_person_in_the_images() -> None:
    pytest.importorskip("embreex")
    from egorear_ros.sources.wearer import shared_wearer

    rig, wearer_config = load_rig("ego4view_syn"), SourceConfig(kind="wearer", seed=3, rate_hz=10.0)
    truth = make_truth(wearer_config, load_rig("ego4view_syn"))
    wearer = shared_wearer(rig, wearer_config)
    expected = wearer.pose_at(17_000_000_012 * 0.1).joints_device
    np.testing.assert_allclose(truth.joints_device(17_000_000_012), expected, atol=1e-6)
    assert shared_wearer(load_rig("ego4view_syn"), wearer_config) is wearer
