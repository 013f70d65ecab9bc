"""EgoTAP and plugged-in refinement in training: a run, what it begins with, and whether the chain learns."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from dotted_frames import FRONT, TINY, DottedData, batch_of, dotted_frames

pytest.importorskip("lightning")

from lightning.pytorch import Trainer
from torch.optim import AdamW

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import load_network
from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.egotap.lifter import EgoTapLifter
from egorear_ros.models.egotap.network import EgoTap
from egorear_train.batch import normalise_images
from egorear_train.cli import train
from egorear_train.export import export
from egorear_train.schedule import OptimizerConfig, cosine_rate
from egorear_train.stages import (
    EgoTapStage,
    HeatmapStage,
    RefinedEgoPoseFormerStage,
    RefinedEgoTapStage,
    RefinementStage,
    Stage,
)

SIZE = replace(TINY, lifter_layers=1)


def saved(stage: Stage, path: Path) -> str:
    save_checkpoint(path, stage.network.state_dict(), stage.header())
    return str(path)


@pytest.fixture(scope="module")
def stage_2(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return stage 2's checkpoint for the front pair, untrained."""
    folder = tmp_path_factory.mktemp("stage_2")
    front = saved(HeatmapStage(views=FRONT, size=SIZE, imagenet=""), folder / "front.safetensors")
    return saved(RefinementStage(views=FRONT, size=SIZE, front=front), folder / "refinement.safetensors")


def test_the_wrong_stages_weights_are_refused(stage_2: str, tmp_path: Path) -> None:
    plain = saved(EgoTapStage(views=FRONT, size=SIZE, refinement=stage_2), tmp_path / "egotap.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.refinement is .*holds weights of egotap, .*expected egorear_re"):
        EgoTapStage(views=FRONT, size=SIZE, refinement=plain)
    with pytest.raises(CheckpointError, match=r"model\.weights is .*of egotap, .*expected egotap_refined, EgoTAP on"):
        RefinedEgoTapStage(views=FRONT, size=SIZE, weights=plain)
    with pytest.raises(CheckpointError, match=r"model\.refinement is .*of egotap, .*expected egorear_refinement"):
        RefinedEgoPoseFormerStage(views=FRONT, size=SIZE, refinement=plain)
    with pytest.raises(CheckpointError, match=r"is for 2 views .*this run has 4"):
        EgoTapStage(size=SIZE, refinement=stage_2)
    with pytest.raises(ValueError, match=r"model\.refinement is empty; expected stage 2's checkpoint"):
        EgoTapStage(views=FRONT, size=SIZE)


@pytest.mark.parametrize("stage_class", [EgoTapStage, RefinedEgoTapStage, RefinedEgoPoseFormerStage])
def test_a_run_begins_with_stage_2(stage_class: type[EgoTapStage], stage_2: str) -> None:
    network = stage_class(views=FRONT, size=SIZE, refinement=stage_2).network
    ours = network.get_submodule("heatmap_estimator").state_dict()
    theirs = load_checkpoint(stage_2).state_dict
    assert set(ours) <= set(theirs)
    assert any("heatmap_refiner" in name for name in ours) == (stage_class is not EgoTapStage)
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name])


