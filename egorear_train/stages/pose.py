"""Stage 3: the whole network learns poses; and the baseline, which learns them without refinement."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.egoposeformer import EgoPoseFormer, RefinedEgoPoseFormer
from egorear_ros.models.egorear import EgoRear, EgoRearOutput
from egorear_ros.models.egotap.lifter import EgoTapLift
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.lifter import Lift
from egorear_ros.models.size import ModelSize
from egorear_train.batch import Batch, encode_targets, normalise_images
from egorear_train.losses import heatmap_mse, heatmap_row_norm, pose_distance
from egorear_train.pictures import Snapshot
from egorear_train.pose_metrics import CM_PER_M, pose_metrics
from egorear_train.schedule import OptimizerConfig
from egorear_train.stages.base import Stage
from egorear_train.stages.refinement import (
    BASE_PATH,
    STAGE_1_HEAD,
    begin_with_refinement,
    refinement_maps,
    refinement_metrics,
)
from egorear_train.weights import load_strictly, read_weights


class PoseStage(Stage):
    """Trains the whole `EgoRear`, beginning with stage 2's weights."""

    architecture = "egorear"

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS,
        size: ModelSize = ModelSize(),  # noqa: B008 (frozen)
        refinement: str = "",
        heatmap_loss: Literal["row_norm", "mse"] = "row_norm",
        train_base_path: bool = False,
        legacy_syn_geometry: bool = False,
        optimizer: OptimizerConfig = OptimizerConfig(),  # noqa: B008 (frozen)
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V views; the first two are the front pair.
            size: sizes of the network; its view count is taken from `views`.
            refinement: stage 2's checkpoint.
            heatmap_loss: "row_norm" as published, where the distance of joints is applied to maps,
                or "mse", the loss of the earlier stages.
            train_base_path: see `Refiner`; the published training leaves it random.
            legacy_syn_geometry: train with the fault of the published synthetic training, see
                `AnchorProjection`.
            optimizer: method and rate.
            weights: checkpoint of this stage to begin with instead of `refinement`.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.

        Raises:
            CheckpointError: a checkpoint is missing or of something else.
            ValueError: no weights are given.
        """
        super().__init__(rig, views, size, optimizer, training_data)
        self.heatmap_loss = heatmap_mse if heatmap_loss == "mse" else heatmap_row_norm
        self.train_base_path = train_base_path
        self.legacy_syn_geometry = legacy_syn_geometry
        network = self.build()
        for refiner in network.heatmap_estimator.refiners:
            refiner.train_base_path = train_base_path
        if not weights:
            begin_with_refinement(network, refinement, self.size, self.rig.views)
        self.finish_network(network, weights, compile_network)

    def build(self) -> EgoRear | RefinedEgoPoseFormer:
        """Return the network, untrained."""
        return EgoRear(self.size, self.rig, self.legacy_syn_geometry)

    def untrained(self) -> list[str]:
        """Return what no loss reaches."""
        return [STAGE_1_HEAD, *([] if self.train_base_path else [BASE_PATH])]

    def header(self) -> CheckpointHeader:
        """Return what the weights are for, with the geometry they expect."""
        return replace(super().header(), legacy_syn_geometry=self.legacy_syn_geometry)

    def run(self, batch: Batch) -> EgoRearOutput:
        """Return poses and heatmaps."""
        return self.network(normalise_images(batch["images"]), batch["T_camera_device"])

    def losses(self, output: EgoRearOutput, batch: Batch) -> dict[str, Tensor]:
        """Return the errors of poses and of both kinds of heatmaps."""
        assert output.refinement.refined_heatmaps is not None
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return {
            "poses": pose_distance(output.lift.poses_cm, batch["joints_cm"]),
            "heatmaps": self.heatmap_loss(output.refinement.heatmaps, target),
            "refined_heatmaps": self.heatmap_loss(output.refinement.refined_heatmaps, target),
        }

    def metrics(self, output: EgoRearOutput, batch: Batch) -> dict[str, float]:
        """Return the errors of poses and heatmaps."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return {
            **pose_metrics(output.lift.joints_cm, batch["joints_cm"]),
            **proposal_metrics(output.lift, batch),
            **refinement_metrics(output.refinement, target),
        }

    def snapshot(self, output: EgoRearOutput, batch: Batch) -> Snapshot:
        """Return images, heatmaps and poses."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return Snapshot.of(batch, refinement_maps(output.refinement, target), output.lift.joints_cm)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return names and joints, m."""
        return prediction(self.run(batch).lift, batch)


