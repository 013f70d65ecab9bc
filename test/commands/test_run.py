"""`egorear run`: real processes on a real graph."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from egorear_ros.commands.run import parse_param
from egorear_ros.config import ConfigError

ros = pytest.mark.ros
VIEWS = ("front_left", "front_right", "back_left", "back_right")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sync.tolerance_ms:=5", ("sync", "tolerance_ms", 5)),
        ("pose.estimator.method:=egorear", ("pose", "estimator.method", "egorear")),
        ("camera_back_left.jpeg_quality:=70", ("camera_back_left", "jpeg_quality", 70)),
        ("camera.source.loop:=false", ("camera", "source.loop", False)),
        ("source.rate_hz:=12.5", ("", "source.rate_hz", 12.5)),
        ("calib:=/a/b.yaml", ("", "calib", "/a/b.yaml")),
        ("frame_prefix:=", ("", "frame_prefix", "")),
        ("pose.estimator.method:=null", ("pose", "estimator.method", "null")),
    ],
)
def test_parameters_of_the_command_line(text: str, expected: tuple[str, str, Any]) -> None:
    assert parse_param(text) == expected


@pytest.mark.parametrize("text", ["tolerance_ms=5", ":=5", "a:=[1"])
def test_unreadable_parameters_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="-p"):
        parse_param(text)


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """Small images for four cameras, and no model."""
    for view in VIEWS:
        (tmp_path / view).mkdir()
        for index in range(3):
            cv2.imwrite(str(tmp_path / view / f"{index}.jpg"), np.full((109, 109, 3), 50 * index, np.uint8))
    path = tmp_path / "rig.yaml"
    sections = {
        "/**": {"source": {"kind": "images", "path": str(tmp_path), "rate_hz": 10.0}},
        "/**/sync": {"max_wait_ms": 90.0},
        "/**/pose": {"estimator": {"method": "null"}},
    }
    path.write_text(yaml.safe_dump({name: {"ros__parameters": values} for name, values in sections.items()}))
    return path


class Run:
    """One `egorear run`, its output and its processes."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "egorear_ros.cli", "run", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.pid = self.process.pid

    def end(self, number: int = signal.SIGINT, group: bool = True, timeout_s: float = 180.0) -> tuple[int, str]:
        """Send a signal as a terminal does; return the exit status and the output."""
        if group:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 240.0) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output

    def kill(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*arguments: Any) -> Run:
        runs.append(Run(*map(str, arguments)))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


def members(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for_end_of(session: int) -> None:
    end_s = time.monotonic() + 120
    while left := members(session):
        assert time.monotonic() < end_s, f"still running: {left}"
        time.sleep(0.1)


@pytest.fixture
def poses(graph: Any) -> list[Any]:
    """What arrives on /body_pose."""
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.qos import results_qos

    return graph.listen(BodyPose, "/body_pose", results_qos())


@ros
@pytest.mark.parametrize("mode", [[], ["--separate"]], ids=["one process", "separate"])
def test_the_graph_runs_until_ctrl_c_and_leaves_nothing(
    graph: Any, poses: list[Any], params: Path, start: Callable[..., Run], mode: list[str]
) -> None:
    run = start(params, *mode)
    graph.until(lambda: len(poses) >= 5, "poses", 240)
    assert len(members(run.pid)) == (8 if mode else 1)
    status, output = run.end()
    assert status == 0, output
    assert "Traceback" not in output and "killed" not in output
    wait_for_end_of(run.pid)


@ros
def test_it_ends_after_its_duration(params: Path, start: Callable[..., Run]) -> None:
    status, output = start(params, "--duration", 1).wait()
    assert status == 0 and "Traceback" not in output


@ros
def test_the_command_line_wins_over_files(graph: Any, params: Path, start: Callable[..., Run]) -> None:
    from egorear_ros.msg import FrameSet

    from egorear_ros.bridge.qos import results_qos

    sets = graph.listen(FrameSet, "/rig/frame_set", results_qos())
    start(params, "--namespace", "rig", "--frame-prefix", "a/", "-p", "camera_back_left.source.path:=/nowhere")
    others = ["front_left", "front_right", "back_right"]
    graph.until(lambda: any(list(message.views) == others for message in list(sets)), "sets of the others", 240)
    assert not any("back_left" in message.views for message in sets)
    assert all(message.header.frame_id == "a/rig_link" for message in sets)


@ros
def test_one_node_that_cannot_start_does_not_stop_the_others(
    graph: Any, poses: list[Any], params: Path, start: Callable[..., Run]
) -> None:
    run = start(params, "-p", "camera_front_right.source.path:=/nowhere", "-p", "visual.overlay_rate_hz:=-1.0")
    graph.until(lambda: len(poses) >= 3, "poses of three cameras", 240)
    status, output = run.end()
    assert status == 1
    for words in ("camera_front_right", "there is no folder /nowhere", "visual", "overlay_rate_hz is -1.0"):
        assert words in output
    assert "Traceback" not in output


@ros
def test_a_node_that_dies_is_named_and_the_others_go_on(
    graph: Any, poses: list[Any], params: Path, start: Callable[..., Run]
) -> None:
    run = start(params, "--separate")
    graph.until(lambda: len(poses) >= 3, "poses", 240)
    victim = next(pid for pid in members(run.pid) if "back_right" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(victim, signal.SIGKILL)
    time.sleep(0.5)
    before = len(poses)
    graph.until(lambda: len(poses) >= before + 3, "poses of three cameras")
    status, output = run.end()
    assert status == 1
    assert "camera_back_right ended by itself with signal SIGKILL; 6 others go on" in output


@ros
def test_nodes_end_with_the_command_however_it_ends(
    graph: Any, poses: list[Any], params: Path, start: Callable[..., Run]
) -> None:
    run = start(params, "--separate")
    graph.until(lambda: poses, "poses", 240)
    run.end(signal.SIGKILL, group=False)
    wait_for_end_of(run.pid)


@ros
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], ["nowhere.yaml", "config/", "rig"]),
        (["{params}", "--calib", "nowhere"], ["nowhere", "ego4view_syn"]),
        (["{params}", "-p", "camera_top.jpeg_quality:=5"], ["camera_top", "camera_front_left"]),
        (["{params}", "-p", "tolerance=5"], ["tolerance=5", ":="]),
    ],
)
def test_mistakes_end_it_at_once_with_a_sentence(
    params: Path, start: Callable[..., Run], arguments: list[str], words: list[str]
) -> None:
    status, output = start(*(one.format(params=params) for one in arguments)).wait()
    assert status == 1
    assert output.startswith("egorear run: ") and "Traceback" not in output
    assert all(word in output for word in words), output


