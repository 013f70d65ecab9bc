"""`egorear bag` as a user types it."""

import json
from pathlib import Path

import bag_data
import pytest

from egorear_ros.cli import main


def run(*words: object) -> int:
    return main(["bag", *map(str, words)])


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr("os.fsync", lambda fd: None)  # waiting for a busy disk would take longer than all else


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = bag_data.write_sequence(tmp_path / "seq", ("0", "5", "10"))
    assert run("from-dataset", sequence, "--calib", "ego4view_syn", "--out", tmp_path / "bag", "--rate", "20") == 0
    assert f"{tmp_path / 'bag'}: 3 frames, 12 images, 3 with ground truth" in capsys.readouterr().out
    assert run("check", tmp_path / "bag") == 0
    assert "Good." in capsys.readouterr().out
    assert run("to-dataset", tmp_path / "bag", "--out", tmp_path / "back", "--split", "train") == 0
    assert (tmp_path / "train.txt").read_text() == "back\n"
    assert {path.stem for path in (tmp_path / "back" / "json_smplx_gendered").iterdir()} == {"0", "5", "10"}


def test_sets_wait_as_long_as_they_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The images of one camera reach the recorder 80 ms after the others'."""
    rows = [
        (*row[:2], row[2] + 80_000_000 * row[0].startswith("/back_left/image_raw"), row[3])
        for row in bag_data.rig_rows(20)
    ]
    bag = bag_data.write_rows(tmp_path / "bag", sorted(rows, key=lambda row: row[2]))
    assert run("check", bag) == 1
    assert "20: 0 complete, 20 with views missing" in capsys.readouterr().out
    assert run("check", bag, "--max-wait-ms", "100") == 0
    assert "20: 20 complete, 0 with views missing" in capsys.readouterr().out
    assert run("to-dataset", bag, "--out", tmp_path / "seq", "--max-wait-ms", "100") == 0
    assert "20 frames" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        run("check", bag, "--tolerance-ms", "-1")
    assert "-1 is not a number of 0 or more" in capsys.readouterr().err


def test_real_recordings_have_their_cameras_where_the_metadata_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    from egorear_ros.bags.bag import open_bag
    from egorear_ros.bags.origin import read_rig
    from egorear_ros.geometry.transforms import invert_transform

    sequence = bag_data.write_sequence(tmp_path / "seq_3-0", suffix=".png", annotations="json_smplx")
    assert run("from-dataset", sequence, "--calib", "ego4view_rw", "--out", tmp_path / "bag") == 1
    assert "seq_3_metadata.json cannot be read" in capsys.readouterr().err
    places = {camera.view: camera.T_device_camera.copy() for camera in bag_data.rig().cameras}
    places["back_left"][2, 3] = 0.03
    matrices = {f"device_to_camera_{view}": invert_transform(place).tolist() for view, place in places.items()}
    (tmp_path / "seq_3_metadata.json").write_text(json.dumps({"coord_transformation_matrix": matrices}))
    assert run("from-dataset", sequence, "--calib", "ego4view_rw", "--out", tmp_path / "bag") == 0
    with open_bag(tmp_path / "bag") as bag:
        rig = read_rig(bag.custom, bag.path)
    assert rig is not None
    np.testing.assert_allclose(rig["back_left"].T_device_camera, places["back_left"], atol=1e-12)


def test_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(20))
    assert run("info", bag) == 0
    out = capsys.readouterr().out
    assert "181 messages" in out and "20.00" in out and "CompressedImage" in out
    assert "no rig file; CameraInfo of 4 cameras; camera places on /tf_static: yes" in out
    assert "ground truth   yes, 20 moments" in out
    assert run("info", bag, "--json") == 0
    topics = {topic["name"]: topic for topic in json.loads(capsys.readouterr().out)["topics"]}
    assert topics["/tf_static"]["messages"] == 1 and topics["/tf_static"]["rate_hz"] is None


