"""Moments of sequences and recordings."""

from pathlib import Path

import bag_data
import numpy as np
import pytest
import recording_data
import tiny_dataset

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.encode import encode_body_pose
from egorear_ros.bags.typestore import BODY_POSE
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.sources.truth import read_joints_device
from egorear_ros.structures import BodyPose, TrackingState
from egorear_ros.viewer.library import ViewError
from egorear_ros.viewer.recording import BagMoments
from egorear_ros.viewer.sequence import SequenceMoments

RIG = load_rig("ego4view_syn")


def sequence(tmp_path: Path, frames: int = 4) -> Path:
    return tiny_dataset.write_dataset(tmp_path / "data", frames=frames) / "rp_x" / "a"


def test_frames_of_a_sequence_come_in_order_with_their_truth(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    moments = SequenceMoments(folder, RIG, source_hz=20.0, shown_hz=0.0)
    found = list(moments)
    stems = ["2", "10", "11", "12"]
    assert [moment.stamp_ns for moment in found] == [0, 50_000_000, 100_000_000, 150_000_000]
    for moment, stem in zip(found, stems, strict=True):
        truth = read_joints_device(folder / "json_smplx_gendered" / f"{stem}.json")
        assert moment.truth is not None
        np.testing.assert_array_equal(moment.truth, truth)
        image = folder / "fisheye_rgb" / "camera_back_left" / f"{stem}.jpg"
        assert moment.frames.frames["back_left"].data == image.read_bytes()
    assert moments.title == "a"
    assert not moments.clock


def test_a_sequence_is_thinned_to_the_rate(tmp_path: Path) -> None:
    moments = list(SequenceMoments(sequence(tmp_path, 6), RIG, source_hz=30.0, shown_hz=10.0))
    assert [moment.stamp_ns for moment in moments] == [0, 100_000_000]


def test_a_sequence_without_annotations_says_so(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "json_smplx_gendered").rename(folder / "elsewhere")
    moments = SequenceMoments(folder, RIG, 30.0, 0.0)
    assert not moments.has_truth
    assert [moment.truth for moment in moments] == [None] * 4
    assert moments.remarks == [f"{folder} has no ground truth."]


def test_a_missing_image_leaves_its_view_out(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "fisheye_rgb" / "camera_front_right" / "10.jpg").unlink()
    moments = SequenceMoments(folder, RIG, 30.0, 0.0)
    second = list(moments)[1]
    assert "front_right" not in second.frames.frames
    assert len(second.frames.frames) == 3
    assert any("front_right" in remark for remark in moments.remarks)


def pose_row(index: int, stamp_ns: int, latency_s: float) -> bag_data.Row:
    joints = bag_data.joints_device(index)
    confidences = np.full(16, 0.5)
    pose = BodyPose(stamp_ns, joints, confidences, {"front_left": stamp_ns}, TrackingState.OK, "net")
    data = encode_body_pose(pose, "", "wearer", latency_s)
    return "/body_pose", BODY_POSE, stamp_ns + round(latency_s * 1e9), data


def test_recorded_poses_and_truths_join_their_images(tmp_path: Path) -> None:
    rows = recording_data.rows(4)
    with open_bag(recording_data.write(tmp_path / "plain", rows)) as bag:
        stamps = [moment.stamp_ns for moment in BagMoments(bag, None, None, 0.0)]
    poses = [pose_row(7, stamps[1], 0.25)]
    path = recording_data.write(tmp_path / "bag", sorted([*rows, *poses], key=lambda row: row[2]))
    with open_bag(path) as bag:
        moments = BagMoments(bag, None, None, 0.0)
        assert moments.has_poses
        assert moments.has_truth
        found = list(moments)
    assert [moment.stamp_ns for moment in found] == stamps
    assert all(moment.truth is not None and len(moment.frames.frames) == 4 for moment in found)
    assert [moment.estimate is not None for moment in found] == [False, True, False, False]
    assert found[1].estimate is not None
    np.testing.assert_allclose(found[1].estimate.joints_device, bag_data.joints_device(7), atol=1e-9)
    assert found[1].latency_ms["exposure to pose"] == pytest.approx(250.0)


def test_a_recording_without_a_rig_asks_for_one(tmp_path: Path) -> None:
    rows = [row for row in recording_data.rows(2) if "camera_info" not in row[0] and row[0] != "/tf_static"]
    with (
        open_bag(recording_data.write(tmp_path / "bag", rows, rig=False)) as bag,
        pytest.raises(ViewError, match=r"does not carry its rig.* Give --calib"),
    ):
        BagMoments(bag, None, None, 0.0)


def test_a_recording_of_something_else_names_what_it_has(tmp_path: Path) -> None:
    rows = [row for row in recording_data.rows(2) if "image" not in row[0]]
    with (
        open_bag(recording_data.write(tmp_path / "bag", rows)) as bag,
        pytest.raises(ViewError, match=r"no images of rig .*expected /front_left/image_raw.*found .*camera_info"),
    ):
        BagMoments(bag, RIG, None, 0.0)


def test_two_rigs_are_not_chosen_from(tmp_path: Path) -> None:
    rows = recording_data.rows(3, "/alice") + recording_data.rows(3, "/bob", calibration=False)
    path = recording_data.write(tmp_path / "bag", sorted(rows, key=lambda row: row[2]))
    with open_bag(path) as bag:
        with pytest.raises(BagError, match=r"Cameras of 2 rigs: /alice, /bob\. Choose one with --namespace"):
            BagMoments(bag, None, None, 0.0)
        assert len(list(BagMoments(bag, None, "/bob", 0.0))) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", "`--remap /cam0:=/back_left/image_raw/compressed`"),
        ("damaged", "4 images could not be read, the first: "),
        ("equal", "3 of 4 stamps equal the one before"),
        ("nothing", ""),
    ],
)
def test_what_is_missing_is_said_when_all_was_read(tmp_path: Path, change: str, words: str) -> None:
    topic, rows = "/back_left/image_raw/compressed", recording_data.rows(4)
    changes = {
        "missing": lambda row: ("/cam0", *row[1:]),
        "damaged": lambda row: (*row[:3], row[3][: len(row[3]) // 2]),
        "equal": lambda row: bag_data.image_row(topic, bag_data.BEGIN_NS, row[2], "back_left"),
        "nothing": lambda row: row,
    }
    path = recording_data.write(tmp_path / "bag", [changes[change](row) if row[0] == topic else row for row in rows])
    with open_bag(path) as bag:
        moments = BagMoments(bag, None, None, 0.0)
        list(moments)
    assert moments.partial == bool(words)
    assert words in " ".join(moments.remarks)
