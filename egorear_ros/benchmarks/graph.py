"""Run a whole graph as a user would and watch its results from outside."""

import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FIRST_POSE_S = 120.0
"""How long the first pose may take."""


@dataclass
class Observation:
    """What an outside subscriber saw.

    Attributes:
        arrivals_ns: when each pose arrived, ns on the ROS clock.
        stamps_ns: its capture stamp, ns.
        latencies_s: capture to publication, as the pose node states it.
        tf_latencies_s: capture to the arrival of the joints' TF frames at this subscriber.
        first_pose_s: when the first pose came, monotonic s.
        starting_s: processor time of the graph's processes until then.
        duration_s: how long was watched after the warm-up.
        processor_s: processor time that the graph's processes took meanwhile.
        peak_mb: most memory that each of its processes has held so far, MB.
        stages_ms: (median, 95th percentile, maximum) by node and stage, from diagnostics.
        first, last: the first and the newest SyncStatus message.
    """

    arrivals_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    tf_latencies_s: list[float] = field(default_factory=list)
    first_pose_s: float = float("nan")
    starting_s: float = float("nan")
    duration_s: float = 0.0
    processor_s: float = 0.0
    peak_mb: list[float] = field(default_factory=list)
    stages_ms: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    first: Any = None
    last: Any = None


def write_params(path: Path, sections: dict[str, dict[str, Any]]) -> None:
    """Write a ROS parameter file; keys of `sections` are node patterns such as "/**/pose"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # ROS reads no YAML aliases, which would appear where two nodes share a value: copies have none.
    content = {node: {"ros__parameters": copy.deepcopy(values)} for node, values in sections.items()}
    path.write_text(yaml.safe_dump(content))


@contextmanager
def running_graph(params: Path, separate: bool, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `egorear run` on a parameter file, in a session of its own, and end it afterwards.

    Raises:
        RuntimeError: what went wrong inside the block, with the end of the graph's log.
    """
    command = [sys.executable, "-m", "egorear_ros.cli", "run", str(params)] + (["--separate"] if separate else [])
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    except RuntimeError as error:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{error} It was `{' '.join(command)}`; its log ({log}) ends:\n{tail}") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def observe(graph: subprocess.Popen[bytes], warm_up_s: float, duration_s: float) -> Observation:
    """Subscribe to `body_pose` and `sync_status` and return what came after the warm-up.

    Raises:
        RuntimeError: the graph ended, or no pose came in time.
    """
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor
    from tf2_msgs.msg import TFMessage

    from egorear_ros.benchmarks.processes import peak_mb, processor_s
    from egorear_ros.bridge.qos import results_qos, tf_qos
    from egorear_ros.bridge.stamps import ns_from_time
    from egorear_ros.msg import BodyPose, SyncStatus

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("bench_monitor", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    seen = Observation()

    def on_pose(msg: Any) -> None:
        seen.arrivals_ns.append(node.get_clock().now().nanoseconds)
        seen.stamps_ns.append(ns_from_time(msg.header.stamp))
        seen.latencies_s.append(float(msg.latency_s))

    def on_status(msg: Any) -> None:
        seen.first = seen.first or msg
        seen.last = msg

    def on_transforms(msg: Any) -> None:
        stamp_ns = ns_from_time(msg.transforms[0].header.stamp)
        seen.tf_latencies_s.append((node.get_clock().now().nanoseconds - stamp_ns) * 1e-9)

    def on_diagnostics(msg: Any) -> None:
        for status in msg.status:
            _note_stages(seen, status.name, {value.key: value.value for value in status.values})

    node.create_subscription(TFMessage, "/tf", on_transforms, tf_qos())
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, results_qos())
    node.create_subscription(BodyPose, "body_pose", on_pose, results_qos())
    node.create_subscription(SyncStatus, "sync_status", on_status, results_qos())
    try:
        _spin_until(executor, FIRST_POSE_S, lambda: bool(seen.stamps_ns) or graph.poll() is not None)
        if graph.poll() is not None:
            raise RuntimeError(f"the graph ended with status {graph.returncode}.")
        if not seen.stamps_ns:
            raise RuntimeError(f"no message on body_pose within {FIRST_POSE_S:g} s.")
        first_pose_s, starting_s = time.monotonic(), processor_s(graph.pid)
        _spin_until(executor, warm_up_s, lambda: False)
        seen = Observation(first_pose_s=first_pose_s, starting_s=starting_s)
        begin_s, used_s = time.monotonic(), processor_s(graph.pid)
        _spin_until(executor, duration_s, lambda: False)
        seen.duration_s = time.monotonic() - begin_s
        seen.processor_s, seen.peak_mb = processor_s(graph.pid) - used_s, peak_mb(graph.pid)
        return seen
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def _note_stages(seen: Observation, name: str, values: dict[str, str]) -> None:
    """Keep the newest percentiles of every stage that a line of diagnostics names."""
    node, _, part = name.partition(": ")
    if part in ("stream", "latency"):
        for stage in (key.removesuffix(" p95 s") for key in values if key.endswith(" p95 s")):
            numbers = tuple(1e3 * float(values[f"{stage} {percentile} s"]) for percentile in ("p50", "p95", "max"))
            seen.stages_ms[node.rpartition("/")[2], stage] = numbers


def _spin_until(executor: Any, timeout_s: float, done: Any) -> None:
    end = time.monotonic() + timeout_s
    while (left := end - time.monotonic()) > 0 and not done():
        executor.spin_once(timeout_sec=min(left, 0.5))
