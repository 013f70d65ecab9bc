"""Every default, unit, range and choice of the nodes, as plain dataclasses.

`bridge/params.py` declares ROS parameters from these trees (a field of a nested dataclass becomes
`group.field`); training saves the same trees beside its checkpoints. This file is the only home of
defaults: YAML files state what differs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration value is unknown, of the wrong type, or out of range."""


@dataclass(frozen=True)
class Rule:
    """What a configuration field accepts, and whether it may change while the node runs."""

    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise ConfigError if `value` is not acceptable for the field called `name`."""
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{name} is {value}; expected a finite number. {self.description}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} is {value!r}; expected one of: {', '.join(self.choices)}.")
        if self.minimum is not None and not value >= self.minimum:
            raise ConfigError(f"{name} is {value}; expected at least {self.minimum:g}. {self.description}")
        if self.maximum is not None and not value <= self.maximum:
            raise ConfigError(f"{name} is {value}; expected at most {self.maximum:g}. {self.description}")


def setting(
    default: T,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    dynamic: bool = False,
) -> T:
    """Declare a dataclass field with its description and limits."""
    rule = Rule(description, minimum, maximum, choices, dynamic)
    metadata = {"rule": rule}
    return field(default=default, metadata=metadata)


def walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Rule]]:
    """Yield (dotted name, value, rule) for every leaf of a configuration tree, in order."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from walk(value, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", value, item.metadata["rule"]


@dataclass
class RigConfig:
    """What every node of one rig shares."""

    calib: str = setting(
        "ego4view_syn", "Rig calibration: a name in calib/ or the path of a YAML file (see docs/conventions.md)."
    )
    frame_prefix: str = setting("", "Put before every TF frame name, for several wearers in one TF tree.")


@dataclass
class NodeConfig(RigConfig):
    """What every node has beside the rig."""

    autostart: bool = setting(True, "Configure and activate without waiting for a lifecycle manager.")
    publish_static_tf: bool = setting(
        False, "Send the rig's fixed frames on /tf_static (rig_link, device, optical frames): one node per rig, `sync`."
    )
    trace_file: str = setting(
        "",
        "Record when every stage begins and ends, and write this file when the node stops; {node} stands for its name. "
        "Empty: only when the service ~/trace asks (see docs/tracing.md).",
    )


@dataclass
class SourceConfig:
    """Where a camera node takes its images from."""

    kind: str = setting(
        "wearer",
        "wearer: synthetic body seen through the rig's lenses; sequence: Ego4View sequence folder; "
        "images: folder of image files; video: video file; v4l2: camera device.",
        choices=("wearer", "sequence", "images", "video", "v4l2"),
    )
    path: str = setting(
        "",
        "Folder, video file, or device (/dev/v4l/by-id/..., /dev/video0); for wearer a motion clip. "
        "{view} in the path of a folder of images or of a video stands for the view's name.",
    )
    rate_hz: float = setting(30.0, "Frames per second to publish or to ask of a device.", minimum=0.1, maximum=1000.0)
    loop: bool = setting(True, "Start again at the end of a folder or video.")
    start_s: float = setting(
        0.0,
        "With loop off: ROS time, s, at which a folder or video begins, the same for all cameras of a rig; "
        "0: when it is first asked for an image.",
        minimum=0.0,
        maximum=1e10,
    )
    width: int = setting(0, "Image width in px; 0: the calibration's.", minimum=0, maximum=16384)
    height: int = setting(0, "Image height in px; 0: the calibration's.", minimum=0, maximum=16384)
    seed: int = setting(0, "Body, clothes and motion of the synthetic wearer.", minimum=0, maximum=2**31 - 1)
    clip_rate_hz: float = setting(
        120.0,
        "wearer: frames per second of an AMC clip, which does not say (the CMU database's are 120).",
        minimum=1.0,
        maximum=1000.0,
    )
    reopen_s: float = setting(
        1.0, "First wait before a lost device is opened again; doubles up to 30 s.", minimum=0.05, maximum=30.0
    )


@dataclass
class CameraConfig(NodeConfig):
    """The `camera` node: one view."""

    view: str = setting("", "Name of the view in the rig calibration; empty: from the node name, camera_<view>.")
    jpeg_quality: int = setting(
        90, "Quality of JPEGs encoded here; MJPEG devices are passed through.", minimum=1, maximum=100
    )
    source: SourceConfig = field(default_factory=SourceConfig)