@ros
def test_an_unknown_parameter_is_named_with_the_one_that_was_meant(params: Path, start: Callable[..., Run]) -> None:
    content = yaml.safe_load(params.read_text())
    content["/**"]["ros__parameters"]["source"]["rate_hs"] = 5.0
    params.write_text(yaml.safe_dump(content))
    status, output = start(params).wait()
    assert status == 1
    assert "'source.rate_hs' (did you mean 'source.rate_hz'?)" in output and "Traceback" not in output


@ros
def test_it_replays_a_recording_and_ends_with_it(
    graph: Any, poses: list[Any], params: Path, tmp_path: Path, start: Callable[..., Run]
) -> None:
    pytest.importorskip("rosbags")
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    types = get_typestore(Stores.ROS2_JAZZY)
    kind = "sensor_msgs/msg/CompressedImage"
    header, stamp, image = (types.types[one] for one in ("std_msgs/msg/Header", "builtin_interfaces/msg/Time", kind))
    data = np.frombuffer((tmp_path / "front_left" / "1.jpg").read_bytes(), np.uint8)
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            view: writer.add_connection(f"/{view}/image_raw/compressed", kind, typestore=types) for view in VIEWS
        }
        for index in range(60):
            stamp_ns = 1_600_000_000 * 10**9 + index * 100_000_000
            for view, connection in connections.items():
                message = image(header(stamp(*divmod(stamp_ns, 10**9)), f"{view}_optical"), "jpeg", data)
                writer.write(connection, stamp_ns + 1_000_000, types.serialize_cdr(message, kind))
    # A busy machine brings the images of a moment one after the other; complete sets do not wait.
    status, output = start(params, "--bag", tmp_path / "bag", "-p", "sync.max_wait_ms:=3000.0").wait()
    assert status == 0, output
    last = (1_600_000_005, 900_000_000)
    graph.until(lambda: poses and (poses[-1].header.stamp.sec, poses[-1].header.stamp.nanosec) == last, "the last pose")
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 for message in poses]
    # DDS takes seconds to tell this process of the pose node, and a busy machine skips sets, never the last.
    expected = [1_600_000_000 + index * 0.1 for index in range(60)]
    tenths = [round(10 * (stamp_s - expected[0])) for stamp_s in stamps]
    assert tenths == sorted(set(tenths)) and tenths[-1] == 59 and len(tenths) >= 10
    assert stamps == pytest.approx([expected[index] for index in tenths])
    assert all(len(message.camera_names) == 4 for message in poses)
