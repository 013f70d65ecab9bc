"""The recipes: keys exist, checkpoints to begin with are other recipes', and `_fixed` says how it differs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("lightning")

from jsonargparse import ActionConfigFile
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser

from egorear_ros.models.build import EGO4VIEW_VIEWS
from egorear_train.data import FrameSetData
from egorear_train.datasets.frames import QUIRKS
from egorear_train.stages import Stage

FOLDER = Path(__file__).parents[2] / "config" / "train"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PUBLISHED = {
    f"ego4view_{data}_{experiment}"
    for data in ("syn", "rw")
    for experiment in (
        "heatmap_stereo_front",
        "heatmap_stereo_back",
        "heatmap_mvfex-n1_jqa",
        "heatmap_mvfex-n1_jqa_stereo_front",
        "pose3d",
        "pose3d_stereo_front",
    )
}
BEGINS_WITH = {
    "front": "HeatmapStage",
    "back": "HeatmapStage",
    "encoder": "HeatmapStage",
    "refinement": "RefinementStage",
}


@pytest.fixture(scope="module")
def parser() -> LightningArgumentParser:
    made = LightningArgumentParser(exit_on_error=False)
    made.add_argument("--config", action=ActionConfigFile)
    made.add_argument("--checkpoint_every", type=int, default=500)
    made.add_argument("--pictures_every", type=int, default=1)
    made.add_argument("--seed_everything", type=int, default=42)
    made.add_lightning_class_args(Trainer, "trainer")
    made.add_lightning_class_args(Stage, "model", subclass_mode=True)
    made.add_lightning_class_args(FrameSetData, "data")
    return made


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def views_of(name: str) -> list[str]:
    recipe = read(name)
    default = EGO4VIEW_VIEWS[:2] if recipe["model"]["class_path"] == "HeatmapStage" else EGO4VIEW_VIEWS
    return list(recipe["model"]["init_args"].get("views", default))


def test_every_published_experiment_has_its_recipe() -> None:
    assert set(RECIPES) >= PUBLISHED


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_of_a_recipe_exists(name: str, parser: LightningArgumentParser) -> None:
    parsed = parser.parse_path(str(FOLDER / f"{name}.yaml"))
    recipe = read(name)
    for key, value in recipe["model"]["init_args"].items():
        found = parsed.model.init_args[key]
        if not isinstance(value, dict):
            assert found == value, key
    assert parsed.data.batch_size == recipe["data"].get("batch_size", 32)
    assert set(parsed.data.quirks) <= set(QUIRKS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_begins_with_what_another_one_makes(name: str) -> None:
    settings = read(name)["model"]["init_args"]
    for key, stage in BEGINS_WITH.items():
        if path := settings.get(key):
            earlier = Path(path).parent.name
            assert path == f"out/train/{earlier}/last.ckpt"
            assert read(earlier)["model"]["class_path"] == stage
            assert read(earlier)["model"]["init_args"].get("rig") == settings.get("rig")
            wanted = views_of(name)
            if key in ("front", "back"):
                wanted = wanted[:2] if key == "front" else wanted[2:]
            assert views_of(earlier) == wanted
            assert read(earlier)["data"]["roots"] == read(name)["data"]["roots"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("_fixed")])
def test_a_fixed_recipe_says_from_what_it_differs(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    comment = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"Differs from {name.removesuffix('_fixed')}:" in comment
    assert read(name) != read(name.removesuffix("_fixed"))


def test_published_recipes_keep_the_published_faults() -> None:
    for name in PUBLISHED:
        settings, data = read(name)["model"]["init_args"], read(name)["data"]
        assert not settings.get("train_base_path")
        assert "heatmap_loss" not in settings
        assert bool(settings.get("legacy_syn_geometry")) == name.startswith("ego4view_syn_pose3d")
        assert ("quirks" in data) == name.startswith("ego4view_syn_heatmap_stereo_")
        assert data.get("batch_size", 32) == (32 if "pose3d" in name else 64)


@pytest.mark.parametrize("views", ["", "_stereo_front"])
@pytest.mark.parametrize("data", ["syn", "rw"])
def test_refinement_is_all_that_a_plugged_in_recipe_of_egotap_changes(data: str, views: str) -> None:
    plain, refined = read(f"ego4view_{data}_egotap{views}"), read(f"ego4view_{data}_egotap_mvfex-n1_jqa{views}")
    assert plain["model"].pop("class_path") == "EgoTapStage"
    assert refined["model"].pop("class_path") == "RefinedEgoTapStage"
    assert plain == refined
    egoposeformer = read(f"ego4view_{data}_egoposeformer_mvfex-n1_jqa{views}")["model"]
    assert egoposeformer.pop("class_path") == "RefinedEgoPoseFormerStage"
    assert egoposeformer == plain["model"]


def test_names_of_runs_are_distinct() -> None:
    assert len(RECIPES) == len(set(RECIPES)) >= 30
