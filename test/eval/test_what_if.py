"""What-ifs: parsing, cameras that fail, noise that repeats itself, fewer sets."""

import numpy as np
import pytest
import rig_data
from recording_data import grey

from egorear_eval.clip import EvaluationError
from egorear_eval.what_if import Drop, Losses, Thinning, WhatIf, noisy, parse_drop
from egorear_ros.bags.base import RawMessage, Topic
from egorear_ros.structures import Frame, FrameSet

INF = float("inf")


@pytest.mark.parametrize(
    ("text", "drop"),
    [
        ("back_left", Drop("back_left", 0.0, INF)),
        ("back_left@10s", Drop("back_left", 10.0, INF)),
        ("back_left@10s-20s", Drop("back_left", 10.0, 20.0)),
        ("back_left@0.5-2", Drop("back_left", 0.5, 2.0)),
    ],
)
def test_drops_are_read(text: str, drop: Drop) -> None:
    assert parse_drop(text, rig_data.VIEWS) == drop
    assert parse_drop(str(drop), rig_data.VIEWS) == drop


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("top@1s", "no view top"),
        ("back_left@soon", "expected VIEW"),
        ("back_left@1.2.3s", "expected VIEW"),
        ("back_left@9s-3s", "before it begins"),
        ("", "expected VIEW"),
    ],
)
def test_drops_that_cannot_be_read_are_named(text: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        parse_drop(text, rig_data.VIEWS)


@pytest.mark.parametrize("settings", [{"noise": -1.0}, {"rate_hz": float("nan")}, {"noise": INF}])
def test_numbers_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(EvaluationError, match="not negative"):
        WhatIf(**settings)


def test_a_camera_is_lost_from_one_moment_to_the_other() -> None:
    losses = Losses([Drop("back_left", 1.0, 2.0)])
    begin_ns = 1_700_000_000 * 10**9

    def keep(view: str, at_s: float) -> bool:
        message = RawMessage(Topic("/x", "y"), begin_ns + round(at_s * 1e9), b"", 0)
        return losses.keep(message, view)

    assert keep("front_left", 0.0)
    assert [keep("back_left", at_s) for at_s in (0.9, 1.0, 1.9, 2.0)] == [True, False, False, True]
    assert keep("front_left", 1.5)


def test_thinning_takes_the_first_set_of_every_period() -> None:
    rng = np.random.default_rng(0)
    stamps_ns = [
        1_700_000_000 * 10**9 + index * 33_333_333 + int(rng.integers(-(10**6), 10**6)) for index in range(300)
    ]
    thinning = Thinning(10.0)
    taken = [stamp_ns for stamp_ns in stamps_ns if thinning.takes(stamp_ns)]
    assert len(taken) == pytest.approx(100, abs=1)
    assert np.diff(taken).min() > 60_000_000
    every, faster = Thinning(0.0), Thinning(60.0)
    assert all(every.takes(stamp_ns) and faster.takes(stamp_ns) for stamp_ns in stamps_ns)


def test_noise_has_its_size_and_repeats_itself() -> None:
    jpeg = Frame("front_left", 5, "jpeg", rig_data.jpeg(64, 64, 120))
    raw = Frame("front_right", 5, "mono8", np.full((64, 64), 120, np.uint8))
    frames = FrameSet(5, rig_data.VIEWS, {"front_left": jpeg, "front_right": raw})
    assert noisy(frames, 0.0) is frames
    first, second = noisy(frames, 8.0), noisy(frames, 8.0)
    for view in ("front_left", "front_right"):
        pixels = first.frames[view].data
        assert isinstance(pixels, np.ndarray)
        assert (pixels == second.frames[view].data).all()
        assert np.std(pixels) == pytest.approx(8.0, rel=0.1)
        assert grey(first.frames[view]) == pytest.approx(120, abs=1)
    assert first.frames["front_left"].encoding == "rgb8" and first.frames["front_right"].encoding == "mono8"
    other = noisy(FrameSet(6, rig_data.VIEWS, {"front_left": Frame("front_left", 6, "jpeg", jpeg.data)}), 8.0)
    assert (other.frames["front_left"].data != first.frames["front_left"].data).any()
    damaged = FrameSet(5, rig_data.VIEWS, {"front_left": Frame("front_left", 5, "jpeg", b"\xff\xd8nothing")})
    assert noisy(damaged, 8.0).frames["front_left"].data == b"\xff\xd8nothing"
