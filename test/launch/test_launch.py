"""The launch files: which processes they make of their arguments, and one real launch."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bag_data
import pytest

# Not "launch": in a checkout the folder launch/ passes for a package of that name.
pytest.importorskip("launch_ros", reason="needs ROS's launch system")
rclpy = pytest.importorskip("rclpy")

from launch import LaunchContext  # noqa: E402
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo, OpaqueFunction, TimerAction  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch.utilities import perform_substitutions  # noqa: E402
from launch_ros.actions import Node  # noqa: E402

from egorear_ros.bridge.launch_arguments import ARGUMENTS  # noqa: E402
from egorear_ros.bridge.params_file import PROFILE_VARIABLES  # noqa: E402
from egorear_ros.config import ConfigError  # noqa: E402
from egorear_ros.geometry.rig_file import CalibrationError, load_rig  # noqa: E402
from egorear_ros.nodes import wiring  # noqa: E402
from egorear_ros.paths import share_dir  # noqa: E402

pytestmark = [pytest.mark.launch, pytest.mark.ros]

VIEWS = load_rig("ego4view_syn").views
CAMERAS = [f"/camera_{view}" for view in VIEWS]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Undo what SetEnvironmentVariable does to this process."""
    with patch.dict(os.environ):
        for variable in PROFILE_VARIABLES:
            os.environ.pop(variable, None)
        yield


def launch_file(name: str) -> str:
    """Return the path of a launch file."""
    return str(share_dir() / "launch" / f"{name}.launch.py")