class RefinedEgoPoseFormerStage(PoseStage):
    """Trains EgoPoseFormer with refinement plugged in, as stage 3 trains `EgoRear`."""

    architecture = "egoposeformer_refined"

    def build(self) -> RefinedEgoPoseFormer:
        """Return the network, untrained."""
        return RefinedEgoPoseFormer(self.size, self.rig, self.legacy_syn_geometry)


class EgoPoseFormerStage(Stage):
    """Trains the baseline: one encoder for all views, no refinement, no loss on heatmaps."""

    architecture = "egoposeformer"
    needs = ("joints_cm", "T_camera_device")

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS,
        size: ModelSize = ModelSize(),  # noqa: B008 (frozen)
        encoder: str = "",
        optimizer: OptimizerConfig = OptimizerConfig(),  # noqa: B008 (frozen)
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V views.
            size: sizes of the network; its view count is taken from `views`.
            encoder: stage 1's checkpoint, trained on all these views, whose encoder is taken over.
            optimizer: method and rate.
            weights: checkpoint of this stage to begin with instead of `encoder`.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.

        Raises:
            CheckpointError: a checkpoint is missing or of something else.
            ValueError: no weights are given.
        """
        super().__init__(rig, views, size, optimizer, training_data)
        network = EgoPoseFormer(self.size, self.rig)
        if not weights:
            if not encoder:
                raise ValueError("model.encoder is empty; expected stage 1's checkpoint, which this stage begins with.")
            found = read_weights(encoder, "egorear_heatmap", self.size, self.rig.views, "model.encoder")
            encoder_only = {
                name.removeprefix("encoder."): value
                for name, value in found.state_dict.items()
                if name.startswith("encoder.")
            }
            load_strictly(network.encoder, encoder_only, Path(encoder), "the encoder")
        self.finish_network(network, weights, compile_network)

    def run(self, batch: Batch) -> Lift:
        """Return poses."""
        return self.network(normalise_images(batch["images"]), batch["T_camera_device"])

    def losses(self, output: Lift, batch: Batch) -> dict[str, Tensor]:
        """Return the error of poses."""
        return {"poses": pose_distance(output.poses_cm, batch["joints_cm"])}

    def metrics(self, output: Lift, batch: Batch) -> dict[str, float]:
        """Return the errors of poses."""
        return {**pose_metrics(output.joints_cm, batch["joints_cm"]), **proposal_metrics(output, batch)}

    def snapshot(self, output: Lift, batch: Batch) -> Snapshot:
        """Return images and poses."""
        return Snapshot.of(batch, {}, output.joints_cm)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return names and joints, m."""
        return prediction(self.run(batch), batch)


def proposal_metrics(lift: Lift, batch: Batch) -> dict[str, float]:
    """Return the error of the first guess, which the layers correct."""
    distance = (lift.poses_cm[0] - batch["joints_cm"]).norm(dim=-1).mean()
    return {"proposal_mpjpe_mm": 10.0 * float(distance)}


def prediction(lift: Lift | EgoTapLift, batch: Batch) -> dict[str, Any]:
    """Return the names of a batch's frames and their (B, 16, 3) joints, device frame, m."""
    return {"meta": batch["meta"], "joints_device": lift.joints_cm.float().cpu() / CM_PER_M}
