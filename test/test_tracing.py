"""Recorded spans become a file in the Trace Event Format; what is not asked for costs nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from egorear_ros.tracing import Trace


def read_trace(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file, checked as Perfetto's importer reads them."""
    events = json.loads(path.read_text())["traceEvents"]
    for event in events:
        assert event["ph"] in "MX"
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] == "X":
            assert event["dur"] >= 0
            assert event["ts"] > 0
            assert event["name"]
        else:
            assert event["name"] in ("process_name", "thread_name")
            assert event["args"]["name"]
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert {event["tid"] for event in events if event["ph"] == "X"} <= named
    return [event for event in events if event["ph"] == "X"]


def test_spans_have_their_times_threads_and_stamps(tmp_path: Path) -> None:
    trace = Trace()
    trace.start()
    before_us = time.monotonic_ns() / 1e3
    with trace.span("outer", 2_500_000_000), trace.span("inner", 2_500_000_000, view="front_left"):
        time.sleep(0.002)
    worker = threading.Thread(target=lambda: trace.add("elsewhere", 5_000, 9_000, 1), name="worker")
    worker.start()
    worker.join()
    trace.add("apart", 1_000, 2_000, 0, track="exposure")
    assert trace.save(tmp_path / "new" / "trace.json") == 4
    events = {event["name"]: event for event in read_trace(tmp_path / "new" / "trace.json")}
    outer, inner = events["outer"], events["inner"]
    assert before_us <= outer["ts"] <= inner["ts"]
    assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"] + 1e-3
    assert inner["dur"] >= 2000.0
    assert inner["args"] == {"stamp_s": 2.5, "view": "front_left"}
    assert outer["tid"] == threading.get_native_id()
    assert events["elsewhere"]["ts"] == 5.0
    assert events["elsewhere"]["dur"] == 4.0
    assert len({outer["tid"], events["elsewhere"]["tid"], events["apart"]["tid"]}) == 3


def test_nothing_is_recorded_unless_asked_and_a_new_start_forgets(tmp_path: Path) -> None:
    trace = Trace()
    with trace.span("before", 0):
        pass
    trace.start()
    with trace.span("first", 0):
        pass
    trace.stop()
    trace.add("after", 1, 2, 0)
    assert trace.save(tmp_path / "trace.json") == 1
    trace.start()
    assert trace.save(tmp_path / "trace.json") == 0
    assert read_trace(tmp_path / "trace.json") == []


def test_a_block_that_raises_is_recorded_and_raises(tmp_path: Path) -> None:
    trace = Trace()
    trace.start()
    with pytest.raises(KeyError), trace.span("failed", 0):
        raise KeyError
    trace.save(tmp_path / "trace.json")
    assert [event["name"] for event in read_trace(tmp_path / "trace.json")] == ["failed"]


def test_the_newest_spans_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    trace = Trace(capacity=3)
    trace.start()
    for number in range(10):
        trace.add(str(number), number + 1, number + 2, 0)
    trace.save(tmp_path / "trace.json")
    assert [event["name"] for event in read_trace(tmp_path / "trace.json")] == ["7", "8", "9"]
    assert json.loads((tmp_path / "trace.json").read_text())["otherData"]["older spans dropped"] == 7


def test_a_folder_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Trace().save(tmp_path / "file" / "trace.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        Trace().save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


_SAVES = """
import sys
from pathlib import Path
from egorear_ros.tracing import Trace
trace = Trace()
trace.start()
for number in range(20_000):
    trace.add("span", number + 1, number + 2, 0)
print("ready", flush=True)
while True:
    trace.save(Path(sys.argv[1]))
    print("saved", flush=True)
"""


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    process = subprocess.Popen([sys.executable, "-c", _SAVES, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):  # the third line says that the second save, over the first, has begun
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(read_trace(path)) == 20_000
