"""Recording a process' trace on request: the service `~/trace` and the parameter `trace_file`."""

import os
from pathlib import Path

from rclpy.node import Node
from std_srvs.srv import SetBool

from egorear_ros.tracing import TRACE

DEFAULT_FILE = "egorear_trace_{node}.json"

_AT_WORK: list["TraceControl"] = []
"""Those of this process that record because of `trace_file`."""


class TraceControl:
    """Starts and saves the trace of this process for one of its nodes.

    All nodes of a process record into one trace, so any of them may start and save it.

    Args:
        node: gets the service `~/trace`.
        file: `trace_file`; empty: record only when the service asks, into the working folder.
    """

    def __init__(self, node: Node, file: str) -> None:
        self._node = node
        self._at_start = bool(file)
        self.path = Path((file or DEFAULT_FILE).replace("{node}", node.get_name())).expanduser()
        self._service = node.create_service(SetBool, "~/trace", self._on_trace)

    def begin(self) -> None:
        """The node starts to work: record if `trace_file` says so."""
        if not self._at_start:
            return
        if self not in _AT_WORK:
            _AT_WORK.append(self)
        if not TRACE.recording:
            TRACE.start()

    def end(self) -> None:
        """The node stops working: the last one of a file saves what `trace_file` asked for."""
        if self not in _AT_WORK:
            return
        _AT_WORK.remove(self)
        if TRACE.recording and not any(other.path == self.path for other in _AT_WORK):
            try:
                self._node.get_logger().info(self._save())
            except OSError as error:
                self._node.get_logger().error(f"no trace: {error}")

    def _on_trace(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Start to record with true; save with false and stop."""
        if request.data:
            TRACE.start()
            response.success = True
            response.message = f"recording in process {os.getpid()}; call again with false to write {self.path}"
            return response
        if not TRACE.recording:
            response.message = "nothing was recorded: call with true first"
            return response
        TRACE.stop()
        try:
            response.message = self._save()
            response.success = True
        except OSError as error:
            response.message = f"the trace could not be written: {error}. Set trace_file to a place that can be."
        return response

    def _save(self) -> str:
        path = self.path.absolute()
        return f"{TRACE.save(path)} spans written to {path}; open it at https://ui.perfetto.dev"
