"""Data files of `pip install .`: they go to <prefix>/share/egorear_ros. Everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
FOLDERS = ("assets", "calib", "config", "foxglove", "launch", "msg", "rviz")


def data_files() -> list[tuple[str, list[str]]]:
    """Return (target folder, files) for every folder of data, relative to the installation's prefix."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            relative = path.relative_to(ROOT)
            found.setdefault(f"share/egorear_ros/{relative.parent}", []).append(str(relative))
    return list(found.items())


setup(data_files=data_files())
