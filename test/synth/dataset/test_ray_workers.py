import signal
from pathlib import Path

import pytest
from tiny import Quiet, tiny_settings, tree_hash

from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.generate import WHOLE, generate
from egorear_synth.dataset.ray_workers import RETRIES, RayWorkers, task_needs
from egorear_synth.dataset.workers import Job


@pytest.mark.slow
def test_a_ray_cluster_makes_the_same_bytes(
    inputs: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs ray: pip install -r requirements/ray.txt")
    # Ray's processes are very polite by default: beside other work they would hardly get on.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    quiet, ends = Quiet(), signal.getsignal(signal.SIGTERM)
    generate(tiny_settings(inputs), tmp_path / "set", 3, quiet, 1, WHOLE, "local")
    assert quiet.frames == 3 * 2
    assert signal.getsignal(signal.SIGTERM) is ends
    assert tree_hash(tmp_path / "set") == tree_hash(finished)


def test_only_sequences_on_a_gpu_ask_for_a_part_of_one(inputs: Path) -> None:
    assert task_needs(tiny_settings(inputs)) == {"num_cpus": 1, "max_retries": RETRIES}
    assert 0 < task_needs(tiny_settings(inputs, renderer="warp"))["num_gpus"] < 0.1
    assert "num_gpus" not in task_needs(tiny_settings(inputs, renderer="warp", device="cpu"))


def test_ray_that_is_not_installed_is_named(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SynthError, match=r"needs the package ray .*pip install 'egorear_ros\[ray\]'"):
        RayWorkers(Job(tiny_settings(inputs), tmp_path, tmp_path), "local")
