"""What a run writes beside its checkpoints: settings, numbers, pictures, predictions."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from dotted_frames import FRONT, DottedData

pytest.importorskip("lightning")

from egorear_ros.geometry.rig_file import load_rig
from egorear_train.cli import train
from egorear_train.pictures import Snapshot, draw_heatmaps

RECIPE = """
model:
  class_path: SmallPoseStage
  init_args:
    views: [front_left, front_right]
    size: {image_size: 64, backbone_channels: 8, channels: 16, attention_points: 4, lifter_layers: 1}
data: {batch_size: 4}
trainer: {max_epochs: 1, accelerator: cpu, log_every_n_steps: 1}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of one epoch, with its predictions."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    common = ["--config", str(recipe), "--trainer.default_root_dir", str(folder / "run")]
    train(["fit", *common], DottedData)
    train(["predict", *common, "--ckpt_path", "best"], DottedData)
    return folder / "run"


def test_resolved_settings_lie_beside_the_checkpoints(run: Path) -> None:
    settings = yaml.safe_load((run / "config.yaml").read_text())
    assert settings["model"]["init_args"]["optimizer"]["weight_decay"] == 0.02, "defaults are written too"
    assert settings["trainer"]["gradient_clip_val"] == 5.0
    assert settings["seed_everything"] == 42
    assert {"last.ckpt", "best.ckpt"} <= {path.name for path in run.iterdir()}


def test_numbers_are_logged(run: Path) -> None:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [row for row in rows if row["train/loss"]]
    assert [row["step"] for row in steps] == ["0", "1"]
    for row in steps:
        assert float(row["train/samples_per_s"]) > 0.0
        assert 0.0 <= float(row["train/waiting_share"]) <= 1.0
        assert float(row["train/gradient_norm"]) > 0.0
    measured = [row for row in rows if row["val/mpjpe_mm"]]
    assert len(measured) == 1
    assert float(measured[0]["val/mpjpe_mm_left_wrist"]) > 0.0


def test_pictures_are_drawn_and_logged(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run), size_guidance={"images": 0})
    events.Reload()
    assert set(events.Tags()["images"]) == {"val/heatmaps", "val/skeletons"}
    for name in ("heatmaps", "skeletons"):
        picture = cv2.imread(str(run / "pictures" / f"epoch_000_{name}.png"))
        (logged,) = events.Images(f"val/{name}")
        assert picture.shape[:2] == (logged.height, logged.width)
        assert picture.std() > 10.0


def test_predictions_are_in_metres_and_named(run: Path) -> None:
    found = np.load(run / "predictions.npz")
    assert found["names"].tolist() == [f"dotted/clip/{number}" for number in range(8)]
    assert found["joints_device"].shape == (8, 16, 3)
    # The network starts from the mean pose, which in centimetres would be a hundred times as far away.
    assert 0.3 < np.linalg.norm(found["joints_device"], axis=-1).max() < 3.0


def test_heat_is_drawn_where_the_map_is_high() -> None:
    maps = np.zeros((2, 15, 16, 16), np.float32)
    maps[1, 4, 3, 12] = 1.0
    images = np.full((2, 64, 64, 3), 40, np.uint8)
    picture = draw_heatmaps(Snapshot("frame", images, (0, 1), {"target": maps}), load_rig("ego4view_syn").select(FRONT))
    second = picture[-256:, 256:].astype(int).sum(axis=-1)
    v, u = np.unravel_index(second.argmax(), second.shape)
    assert abs(u / 16 - 12.5) < 1.0
    assert abs(v / 16 - 3.5) < 1.0
    assert picture[26:-256, 256:].astype(int).sum(axis=-1).max() < 100, "nothing in the first view"
