import signal
from pathlib import Path

import pytest
from tiny import Quiet, tiny_settings, tree_hash

from egorear_synth.dataset.clip_list import find_clips
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.generate import WHOLE, generate
from egorear_synth.dataset.ray_workers import RETRIES, RayWorkers, job_for_anywhere, task_needs
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


def test_paths_mean_the_same_in_every_working_folder(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inputs)
    (inputs / "paint").mkdir()
    job = job_for_anywhere(Job(tiny_settings(inputs, textures="paint"), Path("rig.yaml"), Path("set")))
    assert job.settings.textures == str(inputs.absolute() / "paint")
    assert job.rig_file.is_absolute()
    assert job.root.is_absolute()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.bvh").write_text("")
    monkeypatch.chdir(tmp_path)
    assert find_clips("clips") == [("a.bvh", tmp_path / "clips" / "a.bvh")]
    assert job_for_anywhere(Job(tiny_settings(inputs), Path("rig.yaml"), Path("set"))).settings.textures == ""


def test_ray_that_is_not_installed_is_named(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SynthError, match=r"needs the package ray .*pip install '.\[ray\]'"):
        RayWorkers(Job(tiny_settings(inputs), tmp_path, tmp_path), "local")
