import sys
from pathlib import Path

import pytest

# `tiny` and `skeletons` are helpers of tests, not packages.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "clips")]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a rig and clips."""
    from tiny import tiny_settings

    folder = tmp_path_factory.mktemp("inputs")
    tiny_settings(folder)
    return folder


@pytest.fixture(scope="session")
def finished(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished data set of three sequences; tests must not change it."""
    from tiny import make, tiny_settings

    root = tmp_path_factory.mktemp("finished") / "set"
    make(tiny_settings(inputs), root)
    return root
