"""The Ego4View reader on small data sets in both layouts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_dataset import AWKWARD_ROOT, LAYOUTS, RIG, write_dataset, write_frame
from torch.utils.data import DataLoader

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import save_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.models.virtual_views import VirtualViews
from egorear_ros.structures import Rig
from egorear_train.datasets.annotation import read_annotation
from egorear_train.datasets.ego4view import Ego4ViewDataset
from egorear_train.datasets.errors import DamagedFrame, DatasetError
from egorear_train.datasets.frames import list_frames


@pytest.fixture(params=LAYOUTS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_dataset(tmp_path / AWKWARD_ROOT, request.param)


@pytest.fixture
def rw(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / AWKWARD_ROOT, "rw")


def test_frames_of_every_line_in_order(root: Path) -> None:
    assert [frame.stem for frame in list_frames(root, "train")] == ["2", "10", "2", "10"]


def test_order_does_not_depend_on_the_file_system(tmp_path: Path) -> None:
    for number, stem in enumerate(("9", "100", "20")):
        write_frame(tmp_path / "rp_x" / "a", stem, "json_smplx_gendered", ".jpg", number, size=8)
    (tmp_path / "train.txt").write_text("rp_x")
    assert [frame.stem for frame in list_frames(tmp_path, "train")] == ["9", "20", "100"]


def test_sample_is_what_training_expects(root: Path) -> None:
    sample = Ego4ViewDataset(root, "train", RIG, 32)[1]
    assert sample["images"].shape == (4, 3, 32, 32)
    assert sample["images"].dtype == torch.uint8
    assert sample["joints_cm"].dtype == torch.float32
    assert sample["joints_cm"][:, 0].tolist() == [float(index) for index in range(16)]
    assert sample["pixels"].shape == (4, 15, 2)
    assert sample["visible"].dtype == torch.bool
    assert sample["visible"].all()
    assert sample["T_camera_device"].dtype == torch.float32
    assert sample["meta"].startswith(f"{AWKWARD_ROOT}/")
    assert sample["meta"].endswith("/10")
    # Joint 1 (neck) is the first with a heatmap; in front, a cell of the map is 13.625 px wide.
    camera, T_camera_device = RIG.cameras[0], sample["T_camera_device"][0].double().numpy()
    places, _ = project(transform_points(T_camera_device, sample["joints_cm"].double().numpy() / 100.0), camera.lens)
    u, v = places[1]
    assert sample["pixels"][0, 0].tolist() == pytest.approx([u, v], abs=0.01)
    row, column = int(v / 13.625 + 0.5), int(u / 13.625 + 0.5)
    assert encode_heatmaps(sample["pixels"], (872, 872))[0, 0].argmax().item() == row * 64 + column


def test_images_are_resized_by_pillow_in_rgb(root: Path) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG, 32)
    path = dataset.frames[0].image("back_left")
    expected = np.asarray(Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC))
    assert np.array_equal(dataset[0]["images"][2].permute(1, 2, 0).numpy(), expected)


def test_views_come_in_the_order_of_the_rig(root: Path) -> None:
    whole = Ego4ViewDataset(root, "train", RIG, 16)[0]
    part = Ego4ViewDataset(root, "train", RIG.select(("back_right", "front_left")), 16)[0]
    for key in ("images", "pixels", "visible", "T_camera_device"):
        assert torch.equal(part[key], whole[key][[3, 0]])


def test_every_recording_has_its_own_extrinsics(rw: Path) -> None:
    samples = Ego4ViewDataset(rw, "train", RIG, 16)
    fixed = np.linalg.inv(RIG.cameras[0].T_device_camera)[0, 3]
    offsets = [samples[index]["T_camera_device"][0, 0, 3].item() - fixed for index in (0, 2)]
    assert offsets == pytest.approx([0.25, 0.5], abs=1e-6)


def test_extrinsics_are_those_of_the_file(rw: Path) -> None:
    metadata = json.loads((rw / "2024" / "S1" / "seq_3_metadata.json").read_text())
    matrices = metadata["coord_transformation_matrix"]
    expected = np.array([matrices[f"device_to_camera_{view}"] for view in RIG.views], dtype=np.float32)
    assert np.allclose(Ego4ViewDataset(rw, "train", RIG, 16)[0]["T_camera_device"], expected, atol=1e-7)


def test_recording_without_metadata(rw: Path) -> None:
    (rw / "2024" / "S1" / "seq_4_metadata.json").unlink()
    with pytest.raises(DatasetError, match=r"seq_4_metadata\.json is missing"):
        Ego4ViewDataset(rw, "train", RIG)


def test_rig_without_places_is_refused_for_a_data_set_without_metadata(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", "syn")
    unknown = np.full((4, 4), np.nan)
    rig = Rig(RIG.name, tuple(replace(camera, T_device_camera=unknown) for camera in RIG.cameras), RIG.source)
    with pytest.raises(DatasetError, match="leaves the cameras' places"):
        Ego4ViewDataset(root, "train", rig)


def test_other_cameras_than_those_of_the_data_set_are_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", "syn")
    moved = RIG.cameras[1].T_device_camera.copy()
    moved[2, 3] -= 0.005
    other = replace(RIG, cameras=(RIG.cameras[0], replace(RIG.cameras[1], T_device_camera=moved), *RIG.cameras[2:]))
    save_rig(RIG, root / "rig.yaml")
    assert len(Ego4ViewDataset(root, "train", RIG))
    with pytest.raises(
        DatasetError, match=r"rig\.yaml has front_right at another place, 5\.0 mm .*--model\.rig .*rig\.yaml"
    ):
        Ego4ViewDataset(root, "train", other)
    assert len(Ego4ViewDataset(root, "train", other.select(("front_left", "back_left")))), "the others are the same"
    save_rig(other, root / "rp_x" / "a" / "rig.yaml")  # a sequence that was made of a recording has its own
    with pytest.raises(DatasetError, match="rp_x/a was made with other cameras"):
        Ego4ViewDataset(root, "train", RIG)


def test_quirk_first_line_only(rw: Path) -> None:
    frames = list_frames(rw, "train", quirks=("first_line_only",))
    assert {frame.sequence.folder.name for frame in frames} == {"seq_3-0"}
    with pytest.raises(DatasetError, match="first_line_only"):
        list_frames(rw, "train", quirks=("unsorted",))


def test_visibility_is_read_where_the_data_set_says_it(root: Path) -> None:
    for frame in list_frames(root, "train"):
        content = json.loads(frame.annotation.read_text())
        for name, joint in content["joints"].items():
            for view in RIG.views:
                joint[f"camera_{view}_visible"] = (name, view) != ("Neck", "front_right")
        frame.annotation.write_text(json.dumps(content))
    dataset = Ego4ViewDataset(root, "train", RIG, 16)
    assert dataset.has_visibility
    visible = dataset[0]["visible"]
    assert not visible[1, 0]
    assert visible.sum() == 4 * 15 - 1


def test_missing_split_names_the_file(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"test\.txt is missing"):
        list_frames(root, "test")


def test_folder_that_is_not_there(root: Path) -> None:
    (root / "train.txt").write_text("nobody\n")
    with pytest.raises(DatasetError, match="nobody"):
        list_frames(root, "train")


def test_folder_without_sequences(root: Path) -> None:
    (root / "empty" / "inner").mkdir(parents=True)
    (root / "train.txt").write_text("empty\n")
    with pytest.raises(DatasetError, match="has annotations"):
        list_frames(root, "train")


@pytest.mark.parametrize("damage", ["{", json.dumps({"joints": {}}), "[1]"])
def test_damaged_annotation(root: Path, damage: str) -> None:
    path = list_frames(root, "train")[0].annotation
    path.write_text(damage)
    with pytest.raises(DamagedFrame, match=path.name):
        read_annotation(path, RIG.views)


def test_a_file_without_targets_says_what_it_lacks(root: Path) -> None:
    path = list_frames(root, "train")[0].annotation
    path.write_text(json.dumps({"joints": {}}))
    with pytest.raises(DamagedFrame, match=r"has no Head; expected each joint's device_pts3d, and its pixels"):
        read_annotation(path, RIG.views)


def test_joint_that_is_not_finite(root: Path) -> None:
    path = list_frames(root, "train")[0].annotation
    content = json.loads(path.read_text())
    content["joints"]["Neck"]["device_pts3d"][1] = float("nan")
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedFrame, match="finite"):
        read_annotation(path, RIG.views)


def test_damaged_and_missing_images(root: Path) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG)
    image = dataset.frames[0].image("back_left")
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DamagedFrame, match="back_left"):
        dataset.read(0)
    image.unlink()
    with pytest.raises(DamagedFrame, match="no image 2"):
        dataset.read(0)


def test_image_of_another_shape(root: Path) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG)
    Image.new("RGB", (64, 48)).save(dataset.frames[0].image("front_left"))
    with pytest.raises(DamagedFrame, match="64x48"):
        dataset.read(0)


def test_damaged_frame_is_replaced_counted_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG, 16)
    dataset.frames[0].image("front_left").unlink()
    sample = dataset[0]
    assert sample["meta"] == dataset.name(1)
    assert sample["substitute"]
    assert not dataset[1]["substitute"]
    assert dataset.damaged() == [dataset.name(0)]
    assert "no image 2" in caplog.text


def test_workers_count_damaged_frames_together(tmp_path: Path) -> None:
    dataset = Ego4ViewDataset(write_dataset(tmp_path / "data", frames=4, size=8), "train", RIG, 8)
    for index in (1, 4):
        dataset.frames[index].annotation.write_text("{")
    names = [name for batch in DataLoader(dataset, batch_size=2, num_workers=2) for name in batch["meta"]]
    assert len(names) == 8
    assert dataset.damaged() == [dataset.name(1), dataset.name(4)]


def test_too_many_damaged_frames_end_the_run(tmp_path: Path) -> None:
    dataset = Ego4ViewDataset(write_dataset(tmp_path / "data", frames=8, size=8), "train", RIG, 8)
    for index in range(11):  # one more than is accepted in a data set of any size
        dataset.frames[index].annotation.write_text("{")
    with pytest.raises(DatasetError, match="11 damaged frames; at most 10 of 16"):
        dataset[0]


def test_nothing_can_be_read(tmp_path: Path) -> None:
    dataset = Ego4ViewDataset(write_dataset(tmp_path / "data", frames=2, size=8), "train", RIG, 8)
    for frame in dataset.frames:
        frame.annotation.write_text("{")
    with pytest.raises(DatasetError, match="none of its 4 frames"):
        dataset[0]


def test_order_of_an_epoch_depends_on_seed_and_epoch_alone(root: Path) -> None:
    dataset = Ego4ViewDataset(root, "train", RIG)
    orders = {tuple(dataset.epoch_order(seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) > 5
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert np.array_equal(dataset.epoch_order(3, 4), Ego4ViewDataset(root, "train", RIG).epoch_order(3, 4))


def test_virtual_samples_show_what_the_virtual_cameras_see(root: Path) -> None:
    real = Ego4ViewDataset(root, "train", RIG, 64)[1]
    virtual = Ego4ViewDataset(root, "train", RIG, 32, virtual_cameras=True)[1]
    rig = virtual_rig(RIG)
    assert virtual["images"].shape == (4, 3, 32, 32)
    assert virtual["images"].dtype == torch.uint8
    expected = VirtualViews(RIG, 32)
    shown = expected.resample(real["images"][None].float())[0] * expected.seen
    assert torch.equal(virtual["images"], shown.round().to(torch.uint8))
    assert torch.equal(virtual["joints_cm"], real["joints_cm"])
    joints_m = virtual["joints_cm"].double().numpy()[1:] / 100.0
    for view, camera in enumerate(rig.cameras):
        if root.joinpath("train.txt").read_text().startswith("rp_x"):  # recordings bring their own places
            T = invert_transform(camera.T_device_camera)
            np.testing.assert_allclose(virtual["T_camera_device"][view].numpy(), T, atol=1e-6)
        in_camera = transform_points(virtual["T_camera_device"][view].double().numpy(), joints_m)
        pixels, seen = project(in_camera, camera.lens)
        np.testing.assert_allclose(virtual["pixels"][view].numpy(), pixels, atol=0.02)
        np.testing.assert_array_equal(virtual["visible"][view].numpy(), seen & real["visible"][view].numpy())
