"""Sequences become recordings, and recordings become the same sequences."""

import json
import random
from pathlib import Path

import bag_data
import numpy as np
import pytest
import rig_data

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.dataset import DatasetOptions, WrittenSequence, add_to_split, write_dataset
from egorear_ros.bags.decode import decode_frame
from egorear_ros.bags.sequence import BagOptions, write_sequence_bag
from egorear_ros.bags.typestore import CAMERA_INFO, IMAGE, typestore
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.truth import read_joints_device
from egorear_ros.structures import Rig

STEMS = ("3", "8", "13", "frame_x", "007")


def to_dataset(bag: Path, out: Path, rig: Rig | None = None, **values: object) -> WrittenSequence:
    with open_bag(bag) as opened:
        return write_dataset(opened, out, rig, DatasetOptions(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize(("suffix", "annotations"), [(".jpg", "json_smplx_gendered"), (".png", "json_smplx")])
def test_a_round_trip_changes_nothing(tmp_path: Path, compression: str, suffix: str, annotations: str) -> None:
    sequence = bag_data.write_sequence(tmp_path / "seq", STEMS, suffix, annotations)
    options = BagOptions(compression=compression, namespace="me", frame_prefix="me/")
    written = write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag", 30.0, options)
    assert (written.frames, written.images, written.truths, written.left_out) == (5, 20, 5, [])
    back = to_dataset(tmp_path / "bag", tmp_path / "back")
    assert (back.frames, back.truths, back.partial, back.named, back.remarks) == (5, 5, 0, True, [])
    images = sorted(path.relative_to(sequence) for path in sequence.glob("fisheye_rgb/*/*"))
    assert len(images) == 20
    assert images == sorted(path.relative_to(tmp_path / "back") for path in (tmp_path / "back").glob("fisheye_rgb/*/*"))
    for path in images:
        assert (tmp_path / "back" / path).read_bytes() == (sequence / path).read_bytes()
    for stem in STEMS:
        before, after = (
            json.loads(path.read_text())
            for path in (
                sequence / annotations / f"{stem}.json",
                tmp_path / "back" / "json_smplx_gendered" / f"{stem}.json",
            )
        )
        for joint, values in before["joints"].items():
            for key, value in values.items():
                np.testing.assert_allclose(after["joints"][joint][key], value, atol=1e-9, rtol=0)


def test_stamps_are_exact_and_the_same_every_time(tmp_path: Path) -> None:
    sequence = bag_data.write_sequence(tmp_path / "seq")
    for name in ("one", "two"):
        write_sequence_bag(sequence, bag_data.rig(), tmp_path / name, 25.0)
    one, two = ((tmp_path / name / f"{name}.mcap").read_bytes() for name in ("one", "two"))
    assert len(one) == len(two) and one[100:5000] == two[100:5000]
    with open_bag(tmp_path / "one") as bag:
        images = list(bag.messages(["/back_left/image_raw/compressed"]))
        stamps = [decode_frame(message, "back_left").stamp_ns for message in images]
        assert stamps == [message.log_ns for message in images]
        assert stamps == [1_700_000_000 * 10**9 + index * 40_000_000 for index in range(3)]
        assert all(stamp_ns % 40_000_000 == 0 for stamp_ns in stamps)  # the nodes stamp whole periods


def test_what_is_missing_or_damaged_is_left_out_and_named(tmp_path: Path) -> None:
    sequence = bag_data.write_sequence(tmp_path / "seq", ("0", "1", "2", "3"))
    images = sequence / "fisheye_rgb" / "camera_front_right"
    (images / "1.jpg").unlink()
    (images / "2.jpg").write_bytes((images / "2.jpg").read_bytes()[:100])
    (sequence / "json_smplx_gendered" / "3.json").write_text("{}")
    written = write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag")
    assert (written.frames, written.images, written.truths) == (4, 14, 3)
    assert len(written.left_out) == 3
    assert "front_right: no image 1" in written.left_out[0] and "2.jpg is not a readable JPEG" in written.left_out[1]
    back = to_dataset(tmp_path / "bag", tmp_path / "back")
    assert (back.frames, back.truths, back.partial) == (2, 1, 2)
    assert "2 moments had images of fewer than 4 views" in " ".join(back.remarks)
    assert sorted(path.stem for path in (tmp_path / "back").glob("fisheye_rgb/camera_back_left/*")) == ["0", "3"]
    fewer = to_dataset(tmp_path / "bag", tmp_path / "fewer", min_views=3)
    assert (fewer.frames, fewer.partial) == (4, 0)


def test_a_sequence_that_cannot_become_a_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder"):
        write_sequence_bag(tmp_path / "none", bag_data.rig(), tmp_path / "bag")
    half = bag_data.write_sequence(tmp_path / "half", views=("front_left", "front_right"))
    with pytest.raises(SourceError, match="no images of back_left, back_right; it has: camera_front_left"):
        write_sequence_bag(half, bag_data.rig(), tmp_path / "bag")
    sequence = bag_data.write_sequence(tmp_path / "seq", ("0",))
    for path in sequence.glob("fisheye_rgb/*/*"):
        path.write_bytes(b"no image")
    with pytest.raises(SourceError, match="none of 1 frames has a readable image"):
        write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag")
    assert not (tmp_path / "bag").exists()


def test_a_sequence_without_annotations(tmp_path: Path) -> None:
    sequence = bag_data.write_sequence(tmp_path / "seq", annotations="")
    assert write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag").truths == 0
    back = to_dataset(tmp_path / "bag", tmp_path / "back")
    assert back.frames == 3 and back.truths == 0
    assert "No ground truth (/ground_truth/body_pose)" in back.remarks[0]
    assert not (tmp_path / "back" / "json_smplx_gendered").exists()


# Recordings that were not made from a sequence


def shuffled(rows: list[bag_data.Row], seed: int = 1) -> list[bag_data.Row]:
    """Return rows in the order of arrival, which is late by up to 20 ms and mixed up."""
    chance = random.Random(seed)
    late = [(topic, kind, log_ns + chance.randrange(20_000_000), data) for topic, kind, log_ns, data in rows]
    return sorted(late, key=lambda row: row[2])


def test_a_live_recording(tmp_path: Path) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", shuffled(bag_data.rig_rows(20)))
    back = to_dataset(bag, tmp_path / "back", bag_data.rig())
    assert (back.frames, back.truths, back.named) == (20, 20, False)
    annotations = sorted((tmp_path / "back" / "json_smplx_gendered").glob("*.json"))
    assert [path.stem for path in annotations] == [f"{index:06d}" for index in range(20)]
    for index, path in enumerate(annotations):
        np.testing.assert_allclose(read_joints_device(path), bag_data.joints_device(index), atol=1e-9)


def test_it_can_be_trained_on(tmp_path: Path) -> None:
    from egorear_train.datasets.ego4view import Ego4ViewDataset

    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(3))
    for name in ("me", "you", "me"):
        to_dataset(bag, tmp_path / name, bag_data.rig(), overwrite=True)
        index = add_to_split(tmp_path / name, "train")
    assert index.read_text() == "me\nyou\n"
    dataset = Ego4ViewDataset(tmp_path, "train", bag_data.rig())
    assert len(dataset) == 6
    sample = dataset[1]
    assert sample["images"].shape == (4, 3, 256, 256)
    np.testing.assert_allclose(sample["joints_cm"].numpy(), 100 * bag_data.joints_device(1), rtol=1e-6)


def test_ground_truth_needs_the_rig(tmp_path: Path) -> None:
    rows = [row for row in bag_data.rig_rows(2) if row[1] != CAMERA_INFO]
    bag = bag_data.write_rows(tmp_path / "bag", rows)
    with pytest.raises(BagError, match="has ground truth but does not carry its rig. Give --calib"):
        to_dataset(bag, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_without_images_nothing_is_written(tmp_path: Path) -> None:
    bag = bag_data.write_rows(
        tmp_path / "bag", [bag_data.image_row("/cam0/image", bag_data.BEGIN_NS, bag_data.BEGIN_NS)]
    )
    with pytest.raises(BagError, match=r"no topic /front_left/image_raw/compressed, .*; it has: /cam0/image"):
        to_dataset(bag, tmp_path / "back", bag_data.rig())
    with pytest.raises(BagError, match="no camera topics"):
        to_dataset(bag, tmp_path / "back")
    rows = bag_data.rig_rows(2, truth=False) + bag_data.rig_rows(1, namespace="/other")
    assert to_dataset(bag_data.write_rows(tmp_path / "two", rows), tmp_path / "back", namespace="/").frames == 2
    alone = [row for row in rows if row[0] in ("/front_left/image_raw/compressed", "/tf_static")]
    apart = [
        bag_data.image_row("/front_right/image_raw/compressed", bag_data.BEGIN_NS + 10**10, bag_data.BEGIN_NS + 10**10)
    ]
    with pytest.raises(BagError, match="no moment with images of 2 views"):
        to_dataset(bag_data.write_rows(tmp_path / "apart", alone + apart), tmp_path / "none")


def test_raw_images_are_kept_without_loss(tmp_path: Path) -> None:
    store = typestore()
    pixels = np.random.default_rng(0).integers(0, 255, (8, 6, 3), dtype=np.uint8)
    rows = []
    for view in rig_data.VIEWS:
        stamp = store.types["builtin_interfaces/msg/Time"](*divmod(bag_data.BEGIN_NS, 10**9))
        header = store.types["std_msgs/msg/Header"](stamp, f"{view}_optical")
        message = store.types[IMAGE](header, 8, 6, "rgb8", 0, 18, pixels.reshape(-1))
        rows.append((f"/{view}/image_raw", IMAGE, bag_data.BEGIN_NS, bytes(store.serialize_cdr(message, IMAGE))))
    back = to_dataset(bag_data.write_rows(tmp_path / "bag", rows), tmp_path / "back")
    assert back.frames == 1
    from PIL import Image

    with Image.open(tmp_path / "back" / "fisheye_rgb" / "camera_front_left" / "000000.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_recording_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(40))
    file = bag_data.storage_file(bag)
    bag_data.cut(file, file.stat().st_size // 2)
    back = to_dataset(bag, tmp_path / "back", bag_data.rig())
    assert 10 < back.frames < 30 and any("cut off" in remark for remark in back.remarks)


def test_a_folder_that_exists_is_kept(tmp_path: Path) -> None:
    bag = bag_data.write_rows(tmp_path / "bag", bag_data.rig_rows(2))
    (tmp_path / "back").mkdir()
    with pytest.raises(BagError, match="back exists"):
        to_dataset(bag, tmp_path / "back", bag_data.rig())
    to_dataset(bag, tmp_path / "back", bag_data.rig(), overwrite=True)
    assert (tmp_path / "back" / "rig.yaml").is_file()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
