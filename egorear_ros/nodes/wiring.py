"""What the launch files share: launch arguments in, processes out. The nodes are those of `egorear run`."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch_ros.actions import Node

from egorear_ros.bags.base import BagError
from egorear_ros.bags.layout import find_layout, is_finished
from egorear_ros.bridge.launch_arguments import ARGUMENTS, replay_rate
from egorear_ros.bridge.params_file import find_params_file, use_shared_memory_profile
from egorear_ros.config import ConfigError
from egorear_ros.nodes.graph import NodeSpec, Request, plan
from egorear_ros.paths import share_dir

PACKAGE = "egorear_ros"
LAST_SETS_S = 3.0
"""Time between the end of a recording and the end of everything: the last poses are still on their way."""

LISTENERS_S = "1"
"""Between the publishers of `ros2 bag play` and its first message: subscribers need that long to find them."""

PATIENCE_S = "15"
"""Time to end after Ctrl-C before launch asks again: an estimate that has begun takes seconds on a slow CPU."""

POSE_PARAMETERS = {"estimator": "estimator.method", "checkpoint": "estimator.checkpoint", "runtime": "runtime.name"}
"""Parameters of the pose node by launch argument."""


def declare_arguments(launch_file: str) -> list[DeclareLaunchArgument]:
    """Return the declarations of launch/<launch_file>.launch.py's arguments."""
    return [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in ARGUMENTS[launch_file]
    ]


def shared_memory_profile() -> list[SetEnvironmentVariable]:
    """Give Fast DDS the shared-memory profile of this package, unless the user has chosen one."""
    environment = dict(os.environ)
    use_shared_memory_profile(environment)
    return [SetEnvironmentVariable(name, value) for name, value in environment.items() if name not in os.environ]


def end_after(duration_s: float) -> list[TimerAction]:
    """End everything after a time; 0: never."""
    if duration_s <= 0:
        return []
    return [TimerAction(period=duration_s, actions=[Shutdown(reason=f"duration:={duration_s:g} is over")])]


