"""Many sets at a time: the order stays, the poses are those of one after another, a fault stays where it is."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import bag_data
import numpy as np
import pytest
import rig_data
import torch
from recording_data import GreyReader, tiny_weights

from egorear_eval import estimating as module
from egorear_eval.estimating import Answer, Views, estimating
from egorear_ros.config import EstimatorConfig, RuntimeConfig, SmoothingConfig
from egorear_ros.estimators import preprocessor
from egorear_ros.estimators.base import EstimateError, Estimator, Prepared, SideBySide
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.structures import BodyPose, Frame, FrameSet

VIEWS = rig_data.VIEWS
FRONT = VIEWS[:2]
COUNT = 19
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 3)


def frame_set(number: int, missing: Sequence[str] = ()) -> FrameSet:
    """Return a moment whose images have structure of their own."""
    random = np.random.default_rng(number)
    stamp_ns = 10**9 + number * 50_000_000
    frames = {
        view: Frame(view, stamp_ns, "rgb8", random.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        for view in VIEWS
        if view not in missing
    }
    return FrameSet(stamp_ns, VIEWS, frames)


class ManyReader(GreyReader):
    """A reader that takes several sets at a time, and remembers how many came."""

    def __init__(self, images: int = 16, needs_all: bool = False) -> None:
        super().__init__(needs_all)
        self.images, self.state, self.calls = images, "", list[int]()

    def spread(self, threads: int) -> int:
        self.state = f"spread to {threads}"
        return self.images

    def gather(self) -> None:
        self.state = "gathered"

    def narrow(self, prepared: Prepared, views: Sequence[str]) -> Prepared:
        raise AssertionError("one set of views for each method")

    def infer_all(self, prepared: Sequence[Prepared]) -> list[BodyPose | EstimateError]:
        assert self.state == "spread to 3"
        self.calls.append(len(prepared))
        return [self.infer(one) for one in prepared]


def joints(answers: list[dict[Views, Answer]], views: Views = VIEWS) -> list[float | str]:
    """Return the first coordinate of each pose, or why there is none."""
    found = [answer[views] for answer in answers]
    return [str(one) if isinstance(one, EstimateError) else float(one.joints_device[0, 0]) for one in found]


def estimate(sets: Sequence[FrameSet], estimators: dict[Views, Estimator], **kwargs: bool) -> list[dict[Views, Answer]]:
    with estimating(sets, lambda frames: frames, estimators, **kwargs) as estimates:
        found = list(estimates.answers)
    assert [item for item, _ in found] == list(sets)
    return [answers for _, answers in found]


def test_poses_and_order_are_those_of_one_after_another() -> None:
    sets = [frame_set(number) for number in range(COUNT)]
    many, front = ManyReader(), ManyReader()
    found = estimate(sets, {VIEWS: many, FRONT: front})
    twin = GreyReader()
    assert joints(found) == [float(twin.estimate(frames).joints_device[0, 0]) for frames in sets]
    assert joints(found, FRONT) == joints(estimate(sets, {FRONT: GreyReader()}), FRONT)
    # Two views need eight sets for sixteen images.
    assert sorted(many.calls) == sorted(front.calls) == [3, 8, 8]
    assert many.state == front.state == "gathered"


def test_several_sets_are_on_their_way_at_the_same_time() -> None:
    """The first set is ready only after another thread began with a later one."""
    later = threading.Event()

    class Patient(ManyReader):
        def prepare(self, frames: FrameSet) -> Prepared:
            if frames.stamp_ns == frame_set(0).stamp_ns:
                assert later.wait(PATIENCE_S)
            elif frames.stamp_ns >= frame_set(4).stamp_ns:
                later.set()
            return super().prepare(frames)

    sets = [frame_set(number) for number in range(8)]
    assert joints(estimate(sets, {VIEWS: Patient()})) == joints(estimate(sets, {VIEWS: GreyReader()}))


@pytest.mark.parametrize("case", ["asked", "one method cannot", "an engine cannot"])
def test_one_after_another_where_that_is_asked_or_all_that_works(case: str) -> None:
    many, other = (ManyReader(images=0 if case == "an engine cannot" else 16) for _ in range(2))
    other = GreyReader() if case == "one method cannot" else other
    sets = [frame_set(number) for number in range(5)]
    found = estimate(sets, {VIEWS: many, FRONT: other}, one_by_one=case == "asked")
    assert joints(found) == joints(estimate(sets, {VIEWS: GreyReader()}))
    assert many.calls == [] and many.state == "gathered"


def test_a_set_that_cannot_be_estimated_is_named_in_its_place() -> None:
    """By what reads the images, by what prepares them, and by the network."""

    class Choosy(ManyReader):
        def infer_all(self, prepared: Sequence[Prepared]) -> list[BodyPose | EstimateError]:
            found = super().infer_all(prepared)
            return [EstimateError("not this") if one.stamp_ns == sets[2].stamp_ns else one for one in found]

    def frames_of(frames: FrameSet) -> FrameSet:
        if frames is sets[6]:
            raise EstimateError("not read")
        return frames

    sets = [frame_set(number, missing=VIEWS[3:] if number == 4 else ()) for number in range(9)]
    with estimating(sets, frames_of, {VIEWS: Choosy(needs_all=True)}) as estimates:
        found = joints([answers for _, answers in estimates.answers])
    expected = joints(estimate(sets, {VIEWS: GreyReader()}))
    expected[2], expected[4], expected[6] = "not this", f"no image of {VIEWS[3]}", "not read"
    assert found == expected


def test_an_early_end_stops_all_threads_and_gathers() -> None:
    def endless() -> Iterator[FrameSet]:
        number = 0
        while True:
            yield frame_set(number % 7)
            number += 1

    many = ManyReader()

    def interrupted() -> None:
        with estimating(endless(), lambda frames: frames, {VIEWS: many}) as estimates:
            for taken, _ in enumerate(estimates.answers):
                if taken == 5:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert many.state == "gathered"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("read_ahead", "prepare"))]


def test_an_error_of_a_method_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ManyReader()
    monkeypatch.setattr(many, "infer_all", lambda prepared: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimate([frame_set(0)], {VIEWS: many})
    assert many.state == "gathered"


def test_methods_are_gathered_when_one_cannot_get_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    many, broken = ManyReader(), ManyReader()
    monkeypatch.setattr(broken, "spread", lambda threads: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        estimate([frame_set(0)], {VIEWS: many, FRONT: broken})
    assert many.state == "gathered"


def make(weights: Path, smoothing: bool = False) -> Estimator:
    config = EstimatorConfig(checkpoint=str(weights), missing_views="always")
    if smoothing:
        config = replace(config, smoothing=SmoothingConfig(enabled=True))
    return make_estimator(config, RuntimeConfig(device="cpu", fallback=False), bag_data.rig())


def test_a_network_gives_the_same_poses_whoever_shares_its_calls(tmp_path: Path) -> None:
    """Some sets lack views, the last call is not full, and the threads of PyTorch are left as they were."""
    before = torch.get_num_threads()
    estimator = make(tiny_weights(tmp_path))
    lacking = {3: VIEWS[3:], 7: VIEWS[:1], 8: VIEWS[:1], 11: VIEWS[1:3]}
    sets = [frame_set(number, lacking.get(number, ())) for number in range(COUNT)]
    assert isinstance(estimator, SideBySide)
    with estimating(sets, lambda frames: frames, {VIEWS: estimator}) as estimates:
        assert (estimates.pace.threads, estimates.pace.sets, estimates.pace.at_a_time) == (3, 4, 12)
        poses = [answers[VIEWS] for _, answers in estimates.answers]
    assert torch.get_num_threads() == before
    for pose, frames in zip(poses, sets, strict=True):
        alone = estimator.estimate(frames)
        assert isinstance(pose, BodyPose)
        np.testing.assert_allclose(1e3 * pose.joints_device, 1e3 * alone.joints_device, rtol=0, atol=1e-4)
        np.testing.assert_allclose(pose.confidences, alone.confidences, rtol=0, atol=1e-6)
        assert (pose.stamp_ns, pose.state, pose.view_stamps_ns) == (alone.stamp_ns, alone.state, alone.view_stamps_ns)
        assert list(pose.timings_s) == list(alone.timings_s) and pose.timings_s["infer"] > 0.0


def test_which_sets_share_a_call_does_not_change_a_bit(tmp_path: Path) -> None:
    """Else a recording that was cut off would have other poses than the whole one."""
    estimator = make(tiny_weights(tmp_path))
    sets = [frame_set(number, VIEWS[2:] if number % 3 else ()) for number in range(COUNT)]
    whole, part = (estimate(chosen, {VIEWS: estimator}) for chosen in (sets, sets[5:]))
    assert joints(whole)[5:] == joints(part)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_images_are_decoded_once_for_all_sets_of_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_by_one: bool
) -> None:
    """But where one is damaged, or missing: what has other views is estimated all the same."""
    estimator = make(tiny_weights(tmp_path))
    sets = [frame_set(number, VIEWS[:1] if number == 4 else ()) for number in range(6)]
    broken = dict(sets[2].frames)
    broken[VIEWS[3]] = Frame(VIEWS[3], sets[2].stamp_ns, "jpeg", b"no image")
    sets[2] = replace(sets[2], frames=broken)
    view_sets = (VIEWS, FRONT, VIEWS[1:3])
    alone = {views: joints(estimate(sets, {views: estimator}), views) for views in view_sets}
    decoded: list[Frame] = []
    original = preprocessor.decode
    monkeypatch.setattr(preprocessor, "decode", lambda frame, *rest: (decoded.append(frame), original(frame, *rest))[1])
    found = estimate(sets, dict.fromkeys(view_sets, estimator), one_by_one=one_by_one)
    for views in view_sets:
        got, expected = joints(found, views), alone[views]
        assert [isinstance(one, str) for one in got] == [isinstance(one, str) for one in expected]
        numbers = [(one, other) for one, other in zip(got, expected, strict=True) if not isinstance(one, str)]
        np.testing.assert_allclose(*np.transpose(numbers), rtol=0, atol=1e-7)
    assert "damaged" in joints(found)[2] and isinstance(joints(found, FRONT)[2], float)
    assert sum(frame in frames.frames.values() for frame in decoded for frames in sets[:2]) == 2 * len(VIEWS)


def test_smoothed_poses_depend_on_those_before(tmp_path: Path) -> None:
    weights = tiny_weights(tmp_path)
    sets = [frame_set(number) for number in range(6)]
    smoothed = make(weights, smoothing=True)
    assert not isinstance(smoothed, SideBySide)
    twin = make(weights, smoothing=True)
    found = [answers[VIEWS] for answers in estimate(sets, {VIEWS: smoothed})]
    for pose, frames in zip(found, sets, strict=True):
        assert isinstance(pose, BodyPose)
        np.testing.assert_allclose(1e3 * pose.joints_device, 1e3 * twin.estimate(frames).joints_device, atol=1e-4)
