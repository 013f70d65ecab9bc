"""Stage 2: heatmap heads and refiners learn on top of the encoders of stage 1."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.checkpoint import CheckpointError
from egorear_ros.models.plug_in import RefinedEstimator
from egorear_ros.models.refinement import REFINER, Refinement, RefinementNetwork
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import view_groups
from egorear_train.batch import Batch, encode_targets, normalise_images
from egorear_train.heatmap_metrics import heatmap_metrics
from egorear_train.losses import heatmap_mse
from egorear_train.pictures import Snapshot
from egorear_train.schedule import HEATMAP_OPTIMIZER, OptimizerConfig
from egorear_train.stages.base import Stage
from egorear_train.weights import load_strictly, read_weights

BASE_PATH = ".frame_feat_proj_layers."
STAGE_1_HEAD = ".conv_heatmap."


class RefinementStage(Stage):
    """Trains a `RefinementNetwork`; the encoders stay as stage 1 left them, but for their batch statistics."""

    architecture = "egorear_refinement"
    needs = ("pixels",)

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS,
        size: ModelSize = ModelSize(),  # noqa: B008 (frozen)
        front: str = "",
        back: str = "",
        train_base_path: bool = False,
        keep_encoder_statistics: bool = False,
        optimizer: OptimizerConfig = HEATMAP_OPTIMIZER,
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: V views; the first two are the front pair.
            size: sizes of the network; its view count is taken from `views`.
            front: stage 1's checkpoint for the front pair.
            back: stage 1's checkpoint for the rear views; "" where there are none.
            train_base_path: see `Refiner`; the published training leaves it random.
            keep_encoder_statistics: run the encoders in evaluation mode. The published training
                does not: their batch statistics drift although nothing else of them is trained.
            optimizer: method and rate.
            weights: checkpoint of this stage to begin with instead of `front` and `back`.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.

        Raises:
            CheckpointError: a checkpoint is missing or of something else.
            ValueError: no weights are given.
        """
        super().__init__(rig, views, size, optimizer, training_data)
        self.train_base_path = train_base_path
        self.keep_encoder_statistics = keep_encoder_statistics
        network = RefinementNetwork(self.size)
        for refiner in network.refiners:
            refiner.train_base_path = train_base_path
        if not weights:
            self._load_encoders(network, {"stereo_front": front, "stereo_back": back})
        self.finish_network(network, weights, compile_network)

    def untrained(self) -> list[str]:
        """Return what no loss reaches."""
        return [".encoder.", STAGE_1_HEAD, *([] if self.train_base_path else [BASE_PATH])]

    def train(self, mode: bool = True) -> "RefinementStage":
        """Switch between training and evaluation, the encoders as `keep_encoder_statistics` says."""
        super().train(mode)
        if mode and self.keep_encoder_statistics:
            for name, module in self.network.named_modules():
                if name.endswith(".encoder"):
                    module.eval()
        return self

    @property
    def monitor(self) -> str:
        """The refined peaks."""
        return "val/refined_peak_error_px"

    def run(self, batch: Batch) -> Refinement:
        """Return heatmaps and refined heatmaps."""
        return self.network(normalise_images(batch["images"]))

    def losses(self, output: Refinement, batch: Batch) -> dict[str, Tensor]:
        """Return the squared errors of both kinds of heatmaps."""
        assert output.refined_heatmaps is not None
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return {
            "heatmaps": heatmap_mse(output.heatmaps, target),
            "refined_heatmaps": heatmap_mse(output.refined_heatmaps, target),
        }

    def metrics(self, output: Refinement, batch: Batch) -> dict[str, float]:
        """Return the errors of both kinds of heatmaps, and the share of peaks that can be trusted."""
        return refinement_metrics(output, encode_targets(batch, self.rig, self.size.heatmap_size))

    def snapshot(self, output: Refinement, batch: Batch) -> Snapshot:
        """Return images and both kinds of heatmaps."""
        return Snapshot.of(batch, refinement_maps(output, encode_targets(batch, self.rig, self.size.heatmap_size)))

    def _load_encoders(self, network: RefinementNetwork, paths: dict[str, str]) -> None:
        groups = view_groups(self.size.view_count)
        for group, path in paths.items():
            setting = f"model.{group.removeprefix('stereo_')}"
            if (group in groups) != bool(path):
                raise ValueError(
                    f"{setting} is {path!r}, but this run has {len(self.rig.views)} views: "
                    f"{', '.join(self.rig.views)}. Views beyond the front pair, and only they, need model.back."
                )
            if path:
                found = read_weights(path, "egorear_heatmap", self.size, self.rig.views, setting)
                ours = self.rig.views[groups[group]]
                if found.header.views and not set(found.header.views) & set(ours):
                    raise CheckpointError(
                        f"{setting} is {path}, which was trained on {', '.join(found.header.views)}; expected weights "
                        f"of {', '.join(ours)}."
                    )
                estimator: nn.Module = network.get_submodule(f"heatmap_estimator_{group}")
                load_strictly(estimator, dict(found.state_dict), Path(path), f"stage 2's {group} encoder")


def begin_with_refinement(network: RefinedEstimator, path: str, size: ModelSize, views: tuple[str, ...]) -> None:
    """Give a pose network what stage 2 learned, without refiners where it has none.

    Args:
        network: takes the weights.
        path: stage 2's checkpoint.
        size: of the network.
        views: of the network, in its order.

    Raises:
        CheckpointError: the checkpoint is missing or of something else.
        ValueError: none is given.
    """
    if not path:
        raise ValueError("model.refinement is empty; expected stage 2's checkpoint, which this stage begins with.")
    found = read_weights(path, "egorear_refinement", size, views, "model.refinement")
    wanted = {name: value for name, value in found.state_dict.items() if network.refined or REFINER not in name}
    load_strictly(network.heatmap_estimator, wanted, found.path, "this stage's heatmap network")


def refinement_metrics(output: Refinement, target: Tensor) -> dict[str, float]:
    """Return errors of first and refined heatmaps, and the share of joints with a trusted peak."""
    assert output.refined_heatmaps is not None
    return {
        **heatmap_metrics(output.heatmaps, target),
        **heatmap_metrics(output.refined_heatmaps, target, "refined_"),
        "trusted_peaks": float(output.peaks.valid.float().mean()),
    }


def refinement_maps(output: Refinement, target: Tensor) -> dict[str, Tensor]:
    """Return the heatmaps that a picture shows."""
    assert output.refined_heatmaps is not None
    return {"target": target, "heatmaps": output.heatmaps, "refined": output.refined_heatmaps}
