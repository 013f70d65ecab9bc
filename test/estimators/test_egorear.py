"""The whole method around a runtime whose answer is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.estimators.preprocessor import Preprocessor
from egorear_ros.runtimes.base import Prediction
from egorear_ros.structures import FrameSet, Rig, TrackingState


@pytest.fixture
def make(rig: Rig, known_runtime: Any) -> Callable[..., EgoRearEstimator]:
    return lambda **options: EgoRearEstimator(known_runtime, rig, 64, "egorear/test@0", **options)


def test_pose(make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet]) -> None:
    frames = frame_set()
    pose = make().estimate(frames)
    np.testing.assert_allclose(pose.joints_device[5], (0.05, 0.0, 1.0))
    assert pose.joints_device.shape == (16, 3)
    assert pose.stamp_ns == frames.stamp_ns
    assert pose.view_stamps_ns == {view: frame.stamp_ns for view, frame in frames.frames.items()}
    assert (pose.state, pose.model_id) == (TrackingState.OK, "egorear/test@0")


def test_confidence_is_the_best_peak_of_the_used_views(
    make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet]
) -> None:
    everything = make().estimate(frame_set()).confidences
    assert np.isnan(everything[0]), "the head has no heatmap"
    assert everything[1] == 1.0, "clipped from above"
    assert everything[2] == 0.0, "clipped from below"
    np.testing.assert_allclose(everything[3:], 0.3)
    estimator = make(accept_missing_views=True)
    np.testing.assert_allclose(estimator.estimate(frame_set(missing=("back_right",))).confidences[3:], 0.2)


def test_views_reach_the_network_in_its_own_order(
    make: Callable[..., EgoRearEstimator], known_runtime: Any, frame_set: Callable[..., FrameSet]
) -> None:
    frames = frame_set()
    make().estimate(frames)
    shuffled = FrameSet(frames.stamp_ns, frames.views[::-1], dict(reversed(list(frames.frames.items()))))
    make().estimate(shuffled)
    (first, first_mask), (second, second_mask) = known_runtime.asked
    assert first.shape == (1, 4, 3, 64, 64)
    np.testing.assert_array_equal(first, second)
    assert first_mask is None
    assert second_mask is None
    assert len({image.tobytes() for image in first[0]}) == 4


def test_missing_views_are_masked_if_allowed(
    make: Callable[..., EgoRearEstimator], known_runtime: Any, frame_set: Callable[..., FrameSet]
) -> None:
    pose = make(accept_missing_views=True).estimate(frame_set(missing=("front_right",)))
    assert pose.state is TrackingState.PARTIAL_VIEWS
    assert list(pose.view_stamps_ns) == ["front_left", "back_left", "back_right"]
    assert known_runtime.asked[0][1].tolist() == [[True, False, True, True]]


def test_missing_views_are_refused_otherwise(
    make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet]
) -> None:
    frames = frame_set(missing=("front_right", "back_left"))
    with pytest.raises(EstimateError, match=r"no image of front_right, back_left, .*estimator.missing_views to always"):
        make().estimate(frames)
    with pytest.raises(EstimateError, match="no image of front_left"):
        make(accept_missing_views=True).estimate(FrameSet(0, frames.views, {}))


def test_a_damaged_image_names_its_view_and_the_next_set_is_fine(
    make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]
) -> None:
    estimator = make()
    with pytest.raises(EstimateError, match="back_left: damaged jpeg image"):
        estimator.estimate(frame_set(back_left=jpeg()[:2000]))
    assert estimator.estimate(frame_set()).state is TrackingState.OK


def test_images_of_another_size_and_the_same_shape_are_used_and_said_once(
    make: Callable[..., EgoRearEstimator],
    frame_set: Callable[..., FrameSet],
    jpeg: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    estimator, scaled = make(), frame_set(back_left=jpeg(2, (436, 436)))
    for frames in (scaled, scaled, frame_set()):
        assert estimator.estimate(frames).state == TrackingState.OK
    said = [record.getMessage() for record in caplog.records if record.name == "egorear_ros.estimators.egorear"]
    assert len(said) == 1
    assert all(words in said[0] for words in ("back_left", "436x436", "872x872"))


def test_joints_that_are_not_finite_are_never_returned(
    make: Callable[..., EgoRearEstimator], known_runtime: Any, frame_set: Callable[..., FrameSet]
) -> None:
    joints = known_runtime.prediction.joints_cm.copy()
    joints[0, 7, 1] = np.nan
    known_runtime.prediction = Prediction(joints)
    with pytest.raises(EstimateError, match=r"egorear/test@0 returned joints that are not finite"):
        make().estimate(frame_set())


def test_random_weights_are_marked(make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet]) -> None:
    estimator = make(trained=False, accept_missing_views=True)
    assert estimator.estimate(frame_set()).state is TrackingState.UNTRAINED
    assert estimator.estimate(frame_set(missing=("front_left",))).state is TrackingState.UNTRAINED


def test_networks_without_heatmaps_have_no_confidence(
    make: Callable[..., EgoRearEstimator], known_runtime: Any, frame_set: Callable[..., FrameSet]
) -> None:
    known_runtime.prediction = Prediction(known_runtime.prediction.joints_cm)
    assert np.isnan(make().estimate(frame_set()).confidences).all()


def test_stages_are_timed(make: Callable[..., EgoRearEstimator], frame_set: Callable[..., FrameSet]) -> None:
    pose = make().estimate(frame_set())
    assert list(pose.timings_s) == ["decode", "preprocess", "infer", "postprocess"]
    assert all(seconds >= 0.0 for seconds in pose.timings_s.values())
    assert pose.timings_s["decode"] > 0.0


def test_warm_up_runs_the_network(make: Callable[..., EgoRearEstimator], known_runtime: Any) -> None:
    make().warm_up()
    assert known_runtime.asked[0][0].shape == (1, 4, 3, 64, 64)


@pytest.mark.parametrize("together", [False, True])
def test_an_engine_that_fails_gives_the_images_memory_back(
    make: Callable[..., EgoRearEstimator],
    known_runtime: Any,
    rig: Rig,
    frame_set: Callable[..., FrameSet],
    together: bool,
) -> None:
    made: list[np.ndarray] = []

    def fail(*_: object) -> Prediction:
        raise RuntimeError("no engine is left")

    def memory(shape: tuple[int, ...]) -> np.ndarray:
        made.append(np.empty(shape, dtype=np.float32))
        return made[-1]

    estimator = make(preprocess=Preprocessor(rig, 64, make_buffer=memory))
    known_runtime.run = fail
    for _ in range(3):
        prepared = estimator.prepare(frame_set())
        with pytest.raises(RuntimeError, match="no engine is left"):
            estimator.infer_all([prepared]) if together else estimator.infer(prepared)
    assert len(made) == 1


def test_a_lost_gpu_and_a_damaged_image_are_survived(
    make: Callable[..., EgoRearEstimator], rig: Rig, frame_set: Callable[..., FrameSet], jpeg: Callable[..., bytes]
) -> None:
    lost = False

    def memory(shape: tuple[int, ...]) -> np.ndarray:
        if lost:
            raise RuntimeError("CUDA error: device is lost")
        return np.empty(shape, dtype=np.float32)

    estimator = make(preprocess=Preprocessor(rig, 64, make_buffer=memory))
    estimator.warm_up()
    lost = True
    with pytest.raises(EstimateError, match="back_left: damaged"):
        estimator.estimate(frame_set(back_left=jpeg()[:2000]))
    assert estimator.estimate(frame_set()).state is TrackingState.OK
    assert estimator.notice == "", "the memory that there was still serves"
    held = estimator.prepare(frame_set())
    assert estimator.estimate(frame_set()).state is TrackingState.OK
    assert estimator.notice.startswith("page-locked memory for images cannot be had: CUDA error: device is lost.")
    assert estimator.infer(held).state is TrackingState.OK
