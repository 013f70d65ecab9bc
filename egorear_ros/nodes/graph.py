"""Which nodes a rig needs, found out from the parameter files, and how each is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import rclpy
import yaml
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.node import EgorearNode
from egorear_ros.config import NODES, ConfigError, RigConfig, SourceConfig, walk
from egorear_ros.geometry.rig_file import load_rig

WITH_TRUTH = ("wearer", "sequence")
"""Kinds of sources that know where the joints are."""


@dataclass(frozen=True)
class NodeSpec:
    """One node of the graph.

    Attributes:
        kind: as in `config.NODES`.
        view: of a camera.
        overrides: parameters that win over all files.
    """

    kind: str
    view: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The node's name."""
        return f"camera_{self.view}" if self.view else self.kind


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        ros_args: `--ros-args ...` for all nodes: parameter files, namespace, log levels.
        calib, frame_prefix: empty: as in the parameter files.
        use_sim_time: take the time from /clock.
        bag: a recording instead of cameras; empty: cameras.
        evaluate: folder for the results of an evaluation beside it; empty: none.
        parameters: by node name, kind, or "" for all nodes: values that win over all files.
    """

    ros_args: Sequence[str]
    calib: str = ""
    frame_prefix: str = ""
    use_sim_time: bool = False
    bag: str = ""
    evaluate: str = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def plan(request: Request) -> list[NodeSpec]:
    """Return the nodes of the graph in the order in which they start.

    The pose node comes late, because loading a model takes long, and a player comes last.

    Raises:
        ConfigError: a parameter file cannot be read, or parameters were given for a node that is not there.
        CalibrationError: the calibration cannot be read; without it the views are unknown.
    """
    views = load_rig(calib_of(request)).views
    specs = [NodeSpec("sync"), NodeSpec("visual"), NodeSpec("pose"), *_evaluation(request)]
    if request.bag:
        # Loading a model takes seconds of the recording, of which no pose would come.
        waited = ",".join(spec.name for spec in specs if spec.kind != "visual")
        specs.append(NodeSpec("player", overrides={"bag": request.bag, "wait_for": waited}))
    else:
        cameras = [NodeSpec("camera", view) for view in views]
        specs = [specs[0], *cameras, *_truth(request, cameras), *specs[1:]]
    refuse_unknown_sections(request.ros_args, views)
    names = {spec.name for spec in specs} | {spec.kind for spec in specs} | {""}
    for target in request.parameters:
        if target not in names:
            raise ConfigError(f"parameters for {target!r}; this graph has: {', '.join(spec.name for spec in specs)}.")
    return [NodeSpec(spec.kind, spec.view, {**spec.overrides, **_overrides(request, spec)}) for spec in specs]


def refuse_unknown_sections(ros_args: Sequence[str], views: Sequence[str]) -> None:
    """Refuse parameter files with a section for a node that this rig cannot have.

    ROS ignores such a section, so that a slip in `/**/camera_front_left` would leave that camera with
    its defaults: the synthetic wearer among real cameras.

    Raises:
        ConfigError: names the file, the section, and the nearest node.
    """
    nodes = sorted({*NODES} - {"camera"} | {f"camera_{view}" for view in views})
    for flag, path in pairwise(ros_args):
        if flag != "--params-file":
            continue
        try:
            content = yaml.safe_load(Path(path).read_text())
        except (OSError, ValueError, yaml.YAMLError):
            continue  # ROS reads the file too, and reports it
        for section in content if isinstance(content, dict) else ():
            node = str(section).rpartition("/")[2]
            if "*" in node or node in nodes:
                continue
            close = get_close_matches(node, nodes, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ConfigError(f"{path}: section {section!r} fits no node; this rig has {', '.join(nodes)}.{hint}")


def calib_of(request: Request) -> str:
    """Return the calibration that the graph uses, a name or a path.

    Raises:
        ConfigError: a parameter file cannot be read.
    """
    return request.calib or str(_given(request, NodeSpec("sync")).get("calib", RigConfig().calib))


def make(spec: NodeSpec, handover: Handover | None, **kwargs: Any) -> EgorearNode[Any]:
    """Create a node.

    Raises:
        ConfigError: its parameters are wrong.
    """
    maker = _MAKERS[spec.kind]()
    if spec.view:
        kwargs["view"] = spec.view
    overrides = [Parameter(name, value=value) for name, value in spec.overrides.items()]
    return maker(handover=handover, parameter_overrides=overrides, **kwargs)


def _truth(request: Request, cameras: Sequence[NodeSpec]) -> list[NodeSpec]:
    """Return the node of the ground truth if all cameras show one body whose joints are known."""
    defaults = {f"source.{name}": value for name, value, _ in walk(SourceConfig())}
    shown = []
    for camera in cameras:
        values = {**_given(request, camera), **_overrides(request, camera)}
        shown.append({name: values.get(name, default) for name, default in defaults.items()})
    what = ("source.kind", "source.path", "source.rate_hz", "source.seed", "source.loop", "source.start_s")
    if shown[0]["source.kind"] not in WITH_TRUTH or any(one[name] != shown[0][name] for one in shown for name in what):
        return []
    return [NodeSpec("wearer", overrides=shown[0])]


def _evaluation(request: Request) -> list[NodeSpec]:
    """Return the node that compares poses with the truth, if it is asked for."""
    if not request.evaluate:
        return []
    name = {"recording": Path(request.bag).resolve().name} if request.bag else {}
    return [NodeSpec("evaluate", overrides={"out": request.evaluate, **name})]


def _overrides(request: Request, spec: NodeSpec) -> dict[str, Any]:
    """Return what the command line says about a node, the more specific the stronger."""
    values: dict[str, Any] = {"calib": request.calib} if request.calib else {}
    if request.frame_prefix:
        values["frame_prefix"] = request.frame_prefix
    if request.use_sim_time and spec.kind != "player":
        values["use_sim_time"] = True
    for target in ("", spec.kind, spec.name):
        values.update(request.parameters.get(target, {}))
    return values


def _given(request: Request, spec: NodeSpec) -> dict[str, Any]:
    """Return the parameters that files and the command line give to a node, as ROS itself reads them."""
    context = Context()
    try:
        rclpy.init(args=list(request.ros_args), context=context, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError has no public name
        raise ConfigError(f"ROS cannot read its arguments {' '.join(request.ros_args)}: {error}") from None
    try:
        node = rclpy.create_node(spec.name, context=context, enable_rosout=False, start_parameter_services=False)
        values = {name: one.value for name, one in node._parameter_overrides.items()}  # noqa: SLF001 -- has no public name
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    return {**values, **_overrides(request, spec)}


def _camera() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.camera import CameraNode

    return CameraNode


def _sync() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.sync import SyncNode

    return SyncNode


def _pose() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.pose import PoseNode

    return PoseNode


def _visual() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.visual import VisualNode

    return VisualNode


def _wearer() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.wearer import WearerNode

    return WearerNode


def _player() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.player import PlayerNode

    return PlayerNode


def _evaluate() -> Callable[..., EgorearNode[Any]]:
    from egorear_ros.nodes.evaluate import EvaluateNode

    return EvaluateNode


# A camera alone must not import torch.
_MAKERS = {
    "camera": _camera,
    "sync": _sync,
    "pose": _pose,
    "visual": _visual,
    "wearer": _wearer,
    "player": _player,
    "evaluate": _evaluate,
}
