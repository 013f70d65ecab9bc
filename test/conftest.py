"""What every test gets: visible skips for what this machine lacks, and a ROS domain of its own."""

import importlib.util
import itertools
import logging
import os
import signal
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# Started in the background of a script, a process ignores Ctrl-C and so do all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
DOMAINS = 100
_NUMBERS = itertools.count()
_held_domain: socket.socket | None = None


def shared_folder() -> Path:
    """Return the folder of reference data, which need not exist."""
    return Path(os.environ.get("EGOREAR_SHARED") or REPOSITORY.parent / "shared")


def _installed(*modules: str) -> bool:
    """Return whether modules can be found; folders of the same name in the checkout do not count."""
    specs = [importlib.util.find_spec(module) for module in modules]
    return all(spec is not None and spec.origin is not None for spec in specs)


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _has_gpu() -> bool:
    """Return whether Warp has a GPU; torch may be the build without."""
    if not _installed("warp"):
        return False
    import warp

    return bool(warp.is_cuda_available())


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "ros": (
        cache(lambda: _installed("rclpy", "tf2_msgs") and importlib.util.find_spec("egorear_ros.msg") is not None),
        "needs rclpy and the built messages: `make test`, or colcon in a ROS workspace",
    ),
    "launch": (cache(lambda: _installed("launch", "launch_ros")), "needs ROS's launch packages: a ROS distribution"),
    "cuda": (cache(_has_cuda), "needs a CUDA device"),
    "warp": (cache(lambda: _installed("warp")), "needs NVIDIA Warp: pip install -r requirements/gpu.txt"),
    "gpu": (cache(_has_gpu), "needs NVIDIA Warp and a GPU that it can use"),
    "camera": (cache(lambda: any(Path("/dev").glob("video*"))), "needs a camera: there is no /dev/video*"),
    "shared": (
        cache(lambda: shared_folder().is_dir()),
        "needs the reference data: a folder `shared` beside the checkout, or EGOREAR_SHARED",
    ),
}


def pytest_configure() -> None:
    """Keep ROS on this machine and its logs out of the home folder; let random tests repeat themselves."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    if os.environ.get("ROS_DISTRO") == "humble":  # which does not know the variable above
        os.environ["ROS_LOCALHOST_ONLY"] = "1"
    settings.register_profile("repeatable", derandomize=True, deadline=None)
    settings.register_profile("explore", max_examples=2000, deadline=None)  # HYPOTHESIS_PROFILE=explore: new cases
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
    os.environ.setdefault("ROS_LOG_DIR", str(REPOSITORY / "build" / "test_log"))
    _take_next_domain()


def _take_next_domain() -> None:
    """Choose the ROS domain of nodes that start from now on: 1 to 100, and nobody else's on this machine.

    Two test runs at once would hear each other in a common domain, so a run holds its domain by a name that
    the kernel gives to one process only and takes back when that process ends, however it ends.
    """
    global _held_domain
    for _ in range(DOMAINS):
        number = (os.getpid() * 7 + next(_NUMBERS)) % DOMAINS + 1
        if (held := _hold_domain(number)) is not None:
            if _held_domain is not None:
                _held_domain.close()
            _held_domain = held
            os.environ["ROS_DOMAIN_ID"] = str(number)
            return
    raise RuntimeError(f"all ROS domains from 1 to {DOMAINS} are in use on this machine; end other ROS graphs.")


def _hold_domain(number: int) -> socket.socket | None:
    """Return what holds a ROS domain until it is closed; None if another test run or any ROS node is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * number + 10))  # the first participant of the domain listens here, by RTPS
        except OSError:
            return None
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0egorear_ros_test_domain_{number}")
    except OSError:
        holder.close()
        return None
    return holder


def pytest_collectstart() -> None:
    """Undo what importing `launch` does: later loggers would tell the console and nobody else."""
    logging.setLoggerClass(logging.Logger)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here, saying why; give every ROS test another domain."""
    logging.setLoggerClass(logging.Logger)
    for name, (available, reason) in NEEDS.items():
        if item.get_closest_marker(name) and not available():
            pytest.skip(reason)
    if item.get_closest_marker("ros") or item.get_closest_marker("launch"):
        _take_next_domain()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; for tests marked `shared`."""
    return shared_folder()
