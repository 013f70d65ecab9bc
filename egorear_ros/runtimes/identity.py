"""Which model an exported file or a cached engine is of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from egorear_ros.structures import Rig


class ModelFileError(ValueError):
    """An exported file is damaged, of another model, or not ours."""


@dataclass(frozen=True)
class ModelIdentity:
    """Names weights and the rig that they were built for, and says how to feed them.

    Attributes:
        model_id: architecture, file and digest, as written into every pose.
        digest: of all numbers of the network, and of the calibration.
        views: in the model's order.
        image_size: height and width of an input image, px.
        rig: name of the calibration whose lenses are part of the file.
    """

    model_id: str
    digest: str
    views: tuple[str, ...]
    image_size: int
    rig: str

    def to_metadata(self) -> dict[str, str]:
        """Return the identity as an ONNX file carries it."""
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in asdict(self).items()}

    @staticmethod
    def from_metadata(metadata: Mapping[str, str]) -> "ModelIdentity":
        """Inverse of `to_metadata`.

        Raises:
            ModelFileError: an entry is missing or wrong.
        """
        try:
            views, image_size = json.loads(metadata["views"]), int(metadata["image_size"])
            return ModelIdentity(metadata["model_id"], metadata["digest"], tuple(views), image_size, metadata["rig"])
        except (KeyError, ValueError, TypeError) as error:
            raise ModelFileError(
                f"its metadata lack or garble {error}. Export the model again with `egorear export`."
            ) from error


def identify(network: nn.Module, rig: Rig, image_size: int, model_id: str) -> ModelIdentity:
    """Return the identity of a network built for a rig.

    Args:
        network: with its weights.
        rig: its cameras in the model's order.
        image_size: height and width of its input, px.
        model_id: for people.
    """
    whole = hashlib.sha256(type(network).__name__.encode())
    for name, value in network.state_dict().items():
        whole.update(f"{name} {tuple(value.shape)}".encode())
        whole.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())  # no copy
    legacy = any(getattr(module, "legacy_syn_geometry", False) for module in network.modules())
    whole.update(str(legacy).encode())
    # Parts that are left out change what the same numbers compute.
    absent: tuple[str, ...] = getattr(network, "absent", ())
    whole.update("".join(absent).encode())
    if getattr(network, "virtual", None) is not None:
        whole.update(b"virtual cameras")
    for camera in rig.cameras:
        whole.update(repr(camera.lens).encode() + np.ascontiguousarray(camera.T_device_camera).tobytes())
    return ModelIdentity(model_id, whole.hexdigest()[:16], rig.views, image_size, rig.name)