@dataclass
class SyncConfig(NodeConfig):
    """The `sync` node: stamps in, frame sets out."""

    publish_static_tf: bool = setting(True, "Send the rig's fixed frames on /tf_static: one node per rig.")
    tolerance_ms: float = setting(
        8.0,
        "Largest distance of a frame's stamp from its set's reference stamp.",
        minimum=0.0,
        maximum=1000.0,
        dynamic=True,
    )
    max_wait_ms: float = setting(
        50.0,
        "Longest wait for the views of a set after its first frame arrived; then it goes out with the views it has.",
        minimum=0.0,
        maximum=10000.0,
        dynamic=True,
    )
    min_views: int = setting(2, "A set with fewer views is dropped and counted.", minimum=1, maximum=64, dynamic=True)
    transport: str = setting(
        "compressed", "compressed: <view>/image_raw/compressed; raw: <view>/image_raw.", choices=("compressed", "raw")
    )
    stall_timeout_s: float = setting(
        4.0,
        "A camera silent for this long is named in the log and in diagnostics.",
        minimum=0.1,
        maximum=3600.0,
        dynamic=True,
    )


@dataclass
class SmoothingConfig:
    """A causal filter over successive poses (1 Euro filter); it adds no frame of delay."""

    enabled: bool = setting(False, "Filter joints over time: less jitter at rest, hardly any lag in quick movements.")
    cutoff_hz: float = setting(1.5, "Cut-off at rest: lower is calmer.", minimum=0.01, maximum=100.0)
    cutoff_hz_per_m_s: float = setting(
        6.0, "Rise of the cut-off with a joint's speed in m/s: higher lags less.", minimum=0.0, maximum=1000.0
    )
    speed_cutoff_hz: float = setting(1.0, "Cut-off of the speed itself.", minimum=0.01, maximum=100.0)
    max_gap_s: float = setting(
        0.5, "After a longer gap between two poses the filter starts anew.", minimum=0.001, maximum=60.0
    )


@dataclass
class EstimatorConfig:
    """Which method turns a frame set into a body pose, and with which weights."""

    method: str = setting(
        "egorear",
        "egorear: EgoRear; egoposeformer, egotap: the baselines, plain or with refinement, as the checkpoint says; "
        "null: no pose, to measure transport.",
        choices=("egorear", "egoposeformer", "egotap", "null"),
    )
    checkpoint: str = setting("", "Weights: our .safetensors or an official Lightning .ckpt.")
    allow_untrained: bool = setting(
        False, "Run random weights when no checkpoint is given; poses are marked UNTRAINED."
    )
    legacy_syn_geometry: bool = setting(
        False, "Reproduce the anchor fault of the published synthetic weights; only for official Ego4View-Syn files."
    )
    missing_views: str = setting(
        "auto",
        "Sets with missing views: auto: use them if the weights were trained for it; always; never (skip and count).",
        choices=("auto", "always", "never"),
    )
    flip_test: bool = setting(
        False,
        "EgoRear-small on a symmetric rig: look at every set in a mirror as well and publish the mean of both poses; "
        "more exact, for twice the work of the network (see docs/runtimes.md, Looking twice).",
    )
    jpeg_decoding: str = setting(
        "auto",
        "JPEGs larger than the model's input: exact: decoded at full size, as in training; reduced: at 1/2, 1/4 or 1/8 "
        "of it, but at least at twice the model's input, for half the time; smallest: at least at the model's input, "
        "for a third; auto: at least at one and a half times that for the small model, exact for others (see "
        "docs/preprocessing.md).",
        choices=("auto", "exact", "reduced", "smallest"),
    )
    preprocess_on: str = setting(
        "auto",
        "Where images are resized and normalised; auto: on the GPU where the engine runs on one and takes images there "
        "(pytorch, pytorch_compiled), else on the CPU. On the GPU JPEGs are decoded there as well if nvImageCodec is "
        "installed and jpeg_decoding is not exact (see docs/preprocessing.md).",
        choices=("auto", "cpu", "gpu"),
    )
    delay_s: float = setting(0.0, "null only: time that an estimate takes.", minimum=0.0, maximum=10.0)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)


