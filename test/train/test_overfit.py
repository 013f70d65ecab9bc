"""The whole chain learns: three stages, one after the other, on eight frame sets."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dotted_frames import FRONT, TINY, DottedData, dotted_frames

pytest.importorskip("lightning")

from lightning.pytorch import Trainer

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import load_network
from egorear_train.batch import collate, normalise_images
from egorear_train.export import export
from egorear_train.schedule import OptimizerConfig
from egorear_train.stages import HeatmapStage, PoseStage, RefinementStage, Stage

SIZE = replace(TINY, lifter_layers=1)
RIG = load_rig("ego4view_syn").select(FRONT)


def schedule(*drops: int) -> OptimizerConfig:
    return OptimizerConfig(learning_rate=4e-3, weight_decay=0.0, drop_epochs=drops, warm_up_steps=0)


def fit(stage: Stage, epochs: int, batch_size: int, path: Path) -> str:
    """Train, one batch to an epoch, and write a checkpoint."""
    trainer = Trainer(
        default_root_dir=path.parent,
        accelerator="cpu",
        max_epochs=epochs,
        check_val_every_n_epoch=epochs,
        gradient_clip_val=5.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(stage, datamodule=DottedData(batch_size=batch_size))
    trainer.save_checkpoint(path)
    return str(path)


@pytest.mark.slow
def test_three_stages_fit_eight_frame_sets_to_a_centimetre(tmp_path: Path) -> None:
    torch.manual_seed(0)
    frames = collate(dotted_frames(RIG))
    mean_cm = frames["joints_cm"].mean(dim=0)
    spread_mm = 10.0 * float((frames["joints_cm"] - mean_cm).norm(dim=-1).mean())
    assert spread_mm > 80.0, "what the mean pose, the best without looking, would be off by"

    first = fit(HeatmapStage(views=FRONT, size=SIZE, imagenet="", optimizer=schedule()), 30, 16, tmp_path / "1.ckpt")
    stage_2 = RefinementStage(views=FRONT, size=SIZE, front=first, train_base_path=True, optimizer=schedule())
    second = fit(stage_2, 10, 8, tmp_path / "2.ckpt")
    stage_3 = PoseStage(
        views=FRONT,
        size=SIZE,
        refinement=second,
        heatmap_loss="mse",
        train_base_path=True,
        optimizer=schedule(180, 220),
    )
    with torch.no_grad():  # the way there from zero, a metre, would take most of the steps
        stage_3.network.get_submodule("pose3d_estimator.mlp_pred.2").bias.copy_(mean_cm.flatten())
    third = fit(stage_3, 240, 8, tmp_path / "3.ckpt")

    shipped = export(Path(third), tmp_path / "pose.safetensors")
    network = load_network(shipped, RIG).eval()
    with torch.inference_mode():
        joints_cm = network(normalise_images(frames["images"])).lift.joints_cm
    error_mm = 10.0 * float((joints_cm - frames["joints_cm"]).norm(dim=-1).mean())
    assert error_mm < 10.0
    assert error_mm == pytest.approx(shipped.header.metrics["mpjpe_mm"], rel=1e-3)
