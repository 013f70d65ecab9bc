"""Parts switched off at inference, and the tables that say what they are worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from report_data import RIG, walk

from egorear_eval.ablation import CONFIDENCES, Variant, ablation_table, confidence_table, smoothed
from egorear_eval.clip import EvaluationError
from egorear_eval.scores import jitter_mm
from egorear_eval.switches import switched_estimator, without_mask, without_refinement
from egorear_ros.config import SmoothingConfig
from egorear_ros.models.checkpoint import save_checkpoint
from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall

TINY = ModelSize(image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
TINY_SMALL = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)


def images(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def small(*, refine: bool = True, mask: bool = True) -> EgoRearSmall:
    torch.manual_seed(1)
    network = EgoRearSmall(TINY_SMALL, RIG, refine=refine, mask=mask).eval()
    torch.nn.init.normal_(network.refiner.filter.weight, std=0.3)
    return network


def test_the_small_network_without_refinement_is_one_built_without() -> None:
    network, plain = small(), EgoRearSmall(TINY_SMALL, RIG, refine=False).eval()
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith("refiner.layers.")}
    plain.load_state_dict(weights)
    with torch.no_grad():
        full = network(images()).lift.joints_cm
        without_refinement(network)
        switched = network(images()).lift.joints_cm
        torch.testing.assert_close(switched, plain(images()).lift.joints_cm)
    assert not torch.equal(full, switched)


def test_the_small_network_without_mask_is_one_built_without() -> None:
    network, plain = small(), small(mask=False)
    with torch.no_grad():
        full = network(images()).lift.joints_cm
        without_mask(network)
        switched = network(images()).lift.joints_cm
        torch.testing.assert_close(switched, plain(images()).lift.joints_cm)
    assert not torch.equal(full, switched)


def test_the_published_network_proposes_from_first_features() -> None:
    torch.manual_seed(2)
    network = EgoRear(TINY, RIG).eval()
    with torch.no_grad():
        full = network(images()).lift.joints_cm
        encoded = network.heatmap_estimator.encode(images())
        expected = network.pose3d_estimator(encoded.features, encoded.features).joints_cm
        without_refinement(network)
        switched = network(images()).lift.joints_cm
    torch.testing.assert_close(switched, expected)
    assert not torch.equal(full, switched)


def test_the_published_network_listens_to_every_peak_but_to_no_missing_view() -> None:
    torch.manual_seed(3)
    network = EgoRear(TINY, RIG).eval()
    heard: list[torch.Tensor] = []
    refiner = network.heatmap_estimator.get_submodule(network.heatmap_estimator.refiner_names[0])
    without_mask(network)
    refiner.register_forward_pre_hook(lambda _, args: heard.append(args[4]))
    mask = torch.tensor([[True, True, True, False]] * 2)
    with torch.no_grad():
        first = network(images(), view_mask=mask).lift.joints_cm
        changed = images()
        changed[:, 3] += 1.0
        torch.testing.assert_close(network(changed, view_mask=mask).lift.joints_cm, first)
    assert heard[0][:, :3].all() and not heard[0][:, 3].any()


def test_networks_without_such_parts_are_refused() -> None:
    network = EgoPoseFormer(TINY, RIG)
    for switch in (without_refinement, without_mask):
        with pytest.raises(EvaluationError, match="EgoPoseFormer has no"):
            switch(network)


def test_weights_that_were_trained_without_refinement_load(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    header = CheckpointHeader("egorear_small", TINY_SMALL, RIG.views, absent=("refinement",))
    save_checkpoint(path, small(refine=False).state_dict(), header)
    switched_estimator(str(path), RIG, device="cpu").warm_up()
    with pytest.raises(EvaluationError, match="EgoRearSmall has no refinement to switch off"):
        switched_estimator(str(path), RIG, switch="refinement", device="cpu")


def test_rows_are_paired_with_the_full_method() -> None:
    clips = [walk("a", 20, seed=1), walk("b", 20, seed=2)]
    worse = [replace(clip, predicted=clip.truth + 1.5 * (clip.predicted - clip.truth)) for clip in clips]
    table = ablation_table(
        "Parts", [Variant("full", "model", clips), Variant("less", "switched off at inference", worse)]
    )
    header, _, full, less = (line for line in table.splitlines() if line.startswith("|"))
    assert len({line.count("|") for line in (header, full, less)}) == 1
    mean = float(np.mean([1000 * np.linalg.norm(clip.predicted - clip.truth, axis=-1) for clip in clips]))
    assert f"| {mean:.1f} |" in full and f"**+{0.5 * mean:.2f} [" in less and "switched off at inference" in less


def test_confident_joints_are_better() -> None:
    clips = [walk("a", 50)]
    rows = [line.split("|")[1:-1] for line in confidence_table(clips).splitlines() if line.startswith("| 0")]
    assert len(rows) == len(CONFIDENCES)
    kept, errors = [float(row[1]) for row in rows], [float(row[2]) for row in rows]
    assert kept[0] == 100.0 and kept == sorted(kept, reverse=True) and errors == sorted(errors, reverse=True)
    silent = replace(clips[0], confidences=np.full((50, 16), np.nan))
    assert "gives none" in confidence_table([silent])


def test_smoothing_calms_and_starts_anew_after_gaps() -> None:
    clip = walk("a", 40)
    config = SmoothingConfig()
    quick = smoothed([clip], {"a": [index * 33_000_000 for index in range(40)]}, config)[0]
    assert jitter_mm(quick.predicted).mean() < 0.7 * jitter_mm(clip.predicted).mean()
    slow = smoothed([clip], {"a": [index * 10**9 for index in range(40)]}, config)[0]
    np.testing.assert_array_equal(slow.predicted, clip.predicted)
