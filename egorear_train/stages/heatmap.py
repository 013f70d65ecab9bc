"""Stage 1: an encoder and a linear head learn heatmaps from single images."""

from collections.abc import Sequence

from torch import Tensor

from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_ros.models.heatmap_network import HeatmapNetwork
from egorear_ros.models.size import ModelSize
from egorear_train.batch import Batch, encode_targets, normalise_images
from egorear_train.heatmap_metrics import heatmap_metrics
from egorear_train.losses import heatmap_mse
from egorear_train.pictures import Snapshot
from egorear_train.schedule import HEATMAP_OPTIMIZER, OptimizerConfig
from egorear_train.stages.base import Stage
from egorear_train.weights import load_imagenet


class HeatmapStage(Stage):
    """Trains a `HeatmapNetwork` on the images of some views, one image a sample."""

    architecture = "egorear_heatmap"
    needs = ("pixels",)
    single_views = True

    def __init__(
        self,
        rig: str = "ego4view_syn",
        views: Sequence[str] = EGO4VIEW_VIEWS[:2],
        size: ModelSize = ModelSize(),  # noqa: B008 (frozen)
        imagenet: str = "resnet18-f37072fd.pth",
        optimizer: OptimizerConfig = HEATMAP_OPTIMIZER,
        weights: str = "",
        training_data: str = "",
        compile_network: bool = False,
    ) -> None:
        """Build the network.

        Args:
            rig: name in `calib/` or path of a rig file.
            views: the views whose images are used; the published training has one run for the front
                pair and one for the rear.
            size: sizes of the network.
            imagenet: torchvision's ResNet-18 weights, a file; "" begins with random weights.
            optimizer: method and rate.
            weights: checkpoint of this stage to begin with instead.
            training_data: what it is trained on, in words.
            compile_network: run the network through torch.compile.
        """
        super().__init__(rig, views, size, optimizer, training_data)
        network = HeatmapNetwork(self.size)
        if imagenet and not weights:
            load_imagenet(network.encoder.backbone, imagenet)
        self.finish_network(network, weights, compile_network)

    @property
    def monitor(self) -> str:
        """Peaks in the image are what the next stage starts from."""
        return "val/peak_error_px"

    def run(self, batch: Batch) -> Tensor:
        """Return (B, 1, 15, H, W) heatmaps."""
        return self.network(normalise_images(batch["images"][:, 0]))[:, None]

    def losses(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return the squared error."""
        return {"heatmaps": heatmap_mse(output, encode_targets(batch, self.rig, self.size.heatmap_size))}

    def metrics(self, output: Tensor, batch: Batch) -> dict[str, float]:
        """Return the errors of the heatmaps."""
        return heatmap_metrics(output, encode_targets(batch, self.rig, self.size.heatmap_size))

    def snapshot(self, output: Tensor, batch: Batch) -> Snapshot:
        """Return images and heatmaps."""
        target = encode_targets(batch, self.rig, self.size.heatmap_size)
        return Snapshot.of(batch, {"target": target, "heatmaps": output})
