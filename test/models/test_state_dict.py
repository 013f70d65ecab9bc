"""State dictionaries have the published names and shapes, so that published weights fit."""

import json
from pathlib import Path

import pytest
import torch

from egorear_ros.models.build import build_network
from egorear_ros.models.checkpoint import CheckpointHeader
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig

KEYS = Path(__file__).parents[1] / "data" / "golden" / "keys"


@pytest.mark.parametrize(
    ("file", "architecture", "view_count"),
    [
        ("ego4view_rw_pose3d", "egorear", 4),
        ("ego4view_rw_pose3d_stereo_front", "egorear", 2),
        ("ego4view_rw_heatmap_mvfex-n1_jqa", "egorear_refinement", 4),
        ("ego4view_rw_heatmap_mvfex-n1_jqa_stereo_front", "egorear_refinement", 2),
        ("3view_heatmap_mvfex", "egorear_refinement", 3),
        ("ego4view_rw_heatmap_stereo_front", "egorear_heatmap", 2),
        ("ego4view_rw_heatmap_stereo_back", "egorear_heatmap", 2),
        ("egoposeformer_unrealego_pose3d", "egoposeformer", 2),
    ],
)
def test_names_and_shapes(file: str, architecture: str, view_count: int, rig: Rig) -> None:
    published = {name: tuple(shape) for name, shape in json.loads((KEYS / f"{file}.json").read_text()).items()}
    header = CheckpointHeader(architecture, ModelSize(view_count=view_count))
    with torch.device("meta"):
        network = build_network(header, rig.select(rig.views[:view_count]))
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == published


@pytest.mark.parametrize(("view_count", "parameters"), [(4, 126_047_857), (2, 42_242_357)])
def test_parameter_count(view_count: int, parameters: int, rig: Rig) -> None:
    header = CheckpointHeader("egorear", ModelSize(view_count=view_count))
    with torch.device("meta"):
        network = build_network(header, rig.select(rig.views[:view_count]))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
