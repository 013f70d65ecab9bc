"""Run a command as soon as nodes are active: `ros2 bag play` waits for nobody, and what nobody hears is lost.

python -m egorear_ros.bridge.when_active /sync,/pose ros2 bag play recording --clock
"""

import os
import signal
import sys
import time
from collections.abc import Sequence

import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

READY_S = 60.0
"""How long to wait at most, as the node `player` does."""

PERIOD_S = 0.1
"""Between two questions."""

ANSWER_S = 1.0
"""An answer that takes longer is lost."""


def await_active(names: Sequence[str], timeout_s: float = READY_S) -> list[str]:
    """Wait until lifecycle nodes are active.

    Args:
        names: absolute names.
        timeout_s: how long to wait at most.

    Returns:
        those that are not active by then.
    """
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("when_active", context=context, start_parameter_services=False, enable_rosout=False)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        clients = {name: node.create_client(GetState, f"{name}/get_state") for name in names}
        waiting, deadline_s = list(names), time.monotonic() + timeout_s
        while waiting and time.monotonic() < deadline_s:
            waiting = [name for name in waiting if not _is_active(clients[name], executor)]
            executor.spin_once(timeout_sec=PERIOD_S)
        executor.shutdown()
        node.destroy_node()
        return waiting
    finally:
        rclpy.shutdown(context=context)


def _is_active(client: Client, executor: SingleThreadedExecutor) -> bool:
    if not client.service_is_ready():
        return False
    answer = client.call_async(GetState.Request())
    executor.spin_until_future_complete(answer, timeout_sec=ANSWER_S)
    return bool(answer.done() and answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE)


def main() -> None:
    """Wait, then become the command; signals and the exit status are its own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    names, command = [name for name in sys.argv[1].split(",") if name], sys.argv[2:]
    waiting = await_active(names)
    if waiting:
        get_logger("player").warning(f"{', '.join(waiting)} not active after {READY_S:g} s; playing all the same")
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}. Is your ROS distribution sourced?")


if __name__ == "__main__":
    main()
