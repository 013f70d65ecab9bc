from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.sources.sequence import SPLITS
from egorear_synth.dataset.clip_list import ClipFile
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.plan import apportion, plan_sequences
from egorear_synth.dataset.settings import Settings

CLIPS = {split: [ClipFile(f"{split}_{n}.bvh", Path(), "", 10) for n in range(3)] for split in SPLITS}


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5), st.integers(1, 60))
def test_shares_are_kept_at_every_length(weights: list[float], count: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    chosen = apportion(shares, count)
    for length in range(1, count + 1):
        given_out = Counter(chosen[:length])
        assert all(given_out[index] < share * length + 1 for index, share in enumerate(shares))
    assert apportion(shares, count + 7)[:count] == chosen


def test_nothing_goes_where_the_share_is_zero() -> None:
    assert set(apportion([1.0, 0.0, 0.0], 50)) == {0}


def test_splits_share_neither_bodies_nor_clips() -> None:
    plans = plan_sequences(Settings("r"), CLIPS, 200)
    assert Counter(plan.split for plan in plans) == {"train": 160, "validation": 20, "test": 20}
    assert len({plan.character for plan in plans}) == 200
    assert plan_sequences(Settings("r"), CLIPS, 37) == plans[:37], "a larger set begins with the smaller one"
    for plan in plans:
        assert plan.clip is None or plan.clip in CLIPS[plan.split]
    assert Counter(plan.kind for plan in plans if plan.split == "test") == {
        "clip": 11,
        "procedural": 3,
        "random": 6,
    }


def test_every_clip_is_used_before_one_is_used_again() -> None:
    plans = plan_sequences(Settings("r", random_pose=0.0, procedural=0.0, split=(100, 0, 0)), CLIPS, 7)
    names = [plan.clip.name for plan in plans if plan.clip]
    assert len(set(names[:3])) == len(set(names[3:6])) == 3


def test_mixed_movements_take_both_parts_from_their_own_split() -> None:
    plans = plan_sequences(Settings("r", mixed=0.75), CLIPS, 600)
    kinds = Counter(plan.kind for plan in plans)
    assert sum(kinds.values()) == 600 and abs(kinds["clip"] - 84) <= 3
    assert abs(kinds["mixed"] - 168) <= 3 and abs(kinds["mixed_random"] - 84) <= 3
    for plan in plans:
        assert (plan.upper is not None) == (plan.kind == "mixed")
        assert plan.upper is None or plan.upper in CLIPS[plan.split]
    pairs = {(plan.clip, plan.upper) for plan in plans if plan.kind == "mixed" and plan.split == "train"}
    assert len(pairs) == 9, "any legs meet any arms"
    assert [plan.kind for plan in plan_sequences(Settings("r"), CLIPS, 50)].count("mixed") == 0


def test_without_clips_nothing_is_mixed() -> None:
    kinds = Counter(plan.kind for plan in plan_sequences(Settings("r", mixed=1.0), dict.fromkeys(SPLITS, ()), 100))
    assert set(kinds) == {"procedural", "random"}


def test_without_clips_motion_is_built_in() -> None:
    kinds = Counter(plan.kind for plan in plan_sequences(Settings("r"), dict.fromkeys(SPLITS, ()), 100))
    assert kinds["procedural"] in (69, 70, 71) and kinds["procedural"] + kinds["random"] == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 0}, "--frames is 0; expected 1 or more"),
        ({"seed": -1}, "--seed is -1"),
        ({"size": 4}, "--size is 4; expected 16 to 8192 px"),
        ({"rate_hz": 0.0}, "--rate is 0.0"),
        ({"samples": 9}, "--samples is 9"),
        ({"random_pose": -0.1}, "--random-pose is -0.1; expected a share from 0 to 1"),
        ({"procedural": 1.5}, "--procedural is 1.5; expected a share from 0 to 1"),
        ({"mixed": 1.1}, "--mixed is 1.1; expected a share from 0 to 1"),
        ({"split": (80.0, 10.0, 5.0)}, "--split is 80/10/5; expected three percentages of 0 or more with a sum of 100"),
        ({"split": (110.0, -10.0, 0.0)}, "--split is"),
        ({"rate_hz": float("nan")}, "--rate is nan"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes: dict[str, float], message: str) -> None:
    with pytest.raises(SynthError, match=message):
        Settings("r", **changes)  # type: ignore[arg-type]
