"""What this process does and when, on request, as a file that Perfetto and Chrome open.

One recorder per process, because all nodes of a process share a time line. While it is off, a span
costs the comparison of one attribute.

Source of the format: "Trace Event Format", the JSON object form; https://ui.perfetto.dev opens it.
"""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CAPACITY = 200_000
"""Spans that are kept, the newest: about five minutes of four 30 Hz cameras, 50 MB."""


class _Span(NamedTuple):
    name: str
    begin_ns: int
    end_ns: int
    track: int | str
    stamp_ns: int
    view: str


class Trace:
    """Spans of all threads; times are monotonic ns, which all processes of a machine share.

    Nothing is written before `save`, and that replaces the file at once: a process that is killed
    leaves the file it saved before, or none.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.recording = False
        self._spans: deque[_Span] = deque(maxlen=capacity)
        self._added = 0
        self._threads: dict[int, str] = {}

    def start(self) -> None:
        """Begin to record; what was recorded before is forgotten."""
        self._spans.clear()
        self._added = 0
        self.recording = True

    def stop(self) -> None:
        """Record no more; the spans stay until `start`."""
        self.recording = False

    @contextmanager
    def span(self, name: str, stamp_ns: int, view: str = "") -> Iterator[None]:
        """Record how long the block takes, in this thread.

        Args:
            name: of the stage.
            stamp_ns: exposure of the frame or set it works on, ns on the ROS clock.
            view: of the frame; empty: the whole set.
        """
        if not self.recording:
            yield
            return
        begin_ns = time.monotonic_ns()
        try:
            yield
        finally:
            self.add(name, begin_ns, time.monotonic_ns(), stamp_ns, view)

    def add(
        self, name: str, begin_ns: int, end_ns: int, stamp_ns: int, view: str = "", track: str | None = None
    ) -> None:
        """Record a span that is over.

        Args:
            name: of the stage.
            begin_ns: monotonic.
            end_ns: likewise.
            stamp_ns: see `span`.
            view: likewise.
            track: line to draw it on; None: this thread's.
        """
        if not self.recording:
            return
        if track is None:
            thread = threading.current_thread()
            ident = thread.native_id or 0
            self._threads[ident] = thread.name
            self._spans.append(_Span(name, begin_ns, end_ns, ident, stamp_ns, view))
        else:
            self._spans.append(_Span(name, begin_ns, end_ns, track, stamp_ns, view))
        self._added += 1

    def save(self, path: Path) -> int:
        """Write what was recorded and return the number of spans.

        Raises:
            OSError: the file cannot be written.
        """
        spans = list(self._spans)
        content = {
            "traceEvents": _events(spans, dict(self._threads)),
            "displayTimeUnit": "ms",
            "otherData": {"spans": len(spans), "older spans dropped": self._added - len(spans)},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(content))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return len(spans)


def _events(spans: list[_Span], threads: dict[int, str]) -> list[dict[str, Any]]:
    process = os.getpid()
    # Tracks without a thread get numbers that no thread has.
    numbers = {
        name: -1 - index for index, name in enumerate(sorted({s.track for s in spans if isinstance(s.track, str)}))
    }
    names = {**threads, **{number: name for name, number in numbers.items()}}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": f"egorear {process}"}}
    ]
    events += [
        {"ph": "M", "name": "thread_name", "pid": process, "tid": number, "args": {"name": name}}
        for number, name in names.items()
    ]
    for span in spans:
        details = {"stamp_s": span.stamp_ns * 1e-9} | ({"view": span.view} if span.view else {})
        events.append(
            {
                "ph": "X",
                "name": span.name,
                "cat": "egorear",
                "ts": span.begin_ns / 1e3,
                "dur": max(0, span.end_ns - span.begin_ns) / 1e3,
                "pid": process,
                "tid": numbers[span.track] if isinstance(span.track, str) else span.track,
                "args": details,
            }
        )
    return events


TRACE = Trace()
"""This process's."""
