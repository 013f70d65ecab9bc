"""Recordings through synchronizer and a method that reads greys: every set, every what-if, every kind of damage."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import pytest
import rig_data
from recording_data import COUNT, GreyReader, image_grey, rows, write

from egorear_eval.clip import EvaluationError, load_clips
from egorear_eval.recording import evaluate_recording
from egorear_eval.recording_run import RecordingRun, open_recording, write_recording
from egorear_eval.recording_words import summary
from egorear_eval.what_if import Drop, WhatIf
from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.encode import encode_body_pose
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.views import rig_topics
from egorear_ros.config import SyncConfig
from egorear_ros.estimators.base import Estimator, Prepared
from egorear_ros.estimators.preprocess import decode_frame
from egorear_ros.metrics import joint_errors_mm
from egorear_ros.structures import FrameSet, Rig

VIEWS = rig_data.VIEWS
ABOUT = {"command": ["egorear"], "model": "grey", "trained": True}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda fd: None)


def evaluate(
    bag: Path,
    out: Path,
    estimators: Mapping[tuple[str, ...], Estimator] | None = None,
    what_if: WhatIf | None = None,
    truth: Path | None = None,
    rig: Rig | None = None,
    **kwargs: Any,
) -> RecordingRun:
    what_if = what_if or WhatIf()
    with open_bag(bag) as opened:
        recording = open_recording(opened, rig, None, SyncConfig(), truth)
        result = evaluate_recording(
            recording.bag, recording.topics, recording.sync, estimators or {VIEWS: GreyReader()}, what_if, **kwargs
        )
        return write_recording(recording, result, what_if, ABOUT, 8.0, out)


class Decoder(GreyReader):
    """Decodes images as a real method does."""

    def prepare(self, frames: FrameSet) -> Prepared:
        for frame in frames.frames.values():
            decode_frame(frame, bag_data.rig()[frame.view].lens)
        return super().prepare(frames)


def test_poses_are_those_of_the_live_order_beside_their_truth(tmp_path: Path) -> None:
    """A twin without threads, from the same frame sets."""
    bag = write(tmp_path / "bag")
    run = evaluate(bag, tmp_path / "out")
    (clip,) = load_clips(tmp_path / "out")
    twin = GreyReader()
    with open_bag(bag) as opened:
        sets = list(FrameSets(opened, rig_topics(opened.topics, None, VIEWS), SyncConfig()))
    assert clip.name == "bag" and clip.frames == tuple(str(frames.stamp_ns) for frames in sets)
    assert len(sets) == COUNT
    np.testing.assert_array_equal(clip.predicted, [twin.estimate(frames).joints_device for frames in sets])
    truth = [bag_data.joints_device(index) for index in range(COUNT)]
    np.testing.assert_allclose(clip.truth, truth, atol=1e-12)
    scores = run.tables["By views"][" + ".join(VIEWS)]
    assert scores.mpjpe_mm == pytest.approx(joint_errors_mm(clip.predicted, truth).mean())


def test_timing_lies_beside_the_frames(tmp_path: Path) -> None:
    evaluate(write(tmp_path / "bag"), tmp_path / "out")
    (clip,) = load_clips(tmp_path / "out")
    with np.load(tmp_path / "out" / "timing.npz") as timing:
        assert sorted(timing.files) == ["decode", "infer", "pairing", "skew_ms", "stamp_ns"]
        assert [str(stamp_ns) for stamp_ns in timing["stamp_ns"]] == list(clip.frames)
        assert (timing["decode"] == 1.0).all() and (timing["infer"] == 2.0).all()
        # The last image of a moment arrives a millisecond after its stamp and completes the set.
        np.testing.assert_allclose(timing["pairing"], 1.0)
        assert (timing["skew_ms"] == 0.0).all()


def test_views_are_left_out_and_each_set_of_views_is_a_row(tmp_path: Path) -> None:
    front, back = VIEWS[:2], VIEWS[2:]
    reader = GreyReader()
    run = evaluate(write(tmp_path / "bag"), tmp_path / "out", {VIEWS: reader, front: reader, back: reader})
    assert list(run.tables["By views"]) == [" + ".join(views) for views in (VIEWS, front, back)]
    errors = {name: scores.mpjpe_mm for name, scores in run.tables["By views"].items()}
    assert len(set(errors.values())) == 3


def test_a_camera_fails_for_a_while(tmp_path: Path) -> None:
    """Moments are 50 ms apart: from 0.1 s to 0.2 s are two of them."""
    what_if = WhatIf([Drop("back_left", 0.1, 0.2)])
    run = evaluate(write(tmp_path / "bag"), tmp_path / "out", what_if=what_if)
    (clip,) = load_clips(tmp_path / "out")
    assert clip.view_counts.tolist() == [4, 4, 3, 3] + [4] * (COUNT - 4)
    found = run.facts["recording"]
    assert (found["complete_sets"], found["partial_sets"], found["dropped_images"]) == (COUNT - 2, 2, 2)
    assert found["what_if"] == {"drop": ["back_left@0.1s-0.2s"]} and found["poses_by_views"] == {"3": 2, "4": 10}
    assert found["partial"] is False


def test_a_method_that_needs_all_views_gives_no_pose_without_one_and_says_why(tmp_path: Path) -> None:
    what_if = WhatIf([Drop("back_left", 0.1, 0.2)])
    run = evaluate(write(tmp_path / "bag"), tmp_path / "out", {VIEWS: GreyReader(needs_all=True)}, what_if)
    assert run.facts["recording"]["dropped"] == {"no image of back_left": 2}
    assert [skip["reason"] for skip in run.facts["skipped"]] == 2 * ["no image of back_left"]
    assert len(load_clips(tmp_path / "out")[0]) == COUNT - 2


def test_fewer_sets_a_second(tmp_path: Path) -> None:
    run = evaluate(write(tmp_path / "bag"), tmp_path / "out", what_if=WhatIf(rate_hz=10.0))
    assert run.facts["recording"]["dropped"] == {"left out by --rate": COUNT // 2}
    stamps_ns = np.array(load_clips(tmp_path / "out")[0].frames, dtype=np.int64)
    assert (np.diff(stamps_ns) == 100_000_000).all()


def test_noise_changes_poses_and_two_runs_agree(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag")
    texts = []
    for name, noise in (("plain", 0.0), ("noisy", 20.0), ("again", 20.0)):
        evaluate(bag, tmp_path / name, what_if=WhatIf(noise=noise))
        texts.append((tmp_path / name / "scores.json").read_bytes())
    assert texts[1] == texts[2] != texts[0]
    noisy, again, plain = (load_clips(tmp_path / name)[0].predicted for name in ("noisy", "again", "plain"))
    assert (noisy == again).all() and (noisy != plain).any()


def test_truth_from_a_folder_by_stamp(tmp_path: Path) -> None:
    """As the recording says which stamp each frame got, and as annotations named by stamps."""
    from egorear_ros.bags.sequence import write_sequence_bag

    sequence = bag_data.write_sequence(tmp_path / "seq", ("0", "5", "10"))
    write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag", 20.0)
    evaluate(tmp_path / "bag", tmp_path / "own")
    evaluate(tmp_path / "bag", tmp_path / "folder", truth=sequence)
    own, folder = (load_clips(tmp_path / name)[0] for name in ("own", "folder"))
    assert len(own) == 3
    np.testing.assert_allclose(folder.truth, own.truth, atol=1e-9)

    plain = write(tmp_path / "plain", count=3, truth=False)
    with pytest.raises(EvaluationError, match=r"3 annotations \(0.json ...\)"):
        evaluate(plain, tmp_path / "out", truth=sequence)
    stamped = tmp_path / "stamped" / "json_smplx_gendered"
    stamped.mkdir(parents=True)
    for index, stem in enumerate(("0", "5", "10")):
        stamp_ns = bag_data.BEGIN_NS + index * bag_data.PERIOD_NS + 3_000_000
        text = (sequence / "json_smplx_gendered" / f"{stem}.json").read_text()
        (stamped / f"{stamp_ns}.json").write_text(text)
    run = evaluate(plain, tmp_path / "out", truth=stamped.parent)
    assert run.facts["recording"]["ground_truth"] == str(stamped.parent)
    np.testing.assert_allclose(load_clips(tmp_path / "out")[0].truth, own.truth, atol=1e-9)
    with pytest.raises(EvaluationError, match="no ground truth; expected a folder"):
        evaluate(plain, tmp_path / "out", truth=tmp_path)


def test_without_ground_truth_the_rest_is_evaluated(tmp_path: Path) -> None:
    run = evaluate(write(tmp_path / "bag", truth=False), tmp_path / "out")
    assert not run.tables and load_clips(tmp_path / "out") == []
    found = json.loads((tmp_path / "out" / "scores.json").read_text())["recording"]
    assert (found["estimated"], found["compared"], found["ground_truth"]) == (COUNT, 0, None)
    assert found["pose_jitter_mm"] > 0 and found["skew_ms"]["largest"] == 0.0
    with np.load(tmp_path / "out" / "timing.npz") as timing:
        assert len(timing["infer"]) == COUNT
    with np.load(tmp_path / "out" / "estimates.npz") as estimates:
        assert estimates["joints_device"].shape == (COUNT, 16, 3)


def test_ground_truth_elsewhere_is_suggested(tmp_path: Path) -> None:
    truth = "/ground_truth/body_pose"
    some = [("/mocap/pose" if row[0] == truth else row[0], *row[1:]) for row in rows()]
    found = evaluate(write(tmp_path / "bag", some), tmp_path / "out").facts["recording"]
    assert f"`--remap /mocap/pose:={truth}`" in " ".join(found["notes"])


def test_ground_truth_of_some_moments(tmp_path: Path) -> None:
    some = [row for row in rows() if "ground_truth" not in row[0] or row[2] > bag_data.BEGIN_NS + 200_000_000]
    run = evaluate(write(tmp_path / "bag", some), tmp_path / "out")
    assert run.facts["recording"]["dropped"] == {"no ground truth at this moment": 4}
    assert run.facts["recording"]["compared"] == COUNT - 4


def test_truth_and_images_that_are_damaged_are_left_out_and_named(tmp_path: Path) -> None:
    nowhere = replace(rig_data.body_pose(bag_data.BEGIN_NS), joints_device=np.full((16, 3), np.nan))
    some = []
    for topic, kind, log_ns, whole in rows():
        data = whole
        if "ground_truth" in topic and log_ns == bag_data.BEGIN_NS + 1_000_000:
            data = encode_body_pose(nowhere, "", "wearer", 0.0)
        if "front_left/image_raw" in topic and log_ns == bag_data.BEGIN_NS + 51_000_000:
            data = whole[:40]
        some.append((topic, kind, log_ns, data))
    found = evaluate(write(tmp_path / "bag", some), tmp_path / "out").facts["recording"]
    assert found["dropped"] == {"no ground truth at this moment": 1} and found["damaged_images"] == 1
    notes = " ".join(found["notes"])
    assert "1 ground truths cannot be used" in notes
    assert found["partial"] is True and "1 images could not be read" in found["reason"]
    assert (found["complete_sets"], found["partial_sets"]) == (COUNT - 1, 1)


def of_back_left(topic: str) -> bool:
    return topic == "/back_left/image_raw/compressed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("every fourth image is no image", "3 frame sets gave no pose because an image cannot be decoded, the first: "),
        ("all messages of a camera are cut off", f"{COUNT} images could not be read, the first: "),
        (
            "all stamps are equal",
            f"pose: {COUNT - 1} of {COUNT} stamps equal the one before: those poses are not used.",
        ),
        ("a clock is off by a second", "Not one pose is of all views (front_left, front_right, back_left, back_right)"),
    ],
)
def test_sets_that_damage_took_make_a_partial_result(tmp_path: Path, change: str, words: str) -> None:
    some = []
    for number, (topic, kind, log_ns, whole) in enumerate(rows()):
        index, stamp_ns = (log_ns - bag_data.BEGIN_NS) // bag_data.PERIOD_NS, log_ns - 1_000_000
        jpeg = rig_data.jpeg(64, 64, image_grey(number))
        data = whole
        if change.startswith("every") and of_back_left(topic) and index % 4 == 3:
            data = bag_data.image_row(topic, stamp_ns, log_ns, "back_left", b"no image")[3]
        if change.startswith("all messages") and of_back_left(topic):
            data = whole[: len(whole) // 2]
        if change.startswith("all stamps") and topic.endswith("compressed"):
            data = bag_data.image_row(topic, 0, log_ns, topic.split("/")[1], jpeg)[3]
        if change.startswith("all stamps") and "ground_truth" in topic:
            data = bag_data.truth_row(topic, index, 0, log_ns)[3]
        if change.startswith("a clock") and of_back_left(topic):
            data = bag_data.image_row(topic, stamp_ns + 10**9, log_ns, "back_left", jpeg)[3]
        some.append((topic, kind, log_ns, data))
    found = evaluate(write(tmp_path / "bag", some), tmp_path / "out", {VIEWS: Decoder()}).facts["recording"]
    assert found["partial"] is True and words in found["reason"]
    assert found["estimated"] > 0


def test_a_recording_that_was_cut_off_is_partial(tmp_path: Path) -> None:
    bag = write(tmp_path / "bag")
    file = bag_data.storage_file(bag)
    bag_data.cut(file, file.stat().st_size * 6 // 10)
    run = evaluate(bag, tmp_path / "out")
    found = run.facts["recording"]
    assert found["partial"] is True and "is cut off after" in found["reason"]
    assert 0 < found["compared"] < COUNT


def test_ctrl_c_leaves_what_there_is(tmp_path: Path) -> None:
    def impatient(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    run = evaluate(write(tmp_path / "bag"), tmp_path / "out", progress=impatient)
    found = run.facts["recording"]
    assert found["partial"] is True and "stopped by Ctrl-C after 5 sets" in found["reason"]
    assert found["compared"] == len(load_clips(tmp_path / "out")[0]) == 5


def test_stamps_that_jump_make_a_partial_result(tmp_path: Path) -> None:
    """The clock of all cameras is set back by a second in the middle; then one of them sends out of order."""
    jumping, shuffled = [], []
    for topic, kind, log_ns, data in rows(truth=False):
        image = topic.endswith("image_raw/compressed")
        late = log_ns > bag_data.BEGIN_NS + 300_000_000
        if image and late:
            row = bag_data.image_row(topic, log_ns - 1_001_000_000, log_ns, topic.split("/")[1])
            jumping.append(row)
        else:
            jumping.append((topic, kind, log_ns, data))
        if image and "front_left" in topic and log_ns == bag_data.BEGIN_NS + 301_000_000:
            shuffled.append(bag_data.image_row(topic, log_ns - 120_000_000, log_ns, "front_left"))
        else:
            shuffled.append((topic, kind, log_ns, data))
    found = evaluate(write(tmp_path / "jump", jumping), tmp_path / "out").facts["recording"]
    assert found["partial"] is True and "Stamps jump by -1 s" in found["reason"]
    assert found["estimated"] >= COUNT - 1
    twice = [row for row in rows() for _ in range(2 if row[0] == "/back_left/image_raw/compressed" else 1)]
    facts = evaluate(write(tmp_path / "twice", twice), tmp_path / "out").facts
    assert f"images         {COUNT} of a stamp that came before" in list(summary(facts, None))
    found = evaluate(write(tmp_path / "shuffled", shuffled), tmp_path / "out").facts["recording"]
    assert found["partial"] is True and "older than the one before" in found["reason"]


def test_a_moment_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """Somebody recorded a player in a loop: the recorder's clock goes on, the stamps begin again."""
    first = rows()
    again = [(topic, kind, log_ns + 10**9, data) for topic, kind, log_ns, data in first]
    found = evaluate(write(tmp_path / "bag", first + again), tmp_path / "out").facts["recording"]
    (clip,) = load_clips(tmp_path / "out")
    assert len(clip) == len(set(clip.frames)) == COUNT
    assert found["sets"] == 2 * COUNT and found["dropped"] == {"stamp came again": COUNT}
    assert found["partial"] is True and "Stamps jump" in found["reason"]


