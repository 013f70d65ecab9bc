"""A method that also says what its heatmaps were."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.config import RuntimeConfig
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.structures import BodyPose, FrameSet, Rig


class HeatmapEstimator:
    """Estimates poses and keeps the heatmaps that led to each.

    It runs the network in PyTorch as it was trained, because engines do not hand heatmaps out.

    Args:
        checkpoint: weights, file or name.
        rig: the cameras.
        device: "auto", "cpu" or "cuda".

    Raises:
        CheckpointError: the weights cannot be used, or not with this rig.
        RuntimeSetupError: the device is not there.
    """

    def __init__(self, checkpoint: str, rig: Rig, device: str = "auto") -> None:
        from egorear_ros.models.build import load_network, rig_for
        from egorear_ros.models.checkpoint import load_checkpoint
        from egorear_ros.models.virtual_views import RealMaps
        from egorear_ros.runtimes.pytorch import PyTorchRuntime

        loaded = load_checkpoint(checkpoint)
        rig = rig_for(loaded, rig)
        network = load_network(loaded, rig)
        virtual = loaded.header.virtual_cameras
        self._real_maps = RealMaps(rig, loaded.header.size.heatmap_size) if virtual else None
        # Through the call, not the output of the runtime: its `Prediction` has peaks only.
        network.register_forward_hook(self._keep)
        runtime = PyTorchRuntime(network, RuntimeConfig(device=device))
        accept = loaded.header.trained_with_missing_views
        size = loaded.header.input_size
        self._method = EgoRearEstimator(runtime, rig, size, loaded.model_id, accept_missing_views=accept)
        self._maps: NDArray[np.float32] | None = None
        self.model_id = loaded.model_id

    def estimate(self, frames: FrameSet) -> tuple[BodyPose, Mapping[str, NDArray[np.float32]], float]:
        """Estimate a pose.

        Returns:
            pose; heatmaps (J_heatmap, H, W) by view that was used, none if the network has none; the time
            that the estimate took, ms.

        Raises:
            EstimateError: the frame set cannot be used.
        """
        pose = self._method.estimate(frames)
        views = self._method.views
        maps = {} if self._maps is None else dict(zip(views, self._maps, strict=True))
        elapsed_ms = 1e3 * sum(pose.timings_s.values())
        return pose, {view: maps[view] for view in pose.view_stamps_ns if view in maps}, elapsed_ms

    def _keep(self, _network: Any, _inputs: Any, output: Any) -> None:
        heatmaps = getattr(getattr(output, "refinement", output), "refined_heatmaps", None)
        if heatmaps is None:
            self._maps = None
            return
        maps = heatmaps[0].float()
        self._maps = (maps if self._real_maps is None else self._real_maps(maps)).cpu().numpy()
