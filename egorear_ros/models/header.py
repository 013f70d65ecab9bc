"""What a file of weights is for: the header of our own checkpoints."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from egorear_ros.models.size import OVERSIZE, ModelSize
from egorear_ros.skeleton import EGO4VIEW

FORMAT_VERSION = 1
ARCHITECTURES = {
    "egorear": "pose network (stage 3)",
    "egorear_refinement": "heatmap refinement (stage 2)",
    "egorear_heatmap": "single-image heatmaps (stage 1)",
    "egorear_small": "small pose network",
    "egoposeformer": "EgoPoseFormer pose network",
    "egoposeformer_refined": "EgoPoseFormer on refined features",
    "egotap": "EgoTAP pose network",
    "egotap_refined": "EgoTAP on refined heatmaps",
}

PARTS = ("refinement", "mask", "uncertainty")
"""What an EgoRear-small can be trained without, to measure what that is worth; see `models.small.network`."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used: names the file, what was expected, what was found, what to do."""


@dataclass(frozen=True)
class CheckpointHeader:
    """What a file of weights is for.

    Attributes:
        architecture: a key of `ARCHITECTURES`.
        size: fixes every tensor shape.
        views: V view names in the model's order; empty where the file does not name them.
        skeleton: name of the joint order.
        units: unit of lengths inside the network; outside it everything is metres.
        training_data: what it was trained on, in words.
        metrics: measured accuracy, for example {"mpjpe_mm": 48.1}.
        trained_with_missing_views: whether whole views were masked in training.
        legacy_syn_geometry: whether the weights expect the anchor fault of the published synthetic
            training, see `models.anchors`.
        source: the file it was converted from, in words.
        absent: which of `PARTS` the network was trained without, so that it never runs with them.
        virtual_cameras: whether the network looks through `models.virtual_views`.
    """

    architecture: str
    size: ModelSize = field(default_factory=ModelSize)
    views: tuple[str, ...] = ()
    skeleton: str = EGO4VIEW.name
    units: str = "cm"
    training_data: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    trained_with_missing_views: bool = False
    legacy_syn_geometry: bool = False
    source: str = ""
    absent: tuple[str, ...] = ()
    virtual_cameras: bool = False

    @property
    def input_size(self) -> int:
        """Height and width of an input image of the network, px."""
        return self.size.image_size * (OVERSIZE if self.virtual_cameras else 1)

    def to_json(self) -> str:
        """Return the header as it is written into a file."""
        values = asdict(self)
        for name in ("absent", "virtual_cameras"):
            if not values[name]:
                # Programs from before these entries read files that do without them, and refuse the others.
                del values[name]
        return json.dumps({"format_version": FORMAT_VERSION, **values}, indent=1)

    @staticmethod
    def from_json(text: str) -> "CheckpointHeader":
        """Inverse of `to_json`.

        Raises:
            ValueError: says which entry is missing, unknown or wrong.
        """
        values = dict(json.loads(text))
        version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ValueError(f"its format version is {version}, this program reads version {FORMAT_VERSION}")
        unknown = set(values) - set(CheckpointHeader.__dataclass_fields__)
        if unknown or "architecture" not in values:
            raise ValueError(f"its header lacks `architecture` or has unknown entries: {sorted(unknown)}")
        values["size"] = ModelSize.from_dict(values.get("size", {}))
        for name in ("views", "absent"):
            values[name] = tuple(values.get(name, ()))
        header = CheckpointHeader(**values)
        header._check()
        return header

    def _check(self) -> None:
        expected = {"skeleton": EGO4VIEW.name, "units": "cm"}
        for name, value in expected.items():
            if getattr(self, name) != value:
                raise ValueError(f"its {name} is {getattr(self, name)!r}, this program knows {value!r}")
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"its architecture is {self.architecture!r}; known: {', '.join(ARCHITECTURES)}")
        possible = PARTS if self.architecture == "egorear_small" else ()
        if strange := [part for part in self.absent if part not in possible]:
            raise ValueError(
                f"it was trained without {', '.join(strange)}; parts that {self.architecture} can be trained without: "
                f"{', '.join(possible) or 'none'}"
            )
        if self.virtual_cameras and self.architecture != "egorear_small":
            raise ValueError(f"it has virtual cameras, which {self.architecture} does not know")
        if self.views and len(self.views) != self.size.view_count:
            raise ValueError(f"it names the views {', '.join(self.views)} but its size has {self.size.view_count}")