def test_both_kinds_of_storage_give_the_same(tmp_path: Path) -> None:
    rig = bag_data.rig()
    evaluate(bag_data.write_sqlite(tmp_path / "one", rows()), tmp_path / "of_sqlite", rig=rig)
    evaluate(write(tmp_path / "two"), tmp_path / "of_mcap")
    of_sqlite, of_mcap = (load_clips(tmp_path / name)[0] for name in ("of_sqlite", "of_mcap"))
    assert of_sqlite.frames == of_mcap.frames and (of_sqlite.predicted == of_mcap.predicted).all()


def test_cameras_that_somebody_forgot_to_record_make_a_partial_result(tmp_path: Path) -> None:
    some = [row for row in rows(truth=False) if row[0] != "/back_left/image_raw/compressed"]
    bag = write(tmp_path / "bag", some, rig=False)
    front = VIEWS[:2]
    for views, partial in (((), True), (front, False)):
        with open_bag(bag) as opened:
            recording = open_recording(opened, None, None, SyncConfig(), None, views)
        assert any("CameraInfo of back_left, but no images" in words for words in recording.verdict.partial) == partial
        assert len(recording.rig.views) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("empty", "There are no messages"),
        ("two rigs", "Cameras of 2 rigs: /a, /b. Choose one with --namespace"),
        ("no rig", "Give --calib"),
        ("other names", "--remap /helmet/rear_left/jpeg:=/back_left/image_raw/compressed"),
        ("one view missing", "Or leave them out: --views front_left,front_right,back_right"),
        ("wrong type", "has messages of type"),
        ("two cameras on one topic", "Images of several cameras on one topic"),
        ("one camera", "Images of front_left only; a method needs two cameras"),
        ("no pairs", "no frame set of enough views came together"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_words(tmp_path: Path, change: str, words: str) -> None:
    from egorear_ros.bags.typestore import CAMERA_INFO

    plain = rows(count=4)
    topic = "/back_left/image_raw/compressed"
    info = next(row for row in plain if row[1] == CAMERA_INFO)
    changed = {
        "empty": [],
        "two rigs": rows(count=4, namespace="/a") + rows(count=4, namespace="/b", calibration=False),
        "no rig": [row for row in plain if row[1] != CAMERA_INFO],
        "other names": [("/helmet/rear_left/jpeg" if row[0] == topic else row[0], *row[1:]) for row in plain],
        "one view missing": [row for row in plain if row[0] != topic],
        "one camera": [row for row in plain if "image_raw" not in row[0] or "front_left" in row[0]],
        "wrong type": [(topic, *info[1:2], row[2], info[3]) if row[0] == topic else row for row in plain],
        "two cameras on one topic": [
            bag_data.image_row(topic, row[2], row[2], f"cam{index % 2}") if row[0] == topic else row
            for index, row in enumerate(plain)
        ],
        "no pairs": [row for row in plain if row[0] == topic or "image_raw" not in row[0]]
        + [bag_data.image_row(f"/{view}/image_raw/compressed", 7, 7 + index) for index, view in enumerate(VIEWS[:1])]
        + [bag_data.image_row(f"/{view}/image_raw/compressed", 9 * 10**9, 9) for view in VIEWS[1:2]]
        + [bag_data.image_row("/back_right/image_raw/compressed", 99 * 10**9, 9)],
    }[change]
    bag = write(tmp_path / "bag", changed, rig=change not in ("no rig", "one camera"))
    with pytest.raises(EvaluationError, match=re.escape(words)):
        evaluate(bag, tmp_path / "out")
    assert not (tmp_path / "out").exists()
