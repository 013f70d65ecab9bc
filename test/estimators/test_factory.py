"""Which estimator a configuration makes, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.base import EstimateError, EstimatorSetupError
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.estimators.null import NullEstimator
from egorear_ros.estimators.preprocess_choice import least_jpeg_px
from egorear_ros.models.build import build_network
from egorear_ros.models.checkpoint import CheckpointError, CheckpointHeader, load_checkpoint, save_checkpoint
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.structures import FrameSet, Rig, TrackingState

CPU = RuntimeConfig(device="cpu")


@pytest.fixture
def header(rig: Rig) -> CheckpointHeader:
    return CheckpointHeader("egorear", ModelSize(image_size=64, backbone_channels=8, channels=16), rig.views)


@pytest.fixture
def checkpoint(tmp_path: Path, rig: Rig) -> Callable[[CheckpointHeader], str]:
    """Write a checkpoint of random weights."""

    def write(header: CheckpointHeader) -> str:
        torch.manual_seed(0)
        path = tmp_path / "small.safetensors"
        save_checkpoint(path, build_network(header, rig).state_dict(), header)
        return str(path)

    return write


def test_from_a_checkpoint(
    checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig, frame_set: Callable[..., FrameSet]
) -> None:
    config = EstimatorConfig(checkpoint=checkpoint(header))
    estimator = make_estimator(config, CPU, rig)
    estimator.warm_up()
    pose = estimator.estimate(frame_set())
    assert estimator.trained
    assert estimator.views == rig.views
    assert pose.state is TrackingState.OK
    assert pose.model_id == estimator.model_id
    assert pose.model_id.startswith("egorear/small@")
    again = make_estimator(config, CPU, rig).estimate(frame_set())
    np.testing.assert_array_equal(pose.joints_device, again.joints_device)


def test_looking_twice_is_the_settings_choice(
    checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig, frame_set: Callable[..., FrameSet]
) -> None:
    path = checkpoint(replace(header, architecture="egorear_small", virtual_cameras=True))
    once, twice = (make_estimator(EstimatorConfig(checkpoint=path, flip_test=flip), CPU, rig) for flip in (False, True))
    assert twice.model_id == f"{once.model_id} flip test"
    here, there = once.estimate(frame_set()), twice.estimate(frame_set())
    assert there.model_id == twice.model_id
    assert np.abs(here.joints_device - there.joints_device).max() > 1e-6
    with pytest.raises(CheckpointError, match=r"estimator\.flip_test is for weights of egorear_small.*Set it to false"):
        make_estimator(EstimatorConfig(checkpoint=checkpoint(header), flip_test=True), CPU, rig)


def test_a_rig_in_another_order_gives_the_same_pose(
    checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig, frame_set: Callable[..., FrameSet]
) -> None:
    config = EstimatorConfig(checkpoint=checkpoint(header))
    shuffled = rig.select(("back_right", "front_left", "back_left", "front_right"))
    poses = [make_estimator(config, CPU, any_rig).estimate(frame_set()) for any_rig in (rig, shuffled)]
    np.testing.assert_array_equal(poses[0].joints_device, poses[1].joints_device)


@pytest.mark.parametrize(
    ("policy", "trained_so", "accepted"),
    [("auto", False, False), ("auto", True, True), ("always", False, True), ("never", True, False)],
)
def test_policy_of_missing_views(
    checkpoint: Callable[..., str],
    header: CheckpointHeader,
    rig: Rig,
    frame_set: Callable[..., FrameSet],
    policy: str,
    trained_so: bool,
    accepted: bool,
) -> None:
    path = checkpoint(replace(header, trained_with_missing_views=trained_so))
    estimator = make_estimator(EstimatorConfig(checkpoint=path, missing_views=policy), CPU, rig)
    frames = frame_set(missing=("back_left",))
    if accepted:
        assert estimator.estimate(frames).state is TrackingState.PARTIAL_VIEWS
    else:
        with pytest.raises(EstimateError, match="no image of back_left"):
            estimator.estimate(frames)


def test_no_weights(rig: Rig) -> None:
    with pytest.raises(
        EstimatorSetupError, match=r"egorear has no weights. Set estimator.checkpoint .*allow_untrained"
    ):
        make_estimator(EstimatorConfig(), CPU, rig)


@pytest.mark.parametrize("method", ["egorear", "egoposeformer"])
def test_untrained(method: str, rig: Rig, frame_set: Callable[..., FrameSet], caplog: pytest.LogCaptureFixture) -> None:
    front = rig.select(("front_left", "front_right"))
    config = EstimatorConfig(method=method, allow_untrained=True)
    first, second = (make_estimator(config, CPU, front) for _ in range(2))
    pose = first.estimate(frame_set())
    assert not first.trained
    assert first.model_id == f"{method}-untrained"
    assert pose.state is TrackingState.UNTRAINED
    np.testing.assert_array_equal(pose.joints_device, second.estimate(frame_set()).joints_device)
    assert "random weights" in caplog.text


def test_a_checkpoint_wins_over_allow_untrained(
    checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig
) -> None:
    assert make_estimator(EstimatorConfig(checkpoint=checkpoint(header), allow_untrained=True), CPU, rig).trained


@pytest.mark.parametrize("architecture", ["egotap", "egotap_refined", "egoposeformer_refined"])
def test_baselines_plain_and_refined(
    architecture: str,
    checkpoint: Callable[..., str],
    header: CheckpointHeader,
    rig: Rig,
    frame_set: Callable[..., FrameSet],
) -> None:
    path = checkpoint(replace(header, architecture=architecture))
    method = architecture.removesuffix("_refined")
    pose = make_estimator(EstimatorConfig(method=method, checkpoint=path), CPU, rig).estimate(frame_set())
    assert pose.state is TrackingState.OK
    assert pose.model_id.startswith(f"{architecture}/small@")
    assert np.isfinite(pose.joints_device).all()
    with pytest.raises(CheckpointError, match=f"holds weights of {architecture}, .*expected egorear"):
        make_estimator(EstimatorConfig(checkpoint=path), CPU, rig)


def test_null(rig: Rig) -> None:
    estimator = make_estimator(EstimatorConfig(method="null"), CPU, rig)
    assert isinstance(estimator, NullEstimator)
    assert estimator.views == rig.views


def test_weights_of_another_method_or_rig(checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig) -> None:
    path = checkpoint(header)
    with pytest.raises(CheckpointError, match="holds weights of egorear, .*expected egoposeformer"):
        make_estimator(EstimatorConfig(method="egoposeformer", checkpoint=path), CPU, rig)
    with pytest.raises(CheckpointError, match="is for the views front_left, .*, but rig ego4view_syn"):
        make_estimator(EstimatorConfig(checkpoint=path), CPU, rig.select(("front_left", "back_left")))


def test_a_device_that_is_not_there(
    checkpoint: Callable[..., str], header: CheckpointHeader, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeSetupError, match="finds no CUDA device"):
        make_estimator(EstimatorConfig(checkpoint=checkpoint(header)), RuntimeConfig(device="cuda"), rig)


@pytest.mark.parametrize(
    ("decoding", "architecture", "least_px"),
    [
        ("auto", "egorear_small", 192),
        ("auto", "egorear", 0),
        ("auto", "egoposeformer", 0),
        ("exact", "egorear_small", 0),
        ("reduced", "egorear", 256),
        ("smallest", "egorear", 128),
    ],
)
def test_published_weights_see_images_as_in_training_and_small_ones_reduced(
    decoding: str, architecture: str, least_px: int
) -> None:
    assert least_jpeg_px(EstimatorConfig(jpeg_decoding=decoding), architecture, 128) == least_px


def test_the_demo_takes_the_fast_path() -> None:
    sections = yaml.safe_load((Path(__file__).parents[2] / "config" / "demo.yaml").read_text())
    parameters = sections["/**/pose"]["ros__parameters"]
    estimator = EstimatorConfig(**parameters["estimator"])
    runtime = RuntimeConfig(**parameters["runtime"])
    checkpoint = load_checkpoint(estimator.checkpoint)
    assert least_jpeg_px(estimator, checkpoint.header.architecture, checkpoint.header.size.image_size) > 0
    assert runtime.name == "pytorch", "the inference form"
