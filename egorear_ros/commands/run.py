"""`egorear run`: the whole graph without ROS's launch system, from the same parameter files."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import yaml

from egorear_ros.config import NODES, ConfigError

if TYPE_CHECKING:
    from egorear_ros.nodes.graph import NodeSpec, Request

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "run",
        help="run cameras, synchronizer, pose and visual nodes (ROS 2)",
        description="Run all nodes of a rig in one process, or one process each, from ROS parameter files.",
    )
    parser.add_argument("config", nargs="?", default="rig", help="parameter file or name in config/")
    parser.add_argument("--params-file", action="append", default=[], help="another file; wins over earlier ones")
    parser.add_argument("--calib", default="", help="rig calibration, name or path; wins over the files")
    parser.add_argument("--namespace", default="", help="namespace of all nodes and topics")
    parser.add_argument("--frame-prefix", default="", help="put before every TF frame name")
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    parser.add_argument("--log-level", default="info", choices=LOG_LEVELS, help="least severe messages to print")
    parser.add_argument(
        "--duration", type=float, default=0.0, metavar="S", help="end by itself after this many seconds"
    )
    parser.add_argument("--separate", action="store_true", help="one process per node; default: one for all")
    parser.add_argument("--bag", default="", help="play this recording instead of running cameras")
    parser.add_argument(
        "--evaluate", default="", metavar="DIR", help="compare poses with the ground truth; results go into DIR"
    )
    parser.add_argument(
        "-p",
        "--param",
        action="append",
        default=[],
        metavar="[NODE.]NAME:=VALUE",
        help="one parameter, for example sync.tolerance_ms:=5 or calib:=my_rig.yaml; `camera.` reaches all cameras",
    )
    parser.add_argument("--only", default="", help=argparse.SUPPRESS)  # one node of a --separate run
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[], help="further ROS arguments, last")


def run(args: argparse.Namespace) -> int:
    """Run the graph; return the exit status."""
    try:
        return _run(args)
    except KeyboardInterrupt:  # before the nodes are there; later Ctrl-C ends them in order
        return 130


def _run(args: argparse.Namespace) -> int:
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        return _refuse(f"ROS 2 is missing ({error}). Source your ROS distribution, or run `make setup` in a checkout.")
    if args.parent:
        from egorear_ros.commands.processes import end_with_parent

        end_with_parent(args.parent)
    else:
        # The profile counts only before the first node exists; children inherit it.
        from egorear_ros.bridge.params_file import use_shared_memory_profile

        use_shared_memory_profile(os.environ)
    from egorear_ros.bridge.logs import PACKAGES
    from egorear_ros.nodes.graph import NodeSpec, plan

    try:
        request = request_from(args)
        specs = [NodeSpec(**json.loads(args.only))] if args.only else plan(request)
    except (ConfigError, ValueError, OSError) as error:
        return _refuse(str(error))
    if args.separate and not args.only:
        return _run_separate(args, specs)
    # Only our own loggers: `debug` for all would bury them under messages of ROS itself.
    loggers = [".".join([*filter(None, args.namespace.split("/")), spec.name]) for spec in specs] + list(PACKAGES)
    levels = [word for logger in loggers for word in ("--log-level", f"{logger}:={args.log_level}")]
    return _run_here(specs, [*request.ros_args, *levels], args.duration)


def parse_param(text: str) -> tuple[str, str, Any]:
    """Return (node name or kind or "", parameter name, value) of `[node.]name:=value`.

    Raises:
        ConfigError: there is no `:=`, or the value is not YAML.
    """
    name, separator, value = text.partition(":=")
    if not separator or not name:
        raise ConfigError(f"-p {text!r}; expected [NODE.]NAME:=VALUE, for example sync.tolerance_ms:=5.")
    try:
        parsed = yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise ConfigError(f"-p {text!r}: the value is not YAML: {error}") from None
    if parsed is None:  # `null` is the name of an estimator, and no parameter can be nothing
        parsed = value
    node, _, rest = name.partition(".")
    if rest and (node in NODES or node.startswith("camera_")):
        return node, rest, parsed
    return "", name, parsed


def request_from(args: argparse.Namespace) -> "Request":
    """Return what the arguments of `egorear run` ask for.

    Raises:
        ConfigError: there is no such parameter file, or a `-p` cannot be read.
    """
    from egorear_ros.bridge.params_file import find_params_file
    from egorear_ros.nodes.graph import Request

    ros_args = ["--ros-args"]
    for file in [args.config, *args.params_file]:
        ros_args += ["--params-file", str(find_params_file(file))]
    if args.namespace:
        ros_args += ["-r", f"__ns:=/{args.namespace.strip('/')}"]
    parameters: dict[str, dict[str, Any]] = {}
    for text in args.param:
        target, name, value = parse_param(text)
        parameters.setdefault(target, {})[name] = value
    return Request(
        ros_args=[*ros_args, *args.ros_args],
        calib=args.calib,
        frame_prefix=args.frame_prefix,
        use_sim_time=args.use_sim_time or bool(args.bag),
        bag=args.bag,
        evaluate=args.evaluate,
        parameters=parameters,
    )


def _run_here(specs: "list[NodeSpec]", ros_args: list[str], duration_s: float) -> int:
    from functools import partial

    from egorear_ros.bridge.handover import Handover
    from egorear_ros.bridge.process import run_nodes
    from egorear_ros.nodes.graph import make

    handover = Handover() if len(specs) > 1 else None
    return run_nodes({spec.name: partial(make, spec, handover) for spec in specs}, ros_args, duration_s)


def _run_separate(args: argparse.Namespace, specs: "list[NodeSpec]") -> int:
    from egorear_ros.bridge.process import stop_on_signals
    from egorear_ros.commands.processes import Processes

    commands = {spec.name: _child_command(args, spec) for spec in specs}
    with stop_on_signals() as stop:
        processes = Processes(commands, _say)
        try:
            processes.wait(stop, args.duration, ends_all=("player",))
        finally:
            processes.end()
    return 1 if processes.failed else 0


def _child_command(args: argparse.Namespace, spec: "NodeSpec") -> list[str]:
    """Return the command that runs one node of this graph; its overrides hold what else was asked for."""
    command = [sys.executable, "-m", "egorear_ros.cli", "run", args.config]
    command += ["--only", json.dumps(asdict(spec)), "--parent", str(os.getpid())]
    command += [f"--namespace={args.namespace}", f"--log-level={args.log_level}"]
    command += [f"--params-file={file}" for file in args.params_file]
    return command + (["--ros-args", *args.ros_args] if args.ros_args else [])


def _refuse(text: str) -> int:
    _say(text)
    return 1


def _say(line: str) -> None:
    sys.stderr.write(f"egorear run: {line}\n")
    sys.stderr.flush()
