"""EgoTAP: its lifter learns poses from heatmaps that stay as they are, plain or refined."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.egotap.network import EgoTap, EgoTapOutput
from egorear_ros.models.size import ModelSize
from egorear_train.batch import Batch, encode_targets, normalise_images
from egorear_train.heatmap_metrics import heatmap_metrics
from egorear_train.limbs import bone_loss, encode_limbs, limb_error
from egorear_train.losses import pose_distance
from egorear_train.pictures import Snapshot
from egorear_train.pose_metrics import pose_metrics
from egorear_train.schedule import OptimizerConfig, cosine_rate
from egorear_train.stages.base import Stage
from egorear_train.stages.pose import prediction
from egorear_train.stages.refinement import begin_with_refinement

EGOTAP_OPTIMIZER = OptimizerConfig(weight_decay=0.01, decay_everything=True, drop_epochs=(), epsilon=1e-4)
"""As published; its weight decay is not stated, so PyTorch's own. The rate is `EgoTapStage.rate`."""


class EgoTapStage(Stage):
    """Trains the lifter of a plain `EgoTap`; encoders and first heatmaps are stage 2's and stay as they are."""

    architecture = "egotap"

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS,
        size: ModelSize = ModelSize(),  # noqa: B008 (frozen)
        refinement: str = "",
        warm_up_epochs: int = 1,
        optimizer: OptimizerConfig = EGOTAP_OPTIMIZER,
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V views; the first two are the front pair.
            size: sizes of the network; its view count is taken from `views`.
            refinement: stage 2's checkpoint, for the plain form too, which leaves its refiners out.
            warm_up_epochs: epochs until the full rate, which then falls along a cosine until the end.
            optimizer: method and full rate; what it says of drops and warm-up has no effect.
            weights: checkpoint of this stage to begin with instead of `refinement`.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.

        Raises:
            CheckpointError: a checkpoint is missing or of something else.
            ValueError: no weights are given.
        """
        super().__init__(rig, views, size, optimizer, training_data)
        self.warm_up_epochs = warm_up_epochs
        network = EgoTap(self.size, self.rig, refine=self.architecture == "egotap_refined")
        if not weights:
            begin_with_refinement(network, refinement, self.size, self.rig.views)
        self.finish_network(network, weights, compile_network)

    def untrained(self) -> list[str]:
        """Return what stays as it is: all that makes heatmaps."""
        return [".heatmap_estimator."]

    def train(self, mode: bool = True) -> "EgoTapStage":
        """Switch between training and evaluation; what makes heatmaps is always in evaluation."""
        super().train(mode)
        self.network.get_submodule("heatmap_estimator").eval()
        return self

    def rate(self) -> float:
        """Return the rate of the step to come: up during the first epoch, then down along a cosine."""
        trainer = self.trainer
        total = trainer.estimated_stepping_batches
        warm_up = self.warm_up_epochs * trainer.num_training_batches // trainer.accumulate_grad_batches
        return cosine_rate(self.global_step, int(warm_up), total, self.optimizer_config.learning_rate)

    def run(self, batch: Batch) -> EgoTapOutput:
        """Return poses, heatmaps and limb maps."""
        return self.network(normalise_images(batch["images"]))

    def losses(self, output: EgoTapOutput, batch: Batch) -> dict[str, Tensor]:
        """Return the errors of joints, of the directions of bones, and of limb maps."""
        target, lengths = encode_limbs(batch, self.rig, self.size.heatmap_size)
        return {
            "poses": pose_distance(output.lift.poses_cm, batch["joints_cm"]),
            "bones": bone_loss(output.lift.joints_cm, batch["joints_cm"]),
            "limbs": limb_error(output.lift.limb_maps, target, lengths),
        }

    def metrics(self, output: EgoTapOutput, batch: Batch) -> dict[str, float]:
        """Return the errors of poses, and of the heatmaps that they are lifted from."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return {
            **pose_metrics(output.lift.joints_cm, batch["joints_cm"]),
            **heatmap_metrics(_lifted(output), target),
        }

    def snapshot(self, output: EgoTapOutput, batch: Batch) -> Snapshot:
        """Return images, heatmaps, limbs and poses."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        lines, _ = encode_limbs(batch, self.rig, self.size.heatmap_size)
        maps = {
            "target": target,
            "heatmaps": _lifted(output),
            "limb_target": lines.norm(dim=3),
            "limbs": output.lift.limb_maps.norm(dim=3),
        }
        return Snapshot.of(batch, maps, output.lift.joints_cm)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return names and joints, m."""
        return prediction(self.run(batch).lift, batch)


class RefinedEgoTapStage(EgoTapStage):
    """The same with refinement plugged in: the lifter reads stage 2's refined heatmaps."""

    architecture = "egotap_refined"


def _lifted(output: EgoTapOutput) -> Tensor:
    """Return the (B, V, J, H, W) heatmaps that a pose was lifted from."""
    refined = output.refinement.refined_heatmaps
    return output.refinement.heatmaps if refined is None else refined