def test_check_says_what_is_wrong_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in bag_data.rig_rows(20) if "camera_info" not in row[0]]
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    assert run("check", bag) == 1
    out = capsys.readouterr().out
    assert "wrong  No CameraInfo of any camera" in out and "1 thing wrong." in out
    assert run("check", bag, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["good"] is False and report["findings"][0]["kind"] == "no_calibration"
    assert run("check", bag, "--calib", "ego4view_syn") == 0
    assert "Good, 1 note." in capsys.readouterr().out
    assert run("check", bag, "--calib", "ego4view_syn", "--strict") == 1


def test_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(row[0].replace("/front_left/image_raw", "/cam0"), *row[1:]) for row in bag_data.rig_rows(20)]
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    rule = "/cam0/compressed:=/front_left/image_raw/compressed"
    assert run("check", bag, "--calib", "ego4view_syn") == 1
    assert f"--remap {rule}" in capsys.readouterr().out
    assert run("check", bag, "--calib", "ego4view_syn", "--remap", rule) == 0
    out = tmp_path / "back"
    assert run("to-dataset", bag, "--out", out, "--calib", "ego4view_syn", "--remap", rule) == 0
    assert len(list((out / "fisheye_rgb" / "camera_front_left").iterdir())) == 20


def test_a_recording_without_ground_truth_becomes_images_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(5, truth=False))
    assert run("to-dataset", bag, "--out", tmp_path / "back") == 0
    assert "No ground truth" in capsys.readouterr().out


BAD = {
    "a missing folder": (("check", "{tmp}/none"), "there is no recording"),
    "not a bag": (("info", "{tmp}/notes.txt"), "is no recording"),
    "an empty folder": (("check", "{tmp}/empty"), "has no metadata.yaml and no .mcap"),
    "a wrong rule": (("check", "{tmp}/bag", "--remap", "a=b"), "--remap a=b: expected FROM:=TO"),
    "a rule for nothing": (("check", "{tmp}/bag", "--remap", "/a:=/b"), "has no topic /a to rename"),
    "no such rig": (("check", "{tmp}/bag", "--calib", "none"), "no rig calibration 'none'"),
    "no such sequence": (
        ("from-dataset", "{tmp}/none", "--calib", "ego4view_syn", "--out", "{tmp}/x"),
        "Give another",
    ),
    "no images": (("to-dataset", "{tmp}/bag", "--out", "{tmp}/x", "--namespace", "me"), "no camera topics"),
    "a target that exists": (("to-dataset", "{tmp}/bag", "--out", "{tmp}/empty"), "empty exists"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_end_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    words, expected = BAD[name]
    bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(2))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    assert run(*(word.format(tmp=tmp_path) for word in words)) == 1
    captured = capsys.readouterr()
    assert expected in captured.err and "Traceback" not in captured.err


@pytest.mark.parametrize("size", [0, 50, 5000])
def test_a_recording_that_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str], size: int) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(5))
    bag_data.cut(bag_data.storage_file(bag), size)
    assert run("check", bag) == 1
    out = capsys.readouterr().out
    assert "wrong  bag.mcap" in out and "wrong." in out


