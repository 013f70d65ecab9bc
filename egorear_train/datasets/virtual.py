"""Samples as virtual cameras show them, made of those of the real ones."""

import torch

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.models.size import OVERSIZE
from egorear_ros.models.virtual_views import VirtualViews
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Rig
from egorear_train.batch import CM_PER_M
from egorear_train.datasets.base import Sample


class VirtualSamples:
    """Turns samples of a rig into those of its virtual cameras.

    Attributes:
        input_size: height and width of the images that it takes, px.
    """

    def __init__(self, rig: Rig, image_size: int) -> None:
        """Tabulate where pixels come from.

        Args:
            rig: the real cameras.
            image_size: S, px, of the virtual images.

        Raises:
            ValueError: where a camera is is not known, or it looks away from the wearer.
        """
        self.input_size = OVERSIZE * image_size
        self._views = VirtualViews(rig, image_size)

    def __call__(self, sample: Sample) -> Sample:
        """Return a sample, see `datasets.base`, with other images, pixels and extrinsics."""
        shown = self._views.resample(sample["images"][None].float())[0] * self._views.seen
        T_camera_device = self._views.T_virtual_camera @ sample["T_camera_device"]
        joints = sample["joints_cm"][list(EGO4VIEW.heatmap_joints)] / CM_PER_M
        in_camera = transform_points(T_camera_device, joints)
        found = [
            project(points, camera.lens) for points, camera in zip(in_camera, self._views.rig.cameras, strict=True)
        ]
        return {
            **sample,
            "images": shown.round().to(torch.uint8),
            "T_camera_device": T_camera_device,
            "pixels": torch.stack([pixels for pixels, _ in found]),
            "visible": sample["visible"] & torch.stack([seen for _, seen in found]),
        }
