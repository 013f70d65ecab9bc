"""Images that are on a GPU already, on their way from the preprocessor to an engine."""

from dataclasses import dataclass

import torch
from torch import Tensor

from egorear_ros.runtimes.base import Float32Array


class LostImagesError(ValueError):
    """Images cannot be read where they are: this frame set is lost, and no engine is to blame."""


@dataclass(frozen=True, eq=False)
class DeviceImages:
    """Network input on a device. It was made from bytes, so it is finite.

    Attributes:
        tensor: (B, V, 3, H, W) normalised images, single precision.
        ready: stands behind the work that makes them on their own stream; None: they are made.
    """

    tensor: Tensor
    ready: torch.cuda.Event | None = None

    def __len__(self) -> int:
        """Return B."""
        return len(self.tensor)

    def on(self, device: torch.device) -> Tensor:
        """Return them on a device, whose current stream waits for them; where that is theirs, nobody else does.

        Raises:
            LostImagesError: their GPU failed.
        """
        try:
            if self.ready is not None:
                with torch.cuda.device(self.tensor.device):
                    self.ready.wait()
            return self.tensor.to(device)
        except RuntimeError as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise LostImagesError(
                f"the images of this frame set on {self.tensor.device} are lost: {reason}. If it happens again, "
                "set estimator.preprocess_on to cpu."
            ) from error

    def array(self) -> Float32Array:
        """Return them in ordinary memory.

        Raises:
            LostImagesError: their GPU failed.
        """
        return self.on(torch.device("cpu")).numpy()