def test_a_data_set_of_a_part_is_made_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(60))
    file = bag_data.storage_file(bag)
    assert run("to-dataset", bag, "--out", tmp_path / "whole", "--calib", "ego4view_syn") == 0
    bag_data.cut(file, file.stat().st_size * 6 // 10)
    assert run("to-dataset", bag, "--out", tmp_path / "part", "--calib", "ego4view_syn") == 1
    assert "cut off" in capsys.readouterr().out
    assert any((tmp_path / "part").rglob("*.jpg"))


def test_two_rigs_are_not_chosen_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = bag_data.rig_rows(5, "/alice") + bag_data.rig_rows(5, "/bob", calibration=False)
    bag = bag_data.write_rows(tmp_path / "bag", sorted(rows, key=lambda row: row[2]))
    words = ["to-dataset", bag, "--out", tmp_path / "back", "--calib", "ego4view_syn"]
    assert run(*words) == 1
    assert "Cameras of 2 rigs: /alice, /bob. Choose one with --namespace." in capsys.readouterr().err
    assert not (tmp_path / "back").exists()
    assert run(*words, "--namespace", "/bob") == 0


def test_other_names_are_suggested_where_a_data_set_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(row[0].replace("/front_left/image_raw", "/cam0"), *row[1:]) for row in bag_data.rig_rows(5)]
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    assert run("to-dataset", bag, "--out", tmp_path / "back", "--calib", "ego4view_syn") == 1
    assert "`--remap /cam0/compressed:=/front_left/image_raw/compressed`" in capsys.readouterr().err


def test_ground_truth_elsewhere_is_suggested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = "/ground_truth/body_pose"
    rows = [("/mocap/pose" if row[0] == truth else row[0], *row[1:]) for row in bag_data.rig_rows(5)]
    bag, rule = bag_data.write_rows(tmp_path / "bag", rows), f"/mocap/pose:={truth}"
    assert run("to-dataset", bag, "--out", tmp_path / "back", "--calib", "ego4view_syn") == 0
    assert f"--remap {rule}" in capsys.readouterr().out
    assert run("to-dataset", bag, "--out", tmp_path / "all", "--calib", "ego4view_syn", "--remap", rule) == 0
    assert "5 with ground truth" in capsys.readouterr().out


def test_images_that_cannot_be_decoded_are_no_training_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = "/back_left/image_raw/compressed"
    rows = bag_data.rig_rows(8)
    for place in [place for place, row in enumerate(rows) if row[0] == topic][1::2]:
        log_ns = rows[place][2]
        rows[place] = bag_data.image_row(topic, log_ns - 1_000_000, log_ns, "back_left", b"no image")
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    assert run("to-dataset", bag, "--out", tmp_path / "back", "--calib", "ego4view_syn") == 1
    printed = capsys.readouterr().out
    assert "4 moments have an image that cannot be decoded: left out. back_left: damaged jpeg image at" in printed
    assert "and 1 more" in printed and "4 frames, 4 with ground truth" in printed
    images = list((tmp_path / "back").rglob("*.jpg"))
    assert len(images) == 16 and all(path.read_bytes() != b"no image" for path in images)


def test_a_camera_whose_messages_are_damaged_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = "/back_left/image_raw/compressed"
    rows = [(*row[:3], row[3][: len(row[3]) // 2]) if row[0] == topic else row for row in bag_data.rig_rows(4)]
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    words = ["to-dataset", bag, "--calib", "ego4view_syn", "--out"]
    assert run(*words, tmp_path / "back") == 1
    assert f"4 images could not be read, the first: {topic}: a message at" in capsys.readouterr().err
    assert run(*words, tmp_path / "three", "--min-views", 3) == 1
    printed = capsys.readouterr().out
    assert "4 messages could not be read" in printed and "4 frames" in printed


def test_a_clock_that_jumps_makes_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the middle the clock of all cameras is set back, so far that stamps come again."""
    period_ns, rows = bag_data.PERIOD_NS, []
    for topic, kind, log_ns, data in bag_data.rig_rows(60, truth=False):
        if topic.endswith("compressed") and log_ns > bag_data.BEGIN_NS + 30 * period_ns:
            rows.append(bag_data.image_row(topic, log_ns - 1_000_000 - 30 * period_ns, log_ns, topic.split("/")[1]))
        else:
            rows.append((topic, kind, log_ns, data))
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    assert run("to-dataset", bag, "--out", tmp_path / "back", "--calib", "ego4view_syn") == 1
    printed = capsys.readouterr().out
    assert "Stamps jump by -1.5 s" in printed and "have a stamp that came before: left out." in printed
    assert "30 frames" in printed
