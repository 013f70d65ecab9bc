"""Test runs that share a machine do not hear each other."""

import os
import socket

import pytest
from harness import Graph, graph  # noqa: F401

pytestmark = pytest.mark.ros


def is_free(kind: socket.AddressFamily, protocol: socket.SocketKind, address: object) -> bool:
    with socket.socket(kind, protocol) as probe:
        try:
            probe.bind(address)  # type: ignore[arg-type]
        except OSError:
            return False
    return True


def test_the_domain_of_a_test_is_held_against_other_test_runs() -> None:
    number = int(os.environ["ROS_DOMAIN_ID"])
    assert 1 <= number <= 100
    assert not is_free(socket.AF_UNIX, socket.SOCK_STREAM, f"\0egorear_ros_test_domain_{number}")


def test_a_domain_with_a_node_is_seen_by_its_port(graph: Graph) -> None:  # noqa: F811
    # This is how a test run keeps away from graphs that are no test's, and from what a killed test left behind.
    port = 7400 + 250 * int(os.environ["ROS_DOMAIN_ID"]) + 10
    graph.until(lambda: not is_free(socket.AF_INET, socket.SOCK_DGRAM, ("", port)), "the node's port is taken")
