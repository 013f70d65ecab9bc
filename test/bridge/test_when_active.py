"""A command that waits until nodes are active."""

import subprocess
import sys
import time
from threading import Thread
from typing import Any

import pytest
from harness import Graph

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros


@pytest.fixture
def sync(graph: Graph) -> Any:
    """A node that is not active yet."""
    from rclpy.parameter import Parameter

    from egorear_ros.nodes.sync import SyncNode

    return graph.add(SyncNode(parameter_overrides=[Parameter("autostart", value=False)], **graph.kwargs))


def test_it_goes_on_when_the_node_is_active_and_not_before(graph: Graph, sync: Any) -> None:
    from egorear_ros.bridge.when_active import await_active

    service, left = f"{graph.namespace}/sync/get_state", []
    waiter = Thread(target=lambda: left.append(await_active([f"{graph.namespace}/sync"])), daemon=True)
    waiter.start()
    graph.until(lambda: graph.tester.count_clients(service), "the question")
    sync.trigger_configure()
    time.sleep(0.5)
    assert not left
    sync.trigger_activate()
    graph.until(lambda: left, "the end of the wait")
    assert left == [[]]


def test_nodes_that_never_become_active_are_named(graph: Graph, sync: Any) -> None:
    from egorear_ros.bridge.when_active import await_active

    names = [f"{graph.namespace}/{name}" for name in ("sync", "nobody")]
    assert await_active(names, timeout_s=1.0) == names


def test_the_command_takes_the_place_of_the_wait(graph: Graph, sync: Any) -> None:
    """Launch ends a player by the process that it started."""
    sync.trigger_configure()
    sync.trigger_activate()
    print_pid = "import os; print(os.getpid())"
    words = ["-m", "egorear_ros.bridge.when_active", f"{graph.namespace}/sync", sys.executable, "-c", print_pid]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert int(output) == process.pid


def test_a_missing_command_is_named(graph: Graph, sync: Any) -> None:
    sync.trigger_configure()
    sync.trigger_activate()
    words = ["-m", "egorear_ros.bridge.when_active", f"{graph.namespace}/sync", "no_such_ros2", "bag", "play"]
    result = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 1
    assert "no_such_ros2 cannot be started" in result.stderr