def expand(name: str, **arguments: str) -> tuple[LaunchContext, list[Any]]:
    """Return the actions that a launch file makes of its arguments, and the context they were made in."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    description = PythonLaunchDescriptionSource(launch_file(name)).get_launch_description(context)
    made: list[Any] = []
    for entity in description.entities:
        result = entity.visit(context)
        if isinstance(entity, OpaqueFunction):
            made += result or []
    return context, made


def nodes(context: LaunchContext, actions: list[Any]) -> dict[str, list[str]]:
    """Return the command that would be executed for every ROS node, by its full name."""
    commands = {}

    def note(action: Node, context: LaunchContext) -> None:
        words = [perform_substitutions(context, word) for word in action.cmd[1:]]
        commands[action.node_name] = [action.node_executable, *words]

    with patch.object(ExecuteProcess, "execute", autospec=True, side_effect=note):
        for action in actions:
            if isinstance(action, Node):
                action.execute(context)
    return commands


def processes(context: LaunchContext, actions: list[Any]) -> list[str]:
    """Return the command lines of everything that is not a ROS node."""
    others = [one for one in actions if isinstance(one, ExecuteProcess) and not isinstance(one, Node)]
    return [" ".join(perform_substitutions(context, word) for word in one.cmd) for one in others]


def given(command: list[str]) -> dict[str, Any]:
    """Return the parameters that ROS itself would give the node with this command."""
    name = next(word.split(":=")[1] for word in command if word.startswith("__node:="))
    ros_context = rclpy.Context()
    rclpy.init(args=command[1:], context=ros_context)
    try:
        node = rclpy.create_node(name, context=ros_context, enable_rosout=False, start_parameter_services=False)
        values = {key: parameter.value for key, parameter in node._parameter_overrides.items()}
        node.destroy_node()
        return values
    finally:
        rclpy.shutdown(context=ros_context)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_arguments_are_those_documented(name: str) -> None:
    context = LaunchContext()
    description = PythonLaunchDescriptionSource(launch_file(name)).get_launch_description(context)
    declared = [one for one in description.entities if isinstance(one, DeclareLaunchArgument)]
    assert [one.name for one in declared] == [one.name for one in ARGUMENTS[name]]
    assert all(one.description for one in declared)


def test_a_rig_has_a_camera_node_per_view() -> None:
    found = nodes(*expand("rig", params_file="rig_v4l2_example", calib="ego4view_syn"))
    assert sorted(found) == sorted([*CAMERAS, "/sync", "/pose", "/visual"])
    for view in VIEWS:
        command = found[f"/camera_{view}"]
        assert command[0] == "camera"
        assert given(command)["view"] == view
        assert given(command)["source.path"].startswith("/dev/v4l/")


def test_cameras_of_a_synthetic_wearer_bring_the_truth() -> None:
    found = nodes(*expand("demo", composed="false"))
    assert set(found) == {*CAMERAS, "/sync", "/pose", "/visual", "/wearer"}
    seeds = {given(found[name])["source.seed"] for name in [*CAMERAS, "/wearer"]}
    assert len(seeds) == 1


def test_arguments_win_over_the_parameter_file() -> None:
    arguments = {"frame_prefix": "bob/", "checkpoint": "w.ckpt", "estimator": "egoposeformer", "use_sim_time": "true"}
    found = nodes(*expand("rig", **arguments))
    pose = given(found["/pose"])
    assert pose["estimator.checkpoint"] == "w.ckpt"
    assert pose["estimator.method"] == "egoposeformer"
    for command in found.values():
        assert given(command)["frame_prefix"] == "bob/"
        assert given(command)["use_sim_time"] is True


def test_empty_arguments_leave_the_choice_to_the_parameter_file(tmp_path: Path) -> None:
    params = tmp_path / "p.yaml"
    params.write_text("/**:\n  ros__parameters: {frame_prefix: from_file/, estimator: {method: 'null'}}\n")
    pose = given(nodes(*expand("rig", params_file=str(params)))["/pose"])
    assert pose["frame_prefix"] == "from_file/"
    assert pose["estimator.method"] == "null"


def test_a_namespace_holds_for_every_node_and_its_parameters() -> None:
    found = nodes(*expand("rig", namespace="/bob/", log_level="debug"))
    assert all(name.startswith("/bob/") for name in found)
    command = found["/bob/camera_front_left"]
    assert "bob.camera_front_left:=debug" in command
    assert given(command)["source.kind"] == "wearer"


def test_views_come_from_the_calibration_in_the_parameter_file(tmp_path: Path) -> None:
    calib = tmp_path / "two.yaml"
    calib.write_text((share_dir() / "calib" / "ego4view_syn.yaml").read_text().replace("front_left:", "nose:"))
    params = tmp_path / "p.yaml"
    params.write_text(f"/**:\n  ros__parameters: {{calib: {calib}}}\n")
    assert "/camera_nose" in nodes(*expand("rig", params_file=str(params)))


def test_one_process_gets_the_same_arguments() -> None:
    context, actions = expand("rig", composed="true", namespace="bob", frame_prefix="bob/", estimator="null")
    assert nodes(context, actions) == {}
    (command,) = processes(context, actions)
    # Unquoted, YAML takes null for nothing.
    words = ("egorear_ros.cli run", "--namespace=bob", "--frame-prefix=bob/", '--param=pose.estimator.method:="null"')
    assert [word for word in words if word not in command] == []


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"calib": "nope"}, CalibrationError, "nope"),
        ({"params_file": "nope"}, ConfigError, "nope.yaml"),
        ({"params_file": "/nope/rig.yaml"}, ConfigError, "/nope/rig.yaml"),
        ({"rviz": "maybe"}, RuntimeError, "maybe"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        expand("rig", **arguments)


def test_a_missing_rviz_is_reported_and_the_rest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise wiring.PackageNotFoundError(package)

    monkeypatch.setattr(wiring, "get_package_prefix", missing)
    context, actions = expand("rig", rviz="true")
    (message,) = [one for one in actions if isinstance(one, LogInfo)]
    assert "rviz2 is not installed" in perform_substitutions(context, message.msg)
    assert "/pose" in nodes(context, actions)


def test_rviz_looks_from_the_prefixed_rig_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "get_package_prefix", lambda package: "/opt/ros")
    context, actions = expand("rig", rviz="true", frame_prefix="bob/")
    (rviz,) = [one for one in actions if isinstance(one, Node) and one.node_package == "rviz2"]
    (words,) = nodes(context, [rviz]).values()
    assert words[words.index("-f") + 1] == "bob/rig_link"
    assert Path(words[words.index("-d") + 1]).is_file()


def test_the_nodes_get_the_shared_memory_profile() -> None:
    expand("rig")
    assert all(Path(os.environ[variable]).is_file() for variable in PROFILE_VARIABLES)


def test_a_profile_of_the_user_stays() -> None:
    os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = "/mine.xml"
    expand("rig")
    assert {variable: os.environ.get(variable) for variable in PROFILE_VARIABLES} == {
        "FASTRTPS_DEFAULT_PROFILES_FILE": None,
        "FASTDDS_DEFAULT_PROFILES_FILE": "/mine.xml",
    }


def test_a_replay_has_no_cameras_and_a_player(monkeypatch: pytest.MonkeyPatch) -> None:
    found = nodes(*expand("replay", bag="/rec", player="egorear", rate="0.5"))
    assert set(found) == {"/player", "/sync", "/pose", "/visual"}
    player = given(found["/player"])
    assert (player["bag"], player["rate"], player["loop"]) == ("/rec", 0.5, False)
    assert "use_sim_time" not in player
    assert given(found["/sync"])["use_sim_time"] is True


def test_a_replay_with_rosbag2_plays_only_what_cameras_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "get_package_prefix", lambda package: "/opt/ros")
    context, actions = expand("replay", bag="/rec", namespace="bob", loop="true")
    assert set(nodes(context, actions)) == {"/bob/sync", "/bob/pose", "/bob/visual"}
    (command,) = processes(context, actions)
    _, _, wait = command.partition(" -m egorear_ros.bridge.")
    wait, played, play = wait.partition(" ros2 bag play /rec --clock --rate 1.0 ")
    # It would begin while the model is still loading.
    assert played and wait == "when_active /bob/sync,/bob/pose"
    assert "--loop --topics /bob/front_left/image_raw/" in play
    assert "body_pose" not in command.replace("ground_truth/body_pose", "")


def test_a_recording_that_was_not_finished_is_played_by_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "get_package_prefix", lambda package: "/opt/ros")
    recording = bag_data.write_rows(tmp_path / "rec", bag_data.rig_rows(3))
    file = bag_data.storage_file(recording)
    assert "/player" not in nodes(*expand("replay", bag=str(recording)))
    assert "/player" not in nodes(*expand("replay", bag=str(file)))
    bag_data.cut(file, file.stat().st_size - 100)
    for path in (recording, file):
        assert "/player" in nodes(*expand("replay", bag=str(path)))
        assert "/player" not in nodes(*expand("replay", bag=str(path), player="rosbag2"))


def test_a_player_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise wiring.PackageNotFoundError(package)

    monkeypatch.setattr(wiring, "get_package_prefix", missing)
    with pytest.raises(ConfigError, match="rosbag2 is not installed"):
        expand("replay", bag="/rec", player="rosbag2")
    assert "/player" in nodes(*expand("replay", bag="/rec"))


def test_the_demo_ends_after_its_duration() -> None:
    _, actions = expand("demo", duration="7.5")
    (timer,) = [one for one in actions if isinstance(one, TimerAction)]
    assert timer.period == 7.5
    _, actions = expand("demo")
    assert not [one for one in actions if isinstance(one, TimerAction)]


@pytest.fixture
def domain() -> int:
    """Return the ROS domain that this test has for itself (test/conftest.py)."""
    return int(os.environ["ROS_DOMAIN_ID"])


def first_message(kind: type, topic: str, domain: int, timeout_s: float) -> Any:
    """Return the first message on a topic, or None after the timeout."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    received: list[Any] = []
    try:
        node = rclpy.create_node("test_launch", context=context)
        node.create_subscription(kind, topic, received.append, 10)
        executor = rclpy.executors.SingleThreadedExecutor(context=context)
        executor.add_node(node)
        deadline_s = time.monotonic() + timeout_s
        while not received and time.monotonic() < deadline_s:
            executor.spin_once(timeout_sec=0.2)
        node.destroy_node()
        return received[0] if received else None
    finally:
        rclpy.shutdown(context=context)


def group_lives(group: int) -> bool:
    """Return whether a process group has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("composed", ["false", "true"])
def test_a_launched_demo_publishes_poses_and_leaves_nothing_behind(composed: str, domain: int, tmp_path: Path) -> None:
    from egorear_ros.msg import BodyPose

    arguments = [f"composed:={composed}", "namespace:=bob", "frame_prefix:=bob/"]
    log = tmp_path / "launch.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["ros2", "launch", launch_file("demo"), *arguments], stdout=output, stderr=output, start_new_session=True
        )
    try:
        pose = first_message(BodyPose, "/bob/body_pose", domain, 300.0)
        assert pose is not None, log.read_text()[-3000:]
        assert pose.header.frame_id == "bob/rig_link"
        assert pose.tracking_state in (BodyPose.OK, BodyPose.PARTIAL_VIEWS)
        assert len(pose.positions) == len(pose.joint_names) == 16
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=120) == 0, log.read_text()[-3000:]
        assert "Traceback" not in log.read_text()
        end_s = time.monotonic() + 60
        while group_lives(process.pid):
            assert time.monotonic() < end_s, "processes of the launch are left"
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
