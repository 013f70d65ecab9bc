"""Rows of an ablation say how their weights were trained."""

from dataclasses import replace
from pathlib import Path

import torch
from report_data import RIG

from egorear_eval.retrained import header_differences, how_trained
from egorear_eval.switches import switched_estimator
from egorear_ros.models.checkpoint import save_checkpoint
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.small.network import SMALL, EgoRearSmall

TINY = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
FULL = CheckpointHeader("egorear_small", TINY, RIG.views, trained_with_missing_views=True)
FRONT = RIG.views[:2]


def test_differences_in_words() -> None:
    assert header_differences(FULL, FULL) == []
    assert header_differences(replace(FULL, absent=("mask",)), FULL) == ["without mask"]
    assert header_differences(FULL, replace(FULL, absent=("mask",))) == ["with mask"]
    assert header_differences(replace(FULL, trained_with_missing_views=False), FULL) == ["no views dropped"]
    pair = replace(FULL, views=FRONT, size=replace(TINY, view_count=2))
    assert header_differences(pair, FULL) == ["with front_left + front_right alone"]


def test_weights_of_two_views_see_these_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    files = {}
    for name, rig, header in (
        ("full", RIG, FULL),
        ("pair", RIG.select(FRONT), replace(FULL, views=FRONT, size=replace(TINY, view_count=2))),
    ):
        files[name] = str(tmp_path / f"{name}.safetensors")
        save_checkpoint(files[name], EgoRearSmall(header.size, rig).state_dict(), header)
    assert (
        how_trained(files["pair"], files["full"]) == "retrained, with front_left + front_right alone: pair.safetensors"
    )
    assert switched_estimator(files["pair"], RIG, device="cpu").views == FRONT
    assert switched_estimator(files["full"], RIG, device="cpu").views == RIG.views
