"""`egorear train`: mistakes end with exit status 1 and a sentence, never with a stack trace."""

from pathlib import Path

import pytest

pytest.importorskip("lightning")

from egorear_ros.cli import main

RECIPE = """
model:
  class_path: PoseStage
  init_args:
    size: {image_size: 64}
data: {batch_size: 2}
"""

MISTAKES = {
    "unknown setting of the stage": (("size: {", "sizee: {"), "Did you mean `size`?"),
    "unknown size": (("image_size", "imagesize"), "Did you mean `image_size`?"),
    "unknown setting of the data": (("batch_size", "batchsize"), "Did you mean `batch_size`?"),
    "unknown group": (("data:", "dataa:"), "'dataa"),
    "unknown stage": (("PoseStage", "PoseStag"), "there is no stage PoseStag; class_path is one of EgoPoseFormerStage"),
    "wrong type": (("batch_size: 2", "batch_size: two"), "data.batch_size"),
    "no weights to begin with": (("x", "x"), "model.refinement is empty; expected stage 2's checkpoint"),
    "unknown rig": (("size: {", "rig: ego4view_sin\n    size: {"), "Did you mean ego4view_syn?"),
    "unknown view": (("size: {", "views: [front_left, top]\n    size: {"), "model.views is front_left, top; expected"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_recipe(mistake: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (old, new), message = MISTAKES[mistake]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace(old, new))
    assert main(["train", "fit", "--config", str(recipe), "--trainer.default_root_dir", str(tmp_path)]) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert "Union" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit"], "no stage is named. Give a recipe"),
        (["fit", "--config", "RECIPE", "--modle.rig", "x"], "Did you mean `model`?"),
        (["fit", "--config", "RECIPE", "--trainer.precision", "bf17"], "trainer.precision is bf17; expected int or"),
        (["fit", "--config", "RECIPE", "--trainer.max_epochs", "few"], "trainer.max_epochs is few; expected int."),
        (["fit", "--config", "SMALL", "--trainer.devices", "0"], "settings of the trainer (--trainer.*): "),
        (["fit", "--config", "SMALL", "--checkpoint_every", "0"], "checkpoint_every is 0; expected 1 step or more."),
        (["fit", "--config", "SMALL", "--data.batch_size", "0"], "data.batch_size is 0; expected 1 or more."),
        (["fit", "--config", "SMALL", "--data.workers", "-1"], "data.workers is -1; expected 0"),
        (["fit", "--config", "SMALL", "--model.view_drop", "2"], "model.view_drop is 2; expected a share"),
        (["fit", "--config", "SMALL", "--model.mirror", "-1"], "model.mirror is -1; expected a share"),
        (["fit", "--config", "SMALL", "--model.pose_weight", "-1"], "model.pose_weight is -1; expected a number that"),
        (["fit", "--config", "SMALL", "--model.average_decay", "1"], "model.average_decay is 1; expected 0 or more"),
        (["fit", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["fit", "--config", "RECIPE", "--trainer.max_epoch", "3"], "Did you mean `max_epochs`?"),
        (["validate", "--config", "RECIPE", "--ckpt_path", "best"], "has no such checkpoint. Train it first."),
        (["test", "--config", "RECIPE"], "test needs trained weights: --ckpt_path best, last or a .ckpt"),
        (["fit", "--config", "RECIPE", "--ckpt_path", "x.ckpt"], "ckpt_path is x.ckpt, no such file"),
        (["export", "nowhere.ckpt", "--out", "x.safetensors"], "nowhere.ckpt: no such file"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    small = tmp_path / "small.yaml"
    small.write_text(RECIPE.replace("PoseStage", "SmallPoseStage"))
    files = {"RECIPE": str(recipe), "SMALL": str(small)}
    assert main(["train", *(files.get(word, word) for word in arguments)]) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def test_a_finished_run_is_not_overwritten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    (tmp_path / "last.ckpt").touch()
    assert main(["train", "fit", "--config", str(recipe), "--trainer.default_root_dir", str(tmp_path)]) == 1
    assert "holds a run already. Go on with it: --ckpt_path last." in capfd.readouterr().err


def test_a_run_of_another_stage_is_not_gone_on_with(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The message names the option that was given, not the setting through which the weights come."""
    import torch

    from egorear_ros.models.header import CheckpointHeader
    from egorear_ros.models.official import HEADER_KEY

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    content = {"state_dict": {"network.a": torch.zeros(1)}, HEADER_KEY: CheckpointHeader("egorear_small").to_json()}
    torch.save(content, tmp_path / "last.ckpt")
    words = ["--trainer.default_root_dir", str(tmp_path), "--ckpt_path", "last"]
    assert main(["train", "fit", "--config", str(recipe), *words]) == 1
    errors = capfd.readouterr().err
    assert f"ckpt_path is {tmp_path / 'last.ckpt'}, which holds weights of egorear_small" in errors


def test_help_is_lightnings(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "fit", "--help"])
    assert stop.value.code == 0
    assert "--data.batch_size" in capfd.readouterr().out


def test_the_package_does_not_import_lightning() -> None:
    import subprocess
    import sys

    program = (
        "import sys, egorear_ros.cli, egorear_ros.commands.train, egorear_ros.models.build; "
        "sys.exit('lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
