"""The examples run as a reader would run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def run(example: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "MPLBACKEND": "agg"}
    command = [sys.executable, str(example), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_runs(example: Path) -> None:
    result = run(example)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_projection_of_joints() -> None:
    lines = run(REPOSITORY / "examples" / "01_project_joints.py").stdout.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    assert len(rows) == 16
    # The left wrist is left of the right one in front views, and right of it in rear views.
    assert float(rows["left_wrist"][1].rstrip(",")) < float(rows["right_wrist"][1].rstrip(","))
    assert float(rows["left_wrist"][5].rstrip(",")) > float(rows["right_wrist"][5].rstrip(","))
