"""The numbers that fix every tensor shape of the networks."""

from dataclasses import asdict, dataclass
from typing import Any

OVERSIZE = 2
"""Pixels of a network's input for one of its virtual cameras' images, along each side; see `virtual_views`."""


@dataclass(frozen=True)
class ModelSize:
    """Sizes of a network; the defaults are the published ones.

    Attributes:
        view_count: V, cameras of the rig. The first two are the front pair, the rest the rear.
        image_size: height and width of an input image, px; a multiple of 32, at least 64.
        backbone_channels: channels of the first backbone level; each next level doubles them.
        channels: channels of a feature map, and width of the lifter's queries.
        joint_count: J, joints of a pose.
        heatmap_joint_count: joints that have a heatmap; the head carries the cameras and has none.
        attention_heads: heads of every attention.
        attention_points: points that a query samples per head and view.
        lifter_layers: transformer layers of the lifter.
        context_channels: EgoRear-small alone: width of what its lifter is told of views as a whole; 0: nothing.
        sight_channels: EgoRear-small alone: width of what decides which lines of sight its lifter trusts; 0: it
            does not solve for where they meet.
    """

    view_count: int = 4
    image_size: int = 256
    backbone_channels: int = 64
    channels: int = 128
    joint_count: int = 16
    heatmap_joint_count: int = 15
    attention_heads: int = 4
    attention_points: int = 16
    lifter_layers: int = 3
    context_channels: int = 0
    sight_channels: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        if self.view_count < 2:
            raise ValueError(f"view_count is {self.view_count}; a model needs at least the two front views.")
        if self.image_size < 64 or self.image_size % 32:
            raise ValueError(f"image_size is {self.image_size} px; expected a multiple of 32, at least 64.")
        widths = {name: getattr(self, name) for name in ("channels", "refiner_dim", "context_channels")}
        for name, width in widths.items():
            if width % self.attention_heads:
                raise ValueError(
                    f"{name} is {width}; expected a multiple of the {self.attention_heads} attention heads."
                )

    @property
    def heatmap_size(self) -> int:
        """Height and width of heatmaps and feature maps, px: a quarter of the image."""
        return self.image_size // 4

    @property
    def query_map_size(self) -> int:
        """Height and width of the map that a refined joint query is reshaped to."""
        return self.heatmap_size // 4

    @property
    def refiner_dim(self) -> int:
        """Width of the refiner's queries: one number per cell of the query map."""
        return self.query_map_size**2

    @property
    def deepest_channels(self) -> int:
        """Channels of the last backbone level, at a 32nd of the image size."""
        return self.backbone_channels * 8

    def to_dict(self) -> dict[str, int]:
        """Return the sizes as they are written into a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "ModelSize":
        """Inverse of `to_dict`.

        Raises:
            ValueError: a name is unknown or a value is not a whole number.
        """
        known = ModelSize.__dataclass_fields__
        for name, value in values.items():
            if name not in known or type(value) is not int:
                raise ValueError(f"model size {name}={value!r}; expected whole numbers for: {', '.join(known)}.")
        return ModelSize(**values)
