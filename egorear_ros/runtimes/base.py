"""What an estimator asks of an execution engine."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from egorear_ros.runtimes.device_images import DeviceImages

Float32Array = NDArray[np.float32]
Images: TypeAlias = "Float32Array | DeviceImages"
"""(B, V, 3, H, W) normalised images, in ordinary memory or on a GPU."""


class RuntimeSetupError(RuntimeError):
    """An engine cannot run here: says what was asked for, what there is, and what to do."""


class NotInstalledError(RuntimeSetupError):
    """The library of an engine is missing: names the command that installs it."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says about B frame sets of V views.

    Attributes:
        joints_cm: (B, J, 3) device frame, cm.
        peaks_uv: (B, V, J_heatmap, 2) peaks of the heatmaps, as fractions of width and height; None
            if the network has no heatmaps.
        peak_scores: (B, V, J_heatmap) their heights; None likewise.
        scales_cm: (B, J) b of each joint's error density exp(-|error| / b) / (8 pi b^3); None if the
            network was not trained to know its error.
        refined_peaks: whether the peaks are those of the refined heatmaps, not of each view on its own.
    """

    joints_cm: Float32Array
    peaks_uv: Float32Array | None = None
    peak_scores: Float32Array | None = None
    scales_cm: Float32Array | None = None
    refined_peaks: bool = False

    def of(self, row: int) -> "Prediction":
        """Return what is said about one of the frame sets, as of a call with that set alone."""
        peaks_uv, scores, scales = (
            None if values is None else values[row : row + 1]
            for values in (self.peaks_uv, self.peak_scores, self.scales_cm)
        )
        return Prediction(self.joints_cm[row : row + 1], peaks_uv, scores, scales, self.refined_peaks)


def check_finite(images: Float32Array | None, T_camera_device: Float32Array | None) -> None:
    """Raise ValueError, naming the input, if a number is NaN or infinite."""
    for name, values in (("images", images), ("T_camera_device", T_camera_device)):
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"{name} {values.shape} holds NaN or infinity. Check the calibration and the camera.")


class Runtime(Protocol):
    """An engine with one network loaded."""

    @property
    def description(self) -> str:
        """Engine and device, for logs."""
        ...

    @property
    def image_device(self) -> "torch.device | None":
        """GPU where images may be already; None: those in ordinary memory are fastest."""
        ...

    def run(
        self,
        images: Images,
        T_camera_device: Float32Array | None = None,
        view_mask: NDArray[np.bool_] | None = None,
        *,
        refined_peaks: bool = False,
    ) -> Prediction:
        """Run the network.

        Args:
            images: (B, V, 3, H, W) normalised images; every engine takes them from wherever they are.
            T_camera_device: (B, V, 4, 4) extrinsics, translation in m; None: the rig's own.
            view_mask: (B, V), False where a view is missing; None: all views are there.
            refined_peaks: whether peaks of refined heatmaps are worth their cost; an engine that
                cannot make them gives the others, as `Prediction.refined_peaks` says.

        Raises:
            ValueError: a shape does not fit or an input is not finite.
        """
        ...


@runtime_checkable
class ManyCallers(Protocol):
    """A CPU engine that several threads can call at the same time."""

    def spread(self, threads: int) -> int:
        """Get ready for `run` in several threads at the same time, each call computed by one core.

        Args:
            threads: how many.

        Returns:
            how many images, of all sets and views, a call should have at least: fewer cost more each, and may be
            rounded otherwise than a set alone. 0: this engine takes one call after another, and nothing has changed.
        """
        ...

    def gather(self) -> None:
        """End `spread`: all cores for one call again."""
        ...
