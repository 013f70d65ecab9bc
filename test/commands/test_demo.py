"""`egorear demo`: what it prints and leaves, also when things go wrong, with the graph in real processes."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import rig_data
import yaml

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.origin import read_rig

pytestmark = pytest.mark.ros


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """Small images for four cameras and a small model, as a parameter file."""
    for view in rig_data.VIEWS:
        (tmp_path / "frames" / view).mkdir(parents=True)
        for index in range(3):
            (tmp_path / "frames" / view / f"{index}.jpg").write_bytes(rig_data.jpeg(128, 128, grey=60 + 40 * index))
    sections = {
        "/**": {"source": {"kind": "images", "path": str(tmp_path / "frames"), "rate_hz": 5.0}},
        "/**/sync": {"max_wait_ms": 2000.0},
        "/**/pose": {"estimator": {"checkpoint": str(rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors"))}},
    }
    path = tmp_path / "demo.yaml"
    path.write_text(yaml.safe_dump({name: {"ros__parameters": values} for name, values in sections.items()}))
    return path


class Demo:
    """One `egorear demo`, its output, and the processes that it started."""

    def __init__(self, picture: Path, *arguments: str) -> None:
        self.picture = picture
        command = [sys.executable, "-m", "egorear_ros.cli", "demo", f"--picture={picture}", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._seen: set[int] = set()

    def descendants(self) -> list[int]:
        """Return the living processes that the demo has started, directly or not."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                if fields[0] != "Z":
                    parents[int(stat.parent.name)] = int(fields[1])
        family = {self.process.pid}
        while grown := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= grown
        self._seen |= family - {self.process.pid}
        return [pid for pid in self._seen if pid in parents]

    def wait_for_nodes(self, count: int) -> None:
        """Wait until the demo has started at least this many processes."""
        until(lambda: len(self.descendants()) >= count, "processes of the graph")

    def wait_for_log(self, text: str) -> None:
        """Wait for a line in the log of the nodes."""
        log = self.picture.with_suffix(".log")

        def found() -> bool:
            ended = self.process.poll() is not None  # before the look at the log, which may get its last lines now
            content = log.read_text(errors="replace") if log.is_file() else ""
            if text not in content and ended:
                pytest.fail(f"the demo ended without {text!r} in its log:\n{content[-3000:]}")
            return text in content

        until(found, f"{text!r} in {log}")

    def wait_for_output(self, pattern: "re.Pattern[str]") -> None:
        """Read the output until a line matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if pattern.search(line):
                return
        pytest.fail(f"ended without {pattern.pattern!r}")

    def finish(self, timeout_s: float = 400.0) -> tuple[int, str]:
        """Return the exit status and the output."""
        output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output

    def assert_nothing_left(self) -> None:
        """Fail if a process of the graph outlives the demo."""
        until(lambda: not self.descendants(), "the end of all processes")

    def kill(self) -> None:
        """Leave nothing behind, whatever the test found."""
        for pid in [*self.descendants(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def until(condition: Callable[[], Any], what: str, timeout_s: float = 300.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def begin(*arguments: Any) -> Demo:
        demos.append(Demo(tmp_path / "out" / "demo.png", *map(str, arguments)))
        return demos[-1]

    yield begin
    for demo in demos:
        demo.kill()


@pytest.mark.slow
@pytest.mark.parametrize("separate", [False, True])
def test_it_ends_by_itself_with_a_summary_and_a_picture(
    start: Callable[..., Demo], params: Path, separate: bool, tmp_path: Path
) -> None:
    bag = tmp_path / "ride"
    demo = start("--config", params, "--duration", 6, "--record", bag, *(["--separate"] if separate else []))
    demo.wait_for_nodes(7 if separate else 1)
    status, output = demo.finish()
    assert status == 0, output
    assert f"Recording: {bag}: " in output
    with open_bag(bag) as recording:
        counts = Counter(message.topic.name for message in recording.messages())
        assert read_rig(recording.custom, bag) is not None
    assert {f"/{view}/image_raw/compressed" for view in rig_data.VIEWS} | {"/tf_static", "/body_pose"} <= set(counts)
    assert counts["/front_left/image_raw/compressed"] >= 3
    assert str(demo.picture) in output
    assert "Summary" in output
    assert "UNTRAINED" not in output
    picture = cv2.imread(str(demo.picture))
    assert picture is not None
    cell = picture.shape[0] // 3
    assert int(picture[cell // 2 + 25, cell // 4, 0]) in (60, 100, 140), "the camera's image is in the picture"
    demo.assert_nothing_left()


@pytest.mark.slow
def test_ctrl_c_ends_everything_and_still_leaves_the_picture(start: Callable[..., Demo], params: Path) -> None:
    demo = start("--config", params)
    demo.wait_for_log("[pose]: running")
    demo.wait_for_output(re.compile(r"poses [1-9]\d* seen"))
    os.killpg(demo.process.pid, signal.SIGINT)
    status, output = demo.finish()
    assert status == 0, output
    assert "Traceback" not in output
    assert demo.picture.is_file()
    demo.assert_nothing_left()


@pytest.mark.slow
@pytest.mark.parametrize("separate", [False, True])
def test_nothing_is_left_when_the_demo_is_killed(start: Callable[..., Demo], params: Path, separate: bool) -> None:
    demo = start("--config", params, *(["--separate"] if separate else []))
    demo.wait_for_nodes(7 if separate else 1)
    demo.wait_for_log("running")
    demo.descendants()
    demo.process.kill()
    demo.assert_nothing_left()


@pytest.mark.slow
def test_a_graph_that_dies_is_told_with_the_end_of_its_log(start: Callable[..., Demo], params: Path) -> None:
    demo = start("--config", params)
    demo.wait_for_log("[sync]: running")
    (graph,) = demo.descendants()
    os.kill(graph, signal.SIGKILL)
    status, output = demo.finish()
    assert status == 1
    assert "the graph ended with SIGKILL" in output
    assert "[sync]: running" in output


@pytest.mark.slow
def test_without_a_pose_it_fails_and_says_why(start: Callable[..., Demo], params: Path, tmp_path: Path) -> None:
    other = rig_data.tiny_checkpoint(tmp_path / "front.safetensors", views=rig_data.VIEWS[:2])
    demo = start("--config", params, "--checkpoint", other)
    demo.wait_for_log("front.safetensors")
    os.kill(demo.process.pid, signal.SIGTERM)
    status, output = demo.finish()
    assert status == 1
    assert "stopped before the first pose" in output
    assert "front.safetensors" in output
    assert not demo.picture.exists()


def test_a_mistake_is_told_before_anything_starts(start: Callable[..., Demo]) -> None:
    demo = start("--config", "nowhere")
    status, output = demo.finish()
    assert status == 1
    assert "nowhere.yaml" in output
    assert not demo.picture.with_suffix(".log").exists()
