"""The published stages: what they train, what they start from, what they refuse."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dotted_frames import FRONT, TINY, DottedData, ListedFrames, dotted_frames

pytest.importorskip("lightning")

from lightning.pytorch import Trainer
from torch import nn

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from egorear_ros.models.header import CheckpointHeader
from egorear_train.batch import BatchError, collate
from egorear_train.export import export
from egorear_train.schedule import OptimizerConfig
from egorear_train.stages import (
    EgoPoseFormerStage,
    EgoTapStage,
    HeatmapStage,
    PoseStage,
    RefinedEgoPoseFormerStage,
    RefinedEgoTapStage,
    RefinementStage,
    Stage,
)
from egorear_train.stages.base import TrainingDiverged

SIZE = replace(TINY, lifter_layers=1)
REAR = EGO4VIEW_VIEWS[2:]


def saved(stage: Stage, path: Path) -> str:
    """Write a stage's weights as exported ones are."""
    save_checkpoint(path, stage.network.state_dict(), stage.header())
    return str(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return checkpoints of all stages: of stage 1 for both pairs, of the others for four views."""
    tmp_path = tmp_path_factory.mktemp("weights")
    paths: dict[str, str] = {}
    for name, views in (("front", FRONT), ("back", REAR), ("all", EGO4VIEW_VIEWS)):
        stage: Stage = HeatmapStage(views=views, size=SIZE, imagenet="")
        paths[name] = saved(stage, tmp_path / f"{name}.safetensors")
    refinement = RefinementStage(size=SIZE, front=paths["front"], back=paths["back"])
    paths["refinement"] = saved(refinement, tmp_path / "refinement.safetensors")
    paths["pose"] = saved(PoseStage(size=SIZE, refinement=paths["refinement"]), tmp_path / "pose.safetensors")
    return paths


STAGES: dict[str, Callable[[dict[str, str]], Stage]] = {
    "stage 1": lambda found: HeatmapStage(size=SIZE, imagenet=""),
    "stage 2": lambda found: RefinementStage(size=SIZE, front=found["front"], back=found["back"]),
    "stage 2 fixed": lambda found: RefinementStage(
        size=SIZE, front=found["front"], back=found["back"], train_base_path=True, keep_encoder_statistics=True
    ),
    "stage 3": lambda found: PoseStage(size=SIZE, refinement=found["refinement"]),
    "stage 3 fixed": lambda found: PoseStage(
        size=SIZE, refinement=found["refinement"], heatmap_loss="mse", train_base_path=True
    ),
    "EgoPoseFormer": lambda found: EgoPoseFormerStage(size=SIZE, encoder=found["all"]),
    "EgoPoseFormer refined": lambda found: RefinedEgoPoseFormerStage(
        size=SIZE, refinement=found["refinement"], train_base_path=True
    ),
    "EgoTAP": lambda found: EgoTapStage(size=SIZE, refinement=found["refinement"]),
    "EgoTAP refined": lambda found: RefinedEgoTapStage(size=SIZE, refinement=found["refinement"]),
}


def batch_for(stage: Stage) -> Any:
    rig = load_rig("ego4view_syn").select(stage.rig.views)
    batch = collate(dotted_frames(rig, count=3))
    if stage.single_views:
        for key in ("images", "pixels", "visible", "T_camera_device"):
            batch[key] = batch[key][:, :1]  # type: ignore[literal-required]
        batch["view"] = torch.zeros(3, dtype=torch.int64)
    return batch


@pytest.mark.parametrize("name", STAGES)
def test_exactly_what_is_not_frozen_gets_gradients(name: str, weights: dict[str, str]) -> None:
    """With several GPUs, a parameter that is waited for and gets no gradient stops everything."""
    stage = STAGES[name](weights).train()
    torch.stack(list(stage.losses(stage.run(batch_for(stage)), batch_for(stage)).values())).sum().backward()
    for parameter_name, parameter in stage.network.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, parameter_name
    frozen = {name for name, parameter in stage.network.named_parameters() if not parameter.requires_grad}
    assert any("frame_feat_proj_layers" in part for part in frozen) == (
        name in ("stage 2", "stage 3", "EgoTAP refined")
    )


@pytest.mark.parametrize(("name", "drift"), [("stage 2", True), ("stage 2 fixed", False)])
def test_batch_statistics_of_stage_2(name: str, drift: bool, weights: dict[str, str]) -> None:
    stage = STAGES[name](weights)  # as it is handed to Lightning, which does not call `train`
    before = {key: value.clone() for key, value in stage.network.named_buffers() if "running" in key}
    stage.run(batch_for(stage))
    moved = [
        key for key, value in stage.network.named_buffers() if key in before and not torch.equal(value, before[key])
    ]
    assert len(moved) == (len(before) if drift else 0)
    assert before


def test_a_stage_begins_with_the_weights_of_the_one_before(weights: dict[str, str]) -> None:
    network = STAGES["stage 2"](weights).network
    for group, path in (("front", weights["front"]), ("back", weights["back"])):
        for key, value in load_checkpoint(path).state_dict.items():
            torch.testing.assert_close(network.state_dict()[f"heatmap_estimator_stereo_{group}.{key}"], value)
    network = STAGES["stage 3"](weights).network
    for key, value in load_checkpoint(weights["refinement"]).state_dict.items():
        torch.testing.assert_close(network.state_dict()[f"heatmap_estimator.{key}"], value)
    encoder = STAGES["EgoPoseFormer"](weights).network.get_submodule("encoder").state_dict()
    for key, value in encoder.items():
        torch.testing.assert_close(value, load_checkpoint(weights["all"]).state_dict[f"encoder.{key}"])


def test_published_recipe_decays_what_the_published_code_decays() -> None:
    """318 of stage 3's tensors with four views and 246 others, by name."""
    from egorear_ros.models.egorear import EgoRear
    from egorear_ros.models.size import ModelSize
    from egorear_train.schedule import make_optimizer

    with torch.device("meta"):
        network = EgoRear(ModelSize(), load_rig("ego4view_syn"))
    counts = sorted(len(group["params"]) for group in make_optimizer(network, OptimizerConfig()).param_groups)
    assert counts == [246, 318]


def test_weights_of_another_stage_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(CheckpointError, match=r"model\.refinement is .*holds weights of egorear_heatmap.*expected"):
        PoseStage(size=SIZE, refinement=weights["front"])
    with pytest.raises(CheckpointError, match=r"model\.front is .*egorear_refinement.*expected egorear_heatmap"):
        RefinementStage(size=SIZE, front=weights["refinement"], back=weights["back"])
    with pytest.raises(CheckpointError, match=r"model\.weights is .*expected egoposeformer"):
        EgoPoseFormerStage(size=SIZE, weights=weights["pose"])


def test_weights_for_other_views_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(
        CheckpointError, match=r"is for 4 views .*this run has 2: front_left, front_right.*Train the earlier"
    ):
        PoseStage(views=FRONT, size=SIZE, refinement=weights["refinement"])
    swapped = (*REAR, *FRONT)
    with pytest.raises(CheckpointError, match="Their order counts"):
        PoseStage(views=swapped, size=SIZE, refinement=weights["refinement"])
    with pytest.raises(
        CheckpointError, match=r"model\.front is .*trained on back_left, back_right; expected .*front_left"
    ):
        RefinementStage(size=SIZE, front=weights["back"], back=weights["front"])
    with pytest.raises(ValueError, match=r"model\.back is ''.*4 views"):
        RefinementStage(size=SIZE, front=weights["front"])


def test_weights_of_another_size_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(CheckpointError, match="another size: channels 16, here 32"):
        PoseStage(size=replace(SIZE, channels=32), refinement=weights["refinement"])


def test_missing_weights_are_named(tmp_path: Path) -> None:
    for make, setting in (
        (lambda: PoseStage(size=SIZE, refinement="nowhere.ckpt"), "model.refinement is nowhere.ckpt"),
        (lambda: PoseStage(size=SIZE), "model.refinement is empty"),
        (lambda: EgoPoseFormerStage(size=SIZE), "model.encoder is empty"),
        (lambda: HeatmapStage(size=SIZE, imagenet=str(tmp_path / "none.pth")), "Download https://download.pytorch.org"),
    ):
        with pytest.raises(ValueError, match=setting):
            make()


def test_imagenet_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other.pth: these weights are not torchvision's resnet18"):
        HeatmapStage(size=SIZE, imagenet=str(tmp_path / "other.pth"))


def trainer_for(tmp_path: Path, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(default_root_dir=tmp_path, accelerator="cpu", max_epochs=1, **quiet, **settings)


class Spoiled(DottedData):
    """One frame has a pixel that is not a number, after the check of the first batch."""

    def framesets(self, split: str, stage: Stage) -> ListedFrames:
        frames = super().framesets(split, stage)
        frames.frames[5]["joints_cm"] = frames.frames[5]["joints_cm"] * float("nan")
        return frames


def test_divergence_names_the_frames_and_changes_nothing(tmp_path: Path, weights: dict[str, str]) -> None:
    stage = PoseStage(size=SIZE, refinement=weights["refinement"])
    data = Spoiled(batch_size=1)
    before: dict[str, torch.Tensor] = {}
    set_rate = stage.on_train_batch_start

    def note(batch: Any, batch_idx: int) -> None:
        before.update({key: value.clone() for key, value in stage.network.named_parameters()})
        set_rate(batch, batch_idx)

    stage.on_train_batch_start = note  # type: ignore[method-assign]
    stage._checked.add("fit")
    with pytest.raises(
        TrainingDiverged, match=r"the loss is nan.*Frames: dotted/clip/5\. .*checkpoints written before"
    ):
        trainer_for(tmp_path, enable_checkpointing=False, limit_val_batches=0).fit(stage, datamodule=data)
    for key, value in stage.network.named_parameters():
        assert torch.equal(value, before[key])
        assert value.isfinite().all()


def test_data_without_targets_stop_a_run_at_once(tmp_path: Path) -> None:
    class Bare(DottedData):
        def framesets(self, split: str, stage: Stage) -> ListedFrames:
            frames = super().framesets(split, stage)
            return ListedFrames([{k: v for k, v in frame.items() if k != "pixels"} for frame in frames.frames])

    with pytest.raises(BatchError, match="has no `pixels`"):
        trainer_for(tmp_path, enable_checkpointing=False).fit(HeatmapStage(size=SIZE, imagenet=""), datamodule=Bare())


def test_rate_is_that_of_the_published_schedule(tmp_path: Path) -> None:
    """Step 0 runs at the full rate, step k at k / 500 of it."""
    stage = HeatmapStage(size=SIZE, imagenet="")
    seen: list[float] = []

    def note(optimizer: torch.optim.Optimizer) -> None:
        seen.append(optimizer.param_groups[0]["lr"])

    stage.on_before_optimizer_step = note  # type: ignore[method-assign]
    trainer_for(tmp_path, enable_checkpointing=False, limit_val_batches=0).fit(stage, datamodule=DottedData())
    assert seen == pytest.approx([1e-3, 2e-6, 4e-6, 6e-6])


def test_gradients_are_clipped_at_the_norm(weights: dict[str, str], tmp_path: Path) -> None:
    stage = PoseStage(size=SIZE, refinement=weights["refinement"])
    norms: list[float] = []
    original = stage.configure_gradient_clipping

    def note(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        original(optimizer, *args, **kwargs)
        gradients = [p.grad for p in stage.network.parameters() if p.grad is not None]
        norms.append(float(nn.utils.get_total_norm(gradients)))

    stage.configure_gradient_clipping = note  # type: ignore[method-assign]
    trainer = trainer_for(tmp_path, enable_checkpointing=False, limit_val_batches=0, gradient_clip_val=5.0)
    trainer.fit(stage, datamodule=DottedData())
    assert len(norms) == 2
    assert norms == pytest.approx([5.0, 5.0], rel=1e-3)


def test_export_says_what_the_weights_are(tmp_path: Path, weights: dict[str, str]) -> None:
    stage = PoseStage(
        size=SIZE, refinement=weights["refinement"], legacy_syn_geometry=True, training_data="dotted frames"
    )
    trainer = trainer_for(tmp_path, enable_checkpointing=False)
    trainer.fit(stage, datamodule=DottedData())
    trainer.save_checkpoint(tmp_path / "run.ckpt")
    written = export(tmp_path / "run.ckpt", tmp_path / "exported.safetensors")
    expected = CheckpointHeader(
        "egorear",
        replace(SIZE, view_count=4),
        EGO4VIEW_VIEWS,
        training_data="dotted frames",
        metrics=stage.last_metrics,
        legacy_syn_geometry=True,
    )
    assert written.header == expected
    assert written.header.metrics["mpjpe_mm"] > 0.0
    for key, value in stage.network.state_dict().items():
        torch.testing.assert_close(written.state_dict[key], value, rtol=0.0, atol=0.0)
    with pytest.raises(CheckpointError, match="exists already"):
        export(tmp_path / "run.ckpt", tmp_path / "exported.safetensors")


def test_a_run_of_another_stage_is_not_gone_on_with(tmp_path: Path, weights: dict[str, str]) -> None:
    trainer = trainer_for(tmp_path, enable_checkpointing=False, limit_val_batches=0)
    trainer.fit(STAGES["stage 2"](weights), datamodule=DottedData())
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    with pytest.raises(CheckpointError, match="egorear_refinement.*expected egorear, pose network"):
        trainer_for(tmp_path, enable_checkpointing=False).fit(
            STAGES["stage 3"](weights), datamodule=DottedData(), ckpt_path=tmp_path / "two.ckpt", weights_only=True
        )
