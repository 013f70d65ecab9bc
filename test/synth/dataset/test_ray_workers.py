from pathlib import Path

import pytest
from tiny import Quiet, tiny_settings, tree_hash

from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.generate import WHOLE, generate
from egorear_synth.dataset.ray_workers import RayWorkers
from egorear_synth.dataset.workers import Job


def test_a_ray_cluster_makes_the_same_bytes(inputs: Path, finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs ray: pip install 'egorear_ros[ray]'")
    quiet = Quiet()
    generate(tiny_settings(inputs), tmp_path / "set", 3, quiet, 1, WHOLE, "local")
    assert quiet.frames == 3 * 2
    assert tree_hash(tmp_path / "set") == tree_hash(finished)


def test_ray_that_is_not_installed_is_named(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SynthError, match=r"needs the package ray .*pip install 'egorear_ros\[ray\]'"):
        RayWorkers(Job(tiny_settings(inputs), tmp_path, tmp_path), "local")