@pytest.mark.parametrize("stage_class", [EgoTapStage, RefinedEgoTapStage])
def test_heatmaps_stay_as_they_are_and_the_rate_is_a_cosine(stage_class: type[EgoTapStage], stage_2: str) -> None:
    stage = stage_class(views=FRONT, size=SIZE, refinement=stage_2)
    before = {name: value.clone() for name, value in stage.network.state_dict().items()}
    rates: list[float] = []
    stage.on_before_optimizer_step = lambda optimizer: rates.append(  # type: ignore[method-assign]
        optimizer.param_groups[0]["lr"]
    )
    trainer = fit(stage, epochs=3, batch_size=4)
    assert rates == pytest.approx(
        [5e-4, 1e-3, 1e-3, 1e-3 * (2 + math.sqrt(2)) / 4, 5e-4, 1e-3 * (2 - math.sqrt(2)) / 4]
    )
    assert isinstance(trainer.optimizers[0], AdamW)
    assert trainer.optimizers[0].defaults["eps"] == 1e-4
    moved = {name for name, value in stage.network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert not any(name.startswith("heatmap_estimator.") for name in moved)


def test_cosine_without_an_end_stays_full() -> None:
    assert [cosine_rate(step, 2, math.inf, 1.0) for step in (0, 1, 2, 10**6)] == [0.5, 1.0, 1.0, 1.0]


def fit(stage: Stage, epochs: int, batch_size: int, frames: int = 8) -> Trainer:
    """Train on the dotted frames, without validation."""
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        gradient_clip_val=5.0,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(stage, datamodule=DottedData(batch_size=batch_size, frames=frames))
    return trainer


@pytest.mark.parametrize("stage_class", ["EgoTapStage", "RefinedEgoTapStage"])
def test_a_recipe_runs(stage_class: str, stage_2: str, tmp_path: Path) -> None:
    """Two steps, a validation, pictures, and weights that can be exported and loaded."""
    size = {name: value for name, value in SIZE.to_dict().items() if name != "view_count"}
    settings = {"views": list(FRONT), "size": size, "refinement": stage_2, "training_data": "dotted frames"}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"model": {"class_path": stage_class, "init_args": settings}}))
    run = tmp_path / "run"
    arguments = ["fit", "--config", str(recipe), "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    train([*arguments, "--trainer.default_root_dir", str(run)], DottedData)
    assert list((run / "pictures").iterdir())
    shipped = export(run / "last.ckpt", tmp_path / "exported.safetensors")
    assert shipped.header.views == FRONT
    assert shipped.header.metrics["mpjpe_mm"] > 0.0
    network = load_network(shipped, load_rig("ego4view_syn").select(FRONT)).eval()
    assert isinstance(network, EgoTap)
    assert network.refined == (stage_class == "RefinedEgoTapStage")


@pytest.mark.slow
def test_egotap_fits_four_frame_sets_to_a_centimetre(tmp_path: Path) -> None:
    """Heatmaps and refinement first, then the lifter on what they say."""
    torch.manual_seed(0)
    size = replace(SIZE, attention_heads=2, attention_points=2)
    rig = load_rig("ego4view_syn").select(FRONT)
    frames = batch_of(dotted_frames(rig, count=4))
    mean_cm = frames["joints_cm"].mean(dim=0)
    spread_mm = 10.0 * float((frames["joints_cm"] - mean_cm).norm(dim=-1).mean())
    assert spread_mm > 70.0, "what the mean pose, the best without looking, would be off by"
    schedule = OptimizerConfig(learning_rate=3e-3, weight_decay=0.0, drop_epochs=(), warm_up_steps=0)

    stage_1 = HeatmapStage(views=FRONT, size=size, imagenet="", optimizer=schedule)
    fit(stage_1, 80, 8, frames=4)
    stage_2 = RefinementStage(
        views=FRONT,
        size=size,
        front=saved(stage_1, tmp_path / "1.safetensors"),
        train_base_path=True,
        keep_encoder_statistics=True,
        optimizer=schedule,
    )
    fit(stage_2, 60, 4, frames=4)
    stage_3 = RefinedEgoTapStage(
        views=FRONT,
        size=size,
        refinement=saved(stage_2, tmp_path / "2.safetensors"),
        warm_up_epochs=5,
        optimizer=replace(schedule, learning_rate=5e-3),
    )
    lifter = stage_3.network.get_submodule("pose3d_estimator")
    assert isinstance(lifter, EgoTapLifter)
    with torch.no_grad():  # the way there from zero, a metre, would take most of the steps
        for index, layer in enumerate(lifter.joint_outputs):
            layer.bias.copy_(mean_cm[1 + index])
        lifter.body_output.bias[3:].copy_(mean_cm[0])
    fit(stage_3, 100, 4, frames=4)
    with torch.no_grad():  # batch statistics are a mean over more steps than these weights are old
        for _ in range(40):
            stage_3.run(frames)

    network = load_network(load_checkpoint(saved(stage_3, tmp_path / "3.safetensors")), rig).eval()
    with torch.inference_mode():
        joints_cm = network(normalise_images(frames["images"])).lift.joints_cm
    error_mm = 10.0 * float((joints_cm - frames["joints_cm"]).norm(dim=-1).mean())
    assert error_mm < 10.0