class Wiring:
    """The graph that the launch arguments describe.

    Attributes:
        arguments: values by name.
        namespace: without slashes at its ends.
        params_file: the ROS parameter file of all nodes.
    """

    def __init__(self, context: LaunchContext) -> None:
        """Read the arguments of the launch file being executed.

        Raises:
            ConfigError: the parameter file does not exist.
        """
        self.arguments: Mapping[str, str] = dict(context.launch_configurations)
        self.namespace = self["namespace"].strip("/")
        self.params_file = find_params_file(self["params_file"])

    def __getitem__(self, argument: str) -> str:
        """Return the value of a launch argument."""
        return self.arguments[argument]

    def is_true(self, argument: str) -> bool:
        """Return the value of a boolean launch argument."""
        return self[argument] == "true"

    def topic(self, name: str) -> str:
        """Return the full name of a relative topic."""
        return f"/{self.namespace}/{name}" if self.namespace else f"/{name}"

    def nodes(self) -> list[Any]:
        """Return the nodes as processes of their own, or all in one with `composed:=true`."""
        if self.is_true("composed"):
            return [self._one_process()]
        return [self._process(spec) for spec in plan(self._request())]

    def replay(self) -> list[Any]:
        """Return what plays `bag`, and the nodes that listen to it."""
        with_rosbag2 = self._plays_with_rosbag2()
        if self.is_true("composed"):
            player: Any = self._one_process()
            processes = [player]
        else:
            nodes: dict[str, Any] = {spec.kind: self._process(spec) for spec in plan(self._request())}
            if with_rosbag2:
                nodes["player"] = self._rosbag2_player()
            player = nodes["player"]
            processes = list(nodes.values())
        if not self.is_true("exit_at_end"):
            return processes
        last_sets = TimerAction(period=LAST_SETS_S, actions=[Shutdown(reason="the recording is over")])
        return [*processes, RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[last_sets]))]

    def rviz(self) -> list[Any]:
        """Return RViz with this package's configuration if it was asked for."""
        if not self.is_true("rviz"):
            return []
        config = share_dir() / "rviz" / "egorear.rviz"
        try:
            get_package_prefix("rviz2")
        except PackageNotFoundError:
            return [
                LogInfo(
                    msg="rviz:=true, but the package rviz2 is not installed here: the nodes run without RViz. Install "
                    "ros-$ROS_DISTRO-rviz2, or run on another machine of this network, with the same ROS_DOMAIN_ID: "
                    f"rviz2 -d {config}"
                )
            ]
        return [
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=self.namespace,
                arguments=["-d", str(config), "-f", f"{self['frame_prefix']}rig_link"],
                parameters=[{"use_sim_time": self.is_true("use_sim_time")}],
                output="log",
            )
        ]

    def _request(self) -> Request:
        ros_args = ["--ros-args", "--params-file", str(self.params_file)]
        if self.namespace:
            ros_args += ["-r", f"__ns:=/{self.namespace}"]
        return Request(
            ros_args=ros_args,
            calib=self["calib"],
            frame_prefix=self["frame_prefix"],
            use_sim_time=self.is_true("use_sim_time"),
            bag=self.arguments.get("bag", ""),
            evaluate=self.arguments.get("evaluate", ""),
            parameters=self._parameters(),
        )

    def _parameters(self) -> dict[str, dict[str, Any]]:
        """Return what launch arguments say about kinds of nodes; an empty argument says nothing."""
        parameters: dict[str, dict[str, Any]] = {
            "pose": {parameter: self[argument] for argument, parameter in POSE_PARAMETERS.items() if self[argument]}
        }
        if "bag" in self.arguments:
            parameters["player"] = {
                "rate": replay_rate(self["rate"]),
                "loop": self.is_true("loop"),
                "exit_at_end": self.is_true("exit_at_end"),
            }
        return parameters

    def _process(self, spec: NodeSpec) -> Node:
        """Return one node as a process of its own. What the launch arguments say wins over the parameter file."""
        overrides = dict(spec.overrides) | ({"view": spec.view} if spec.view else {})
        return Node(
            package=PACKAGE,
            executable=spec.kind,
            name=spec.name,
            namespace=self.namespace,
            parameters=[str(self.params_file), *([overrides] if overrides else [])],
            ros_arguments=["--log-level", f"{self._logger(spec.name)}:={self['log_level']}"],
            output="screen",
            emulate_tty=True,
            sigterm_timeout=PATIENCE_S,
        )

    def _logger(self, node_name: str) -> str:
        """Return a node's logger. Setting only this one keeps the messages of ROS itself out of `debug`."""
        return ".".join([*filter(None, self.namespace.split("/")), node_name])

    def _one_process(self) -> ExecuteProcess:
        """Return `egorear run`: all nodes in one process, which hand images over without serialising them."""
        request = self._request()
        command = [sys.executable, "-m", f"{PACKAGE}.cli", "run", str(self.params_file)]
        options = ("namespace", "calib", "frame_prefix", "log_level")
        command += [f"--{option.replace('_', '-')}={self[option]}" for option in options if self[option]]
        command += ["--use-sim-time"] if request.use_sim_time else []
        command += [f"--bag={request.bag}"] if request.bag else []
        command += [f"--evaluate={request.evaluate}"] if request.evaluate else []
        for target, parameters in request.parameters.items():
            # JSON is YAML in which a text cannot be taken for a number or for nothing.
            command += [f"--param={target}.{name}:={json.dumps(value)}" for name, value in parameters.items()]
        return ExecuteProcess(cmd=command, name=PACKAGE, output="screen", emulate_tty=True, sigterm_timeout=PATIENCE_S)

    def _plays_with_rosbag2(self) -> bool:
        """Return whether `ros2 bag play` plays.

        Raises:
            ConfigError: it was asked for, but is not installed or cannot play into one process.
        """
        if self["player"] == "egorear":
            return False
        try:
            get_package_prefix("rosbag2_transport")
            installed = True
        except PackageNotFoundError:
            installed = False
        composed = self.is_true("composed")
        if self["player"] == "auto":
            return installed and not composed and self._has_finished_recording()
        if composed:
            raise ConfigError(
                "player:=rosbag2 is a process of its own: leave out composed:=true, or choose player:=egorear."
            )
        if not installed:
            raise ConfigError(
                "player:=rosbag2, but rosbag2 is not installed. "
                "Install ros-$ROS_DISTRO-rosbag2, or choose player:=egorear."
            )
        return True

    def _has_finished_recording(self) -> bool:
        try:
            return is_finished(find_layout(Path(self["bag"]).expanduser()))
        except (BagError, OSError):
            return True  # the player says what is wrong with it

    def _rosbag2_player(self) -> ExecuteProcess:
        """Return `ros2 bag play` of the cameras' topics and the truth; recorded poses would mix with new ones."""
        specs = plan(replace(self._request(), bag="", parameters={}))
        views = [spec.view for spec in specs if spec.view]
        topics = [
            self.topic(f"{view}/{kind}")
            for view in views
            for kind in ("image_raw/compressed", "image_raw", "camera_info")
        ]
        # It waits for nobody, and loading a model takes seconds of the recording, of which no pose would come.
        waited = [self.topic(spec.name) for spec in specs if spec.kind in ("sync", "pose", "evaluate")]
        command = [sys.executable, "-m", f"{PACKAGE}.bridge.when_active", ",".join(waited)]
        command += ["ros2", "bag", "play", self["bag"], "--clock", "--rate", str(replay_rate(self["rate"]))]
        command += ["--delay", LISTENERS_S, "--disable-keyboard-controls"]
        command += ["--loop"] if self.is_true("loop") else []
        command += ["--topics", *topics, self.topic("ground_truth/body_pose")]
        return ExecuteProcess(cmd=command, name="player", output="screen")
