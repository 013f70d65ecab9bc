"""The examples run as a reader would run them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rig_data
from harness import Graph
from harness import graph as graph

REPOSITORY = Path(__file__).resolve().parents[1]
LISTENS = REPOSITORY / "examples" / "02_read_body_pose.py"
"""Prints what a graph publishes until Ctrl-C."""

EXAMPLES = sorted(set((REPOSITORY / "examples").glob("*.py")) - {LISTENS})


def run(example: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "MPLBACKEND": "agg"}
    command = [sys.executable, str(example), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_runs(example: Path) -> None:
    result = run(example)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_projection_of_joints() -> None:
    lines = run(REPOSITORY / "examples" / "01_project_joints.py").stdout.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    assert len(rows) == 16
    # The left wrist is left of the right one in front views, and right of it in rear views.
    assert float(rows["left_wrist"][1].rstrip(",")) < float(rows["right_wrist"][1].rstrip(","))
    assert float(rows["left_wrist"][5].rstrip(",")) > float(rows["right_wrist"][5].rstrip(","))


@pytest.mark.ros
def test_reader_of_poses(graph: Graph) -> None:
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.messages import msg_from_body_pose
    from egorear_ros.bridge.qos import results_qos

    publisher = graph.tester.create_publisher(BodyPose, "body_pose", results_qos())
    command = [sys.executable, str(LISTENS), publisher.topic_name]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as reader:
        try:
            graph.until(publisher.get_subscription_count, "the example listens")
            publisher.publish(msg_from_body_pose(rig_data.body_pose(), "", "wearer", 0))
            assert reader.stdout is not None
            line = reader.stdout.readline()
        finally:
            reader.send_signal(signal.SIGINT)
        assert reader.wait(30.0) == 0
    # x forward, y left, z up, as rig_data.STANDING_RIG says.
    x, y, z = rig_data.STANDING_RIG[6]
    assert line.startswith("left_wrist: rig ")
    numbers = [float(word) for word in line.split() if _is_number(word)]
    assert numbers == pytest.approx([x, y, z, -y, z, x, 100 * x, -100 * y, 100 * z], abs=0.51)


def _is_number(word: str) -> bool:
    return word.lstrip("-").replace(".", "").isdigit()
