"""Loaders over Ego4View's own files: the rig of each recording, mixtures, errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dotted_frames import TINY
from tiny_dataset import write_dataset

pytest.importorskip("lightning")

from lightning.pytorch import Trainer

from egorear_train.data import FrameSetData
from egorear_train.datasets.errors import DatasetError
from egorear_train.rigs import load_training_rig
from egorear_train.stages import HeatmapStage, SmallPoseStage


def dataset(root: Path, layout: str) -> Path:
    """Write a tiny data set with all splits."""
    write_dataset(root, layout)
    for split in ("validation", "test"):
        (root / f"{split}.txt").write_text((root / "train.txt").read_text())
    return root


def trainer(tmp_path: Path, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        default_root_dir=tmp_path, accelerator="cpu", max_epochs=1, enable_checkpointing=False, **quiet, **settings
    )


@pytest.mark.parametrize("layout", ["syn", "rw"])
def test_training_reads_both_layouts(layout: str, tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", layout)
    stage = SmallPoseStage(rig=f"ego4view_{layout}", size=TINY)
    seen: list[torch.Tensor] = []
    original = stage.run

    def note(batch: Any, *args: Any) -> Any:
        seen.append(batch["T_camera_device"])
        return original(batch, *args)

    stage.run = note  # type: ignore[method-assign]
    data = FrameSetData(str(root), batch_size=2, workers=0)
    trainer(tmp_path).fit(stage, datamodule=data)
    assert all(T.isfinite().all() for T in seen)
    assert stage.last_metrics["mpjpe_mm"] > 0.0


def test_a_rig_of_recordings_has_no_places_of_its_own() -> None:
    rig = load_training_rig("ego4view_rw", ("back_left", "front_right"))
    assert rig.views == ("back_left", "front_right")
    assert all(np.isnan(camera.T_device_camera).all() for camera in rig.cameras)
    assert np.isfinite(load_training_rig("ego4view_syn", ("front_left",)).cameras[0].T_device_camera).all()


@pytest.mark.parametrize("views", [(), ("front_left", "front_left"), ("top",)])
def test_wrong_views_are_refused(views: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected each view once, out of those of rig ego4view_syn"):
        load_training_rig("ego4view_syn", views)


def test_stage_1_reads_images_one_by_one(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", "syn")
    data = FrameSetData(str(root), batch_size=3, workers=0)
    stage = HeatmapStage(size=TINY, imagenet="")
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(stage, datamodule=data)
    assert run.global_step == 4 * 2 // 3, "four frame sets of two views, an incomplete batch left out"


def test_data_sets_are_mixed(tmp_path: Path) -> None:
    roots = {str(dataset(tmp_path / layout, "syn")): weight for layout, weight in (("one", 3.0), ("two", 1.0))}
    data = FrameSetData(roots, batch_size=2, workers=0, epoch_frames=8)
    stage = SmallPoseStage(size=TINY)
    run = trainer(tmp_path)
    run.fit(stage, datamodule=data)
    assert run.global_step == 4
    names = [name for batch in data.train_dataloader() for name in batch["meta"]]
    assert sum(name.startswith("one/") for name in names) == 6
    measured = [name for batch in data.val_dataloader() for name in batch["meta"]]
    assert len(measured) == len(set(measured)) == 8, "every frame once, whatever the weights"


def test_missing_data_are_told(tmp_path: Path) -> None:
    stage = SmallPoseStage(size=TINY)
    for roots, message in (("", "data.roots is empty"), (str(tmp_path / "none"), "there is no folder")):
        with pytest.raises(ValueError, match=message):
            trainer(tmp_path).fit(stage, datamodule=FrameSetData(roots, workers=0))
    root = dataset(tmp_path / "data", "syn")
    with pytest.raises(ValueError, match=r"split train: the data set has 4 samples, fewer than the 5 of a batch"):
        trainer(tmp_path).fit(stage, datamodule=FrameSetData(str(root), batch_size=5, workers=0))
    (root / "train.txt").unlink()
    with pytest.raises(DatasetError, match=r"train\.txt"):
        trainer(tmp_path).fit(stage, datamodule=FrameSetData(str(root), batch_size=2, workers=0))