@dataclass
class RuntimeConfig:
    """How the model is executed."""

    name: str = setting(
        "pytorch",
        "Execution engine. pytorch: inference form of the model; pytorch_compiled: the same compiled, with CUDA graphs "
        "on a GPU; onnxruntime, openvino (CPU), tensorrt (GPU): the same in these libraries; pytorch_plain: the module "
        "as it was trained; auto: the fastest of those installed that agrees with pytorch (see docs/runtimes.md).",
        choices=("auto", "pytorch", "pytorch_compiled", "pytorch_plain", "onnxruntime", "openvino", "tensorrt"),
    )
    precision: str = setting(
        "fp32",
        "Arithmetic of the convolutions. bf16, fp16 (GPUs only) and int8 (from a file, see runtime.model) are faster "
        "where the processor has them, and less exact; never chosen by auto.",
        choices=("fp32", "bf16", "fp16", "int8"),
    )
    device: str = setting("auto", "auto: cuda if there is one, else cpu; or cpu, cuda, cuda:1, ...")
    provider: str = setting(
        "auto",
        "What onnxruntime computes with; auto: cuda where the device is a GPU, else cpu.",
        choices=("auto", "cpu", "cuda", "tensorrt"),
    )
    model: str = setting(
        "",
        "ONNX file of these weights and this rig that `egorear export` wrote, for onnxruntime, openvino and tensorrt; "
        "empty: they make one at the first start. int8 needs one.",
    )
    fallback: bool = setting(
        True,
        "Go on with the next engine, at last PyTorch on the CPU, when one fails while it works (GPU lost or out of "
        "memory); announced in log and diagnostics.",
    )
    threads: int = setting(0, "CPU threads of the model; 0: all cores.", minimum=0, maximum=1024)


@dataclass
class PoseConfig(NodeConfig):
    """The `pose` node: frame sets in, body poses out."""

    body_id: str = setting("wearer", "Identifies the wearer in BodyPose messages.")
    publish_tf: bool = setting(True, "Send one TF frame per joint.", dynamic=True)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


@dataclass
class VisualConfig(NodeConfig):
    """The `visual` node: markers and overlay images."""

    overlay_rate_hz: float = setting(
        10.0,
        "Most overlay images per second and view; drawn only while somebody subscribes.",
        minimum=0.1,
        maximum=1000.0,
        dynamic=True,
    )
    overlay_width: int = setting(436, "Width of overlay images, px.", minimum=16, maximum=16384)
    line_width_m: float = setting(
        0.012, "Thickness of the skeleton's bones.", minimum=0.0005, maximum=1.0, dynamic=True
    )
    trail_s: float = setting(
        2.0,
        "Length of the trails that wrists and ankles leave in body_markers; 0: none.",
        minimum=0.0,
        maximum=60.0,
        dynamic=True,
    )
    lost_timeout_s: float = setting(
        1.0,
        "Markers disappear when no pose came for this long (with a slow model: for three times its latency).",
        minimum=0.05,
        maximum=3600.0,
        dynamic=True,
    )


@dataclass
class WearerConfig(NodeConfig):
    """The `wearer` node: ground truth of the synthetic wearer, on the cameras' stamps."""

    source: SourceConfig = field(default_factory=SourceConfig)


@dataclass
class PlayerConfig(NodeConfig):
    """The `player` node: plays a recording where rosbag2 is not installed."""

    bag: str = setting("", "The recording: folder of a rosbag2, or an .mcap or .db3 file.")
    rate: float = setting(1.0, "Speed; 0.5: half as fast as it was recorded.", minimum=0.01, maximum=100.0)
    loop: bool = setting(False, "Start again at the end of the recording.")
    all_topics: bool = setting(
        False,
        "Play every topic. Otherwise only what the rig's cameras and the ground truth sent, because new poses "
        "and transforms must not mix with recorded ones.",
    )
    exit_at_end: bool = setting(True, "End the process when the recording has ended.")
    wait_for: str = setting(
        "", "Nodes, separated by commas, that must be active before the first message; at most a minute is waited."
    )


@dataclass
class EvaluateConfig(NodeConfig):
    """The `evaluate` node: estimates beside the ground truth while they are made."""

    out: str = setting(
        "out/eval", "Folder for results; every pass (from the start, or from where time jumped back) gets one in it."
    )
    recording: str = setting(
        "live",
        "Name of what is shown, as it stands in the results: that of the bag, to compare with `egorear eval bag`.",
    )
    truth_tolerance_ms: float = setting(8.0, "Largest distance of a pose's ground truth.", minimum=0.0, maximum=1000.0)


NODES: dict[str, type[NodeConfig]] = {
    "camera": CameraConfig,
    "sync": SyncConfig,
    "pose": PoseConfig,
    "visual": VisualConfig,
    "wearer": WearerConfig,
    "player": PlayerConfig,
    "evaluate": EvaluateConfig,
}
"""Configuration by kind of node: what parameter files, launch files and documentation may name."""


def known_parameters() -> frozenset[str]:
    """Return the parameter names of all nodes.

    A parameter under the key `/**` of a YAML file reaches every node, so a node must take a name that
    another kind of node has for a wildcard, and only a name that no node has for a mistake.
    """
    return frozenset(name for config in NODES.values() for name, _, _ in walk(config()))
