"""Checkpoints: our own and the official files, and every way in which a file can be wrong."""

import json
import os
import pickle
import sys
from argparse import Namespace
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PosixPath
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from egorear_ros.models.build import build_network, check_architecture, load_network, rig_for
from egorear_ros.models.checkpoint import (
    Checkpoint,
    CheckpointError,
    CheckpointHeader,
    bundled_weights,
    load_checkpoint,
    read_header,
    save_checkpoint,
)
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


class Hostile:
    """Makes a folder when a pickle of it is opened without care."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def header(tiny: Callable[..., ModelSize], rig: Rig) -> CheckpointHeader:
    return CheckpointHeader(
        "egorear",
        tiny(),
        rig.views,
        training_data="20 synthetic sequences",
        metrics={"mpjpe_mm": 48.5},
        trained_with_missing_views=True,
    )


@pytest.fixture
def saved(tmp_path: Path, tiny_egorear: EgoRear, header: CheckpointHeader) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny_egorear.state_dict(), header)
    return path


@pytest.fixture(scope="module")
def stage_1(rig: Rig) -> dict[str, Tensor]:
    """State dictionary of a published-size heatmap network."""
    torch.manual_seed(0)
    return build_network(CheckpointHeader("egorear_heatmap"), rig).state_dict()


def _lightning(path: Path, state_dict: dict[str, Tensor], prefix: str = "network.", **more: Any) -> Path:
    torch.save({"epoch": 11, "state_dict": {prefix + key: value for key, value in state_dict.items()}, **more}, path)
    return path


def test_round_trip(
    saved: Path, header: CheckpointHeader, tiny_egorear: EgoRear, tiny_images: Tensor, rig: Rig
) -> None:
    checkpoint = load_checkpoint(saved)
    assert checkpoint.header == header == read_header(saved)
    assert checkpoint.model_id.startswith("egorear/model@")
    assert len(checkpoint.digest) == 8
    network = load_network(checkpoint, rig_for(checkpoint, rig)).eval()
    with torch.inference_mode():
        expected, found = tiny_egorear(tiny_images), network(tiny_images)
    assert torch.equal(expected.lift.poses_cm, found.lift.poses_cm)


def test_anybody_may_read_a_file(saved: Path) -> None:
    assert saved.stat().st_mode & 0o444 == 0o444


def test_weights_of_the_package_are_found_by_name(rig: Rig) -> None:
    """They must fit the rig that they are for, whole and in part."""
    assert "egorear-small" in bundled_weights()
    checkpoint = load_checkpoint("egorear-small")
    assert checkpoint.header.trained_with_missing_views
    for views in (rig.views, rig.views[:2], rig.views[1:]):
        part = rig.select(views)
        network = load_network(checkpoint, rig_for(checkpoint, part))
        assert network.size.view_count == len(views)


def test_the_digest_tells_files_of_one_name_apart(saved: Path, header: CheckpointHeader, tiny_egorear: EgoRear) -> None:
    before = load_checkpoint(saved).model_id
    save_checkpoint(saved, tiny_egorear.state_dict(), replace(header, training_data="more"))
    assert load_checkpoint(saved).model_id != before


def test_a_failed_save_leaves_the_previous_file(
    saved: Path, header: CheckpointHeader, tiny_egorear: EgoRear, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full_disk(tensors: Any, path: Path, metadata: Any) -> None:
        Path(path).write_bytes(before[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("egorear_ros.models.checkpoint.save_file", full_disk)
    with pytest.raises(CheckpointError, match=r"model.safetensors: could not be written .*No space left.*untouched"):
        save_checkpoint(saved, tiny_egorear.state_dict(), header)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model.safetensors"]


def test_other_suffixes_are_not_written(tmp_path: Path, header: CheckpointHeader) -> None:
    with pytest.raises(CheckpointError, match=r"model.pth: checkpoints are written as .safetensors"):
        save_checkpoint(tmp_path / "model.pth", {}, header)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing.ckpt: no such file. Set estimator.checkpoint"):
        load_checkpoint(tmp_path / "nothing.ckpt")


def test_an_exported_network_is_not_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "small.onnx").write_bytes(b"onnx")
    with pytest.raises(CheckpointError, match=r"small.onnx: an exported network.*runtime.model.*--onnx"):
        load_checkpoint(tmp_path / "small.onnx")


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
def test_truncated_safetensors(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(CheckpointError, match=r"model.safetensors: not a complete safetensors file .*Copy it again"):
        load_checkpoint(saved)


def test_foreign_safetensors(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match=r"without the header of this project.*egorear checkpoint convert"):
        load_checkpoint(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "its format version is 99, this program reads version 1"),
        ({"units": "m"}, "its units is 'm', this program knows 'cm'"),
        ({"skeleton": "smpl_24"}, "its skeleton is 'smpl_24'"),
        ({"architecture": "hourglass"}, "its architecture is 'hourglass'; known: egorear"),
        ({"colour": "blue"}, r".*unknown entries: \['colour'\]"),
        ({"size": {"depth": 3}}, "model size depth=3"),
        ({"views": ["left"]}, "it names the views left but its size has 4"),
    ],
)
def test_unusable_headers(tmp_path: Path, header: CheckpointHeader, changes: dict[str, Any], message: str) -> None:
    text = json.dumps({**json.loads(header.to_json()), **changes})
    save_file({"weight": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"egorear": text})
    with pytest.raises(CheckpointError, match=rf"odd.safetensors: cannot use this checkpoint: {message}"):
        load_checkpoint(tmp_path / "odd.safetensors")


def test_weights_that_are_not_finite(saved: Path, header: CheckpointHeader, tiny_egorear: EgoRear) -> None:
    state = tiny_egorear.state_dict()
    state["pose3d_estimator.feat_proj.bias"][3] = float("nan")
    save_checkpoint(saved, state, header)
    with pytest.raises(CheckpointError, match=r"1 of 698 tensors hold NaN .*feat_proj.bias.*earlier checkpoint"):
        load_checkpoint(saved)


@pytest.mark.parametrize("prefix", ["network.", "network._orig_mod.", ""])
def test_official_names(tmp_path: Path, stage_1: dict[str, Tensor], rig: Rig, prefix: str) -> None:
    checkpoint = load_checkpoint(_lightning(tmp_path / "official.ckpt", stage_1, prefix))
    assert checkpoint.header.architecture == "egorear_heatmap"
    assert checkpoint.header.views == ()
    network = load_network(checkpoint, rig)
    assert torch.equal(network.state_dict()["conv_heatmap.weight"], stage_1["conv_heatmap.weight"])


def _stub_state(architecture: str, view_count: int, rig: Rig) -> dict[str, Tensor]:
    """State dictionary with the right names and shapes that takes no memory on disk."""
    with torch.device("meta"):
        network = build_network(
            CheckpointHeader(architecture, ModelSize(view_count=view_count)), rig.select(rig.views[:view_count])
        )
    return {key: torch.zeros((), dtype=value.dtype).expand(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize(
    ("architecture", "view_count", "prefix"),
    [
        ("egorear", 4, "network._orig_mod."),
        ("egorear", 2, "network."),
        ("egorear_refinement", 4, "network."),
        ("egorear_refinement", 3, "network."),
        ("egorear_refinement", 2, "network."),
        ("egoposeformer", 2, "model."),
    ],
)
def test_official_files_are_told_apart(
    tmp_path: Path, rig: Rig, architecture: str, view_count: int, prefix: str
) -> None:
    path = _lightning(tmp_path / "official.ckpt", _stub_state(architecture, view_count, rig), prefix)
    header = load_checkpoint(path).header
    assert (header.architecture, header.size) == (architecture, ModelSize(view_count=view_count))


def test_published_baseline_weights_are_announced(tmp_path: Path, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    load_checkpoint(_lightning(tmp_path / "epf.ckpt", _stub_state("egoposeformer", 2, rig), "model."))
    assert "relative to the pelvis" in caplog.text


def test_harmless_hyper_parameters_are_let_in(
    tmp_path: Path, stage_1: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = type("AttributeDict", (dict,), {"__module__": "lightning_fabric.utilities.data"})
    for name in ("lightning_fabric", "lightning_fabric.utilities", "lightning_fabric.utilities.data"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules[attributes.__module__], "AttributeDict", attributes, raising=False)
    hyper = {
        "hyper_parameters": {"network": attributes(dim=256), "args": Namespace(lr=1e-3, root=PosixPath("data"))},
        "callbacks": defaultdict(dict, {"best": OrderedDict(score=1.0)}),
    }
    assert (
        load_checkpoint(_lightning(tmp_path / "official.ckpt", stage_1, **hyper)).header.architecture
        == "egorear_heatmap"
    )


def test_files_that_would_run_code_are_refused(tmp_path: Path, stage_1: dict[str, Tensor]) -> None:
    path = _lightning(tmp_path / "hostile.ckpt", stage_1, hyper_parameters=Hostile(tmp_path / "made"))
    with pytest.raises(CheckpointError, match=r"hostile.ckpt: refused, because .*posix.mkdir.*weights_only=False"):
        load_checkpoint(path)
    assert not (tmp_path / "made").exists()


def test_a_hostile_bare_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.ckpt"
    path.write_bytes(pickle.dumps(Hostile(tmp_path / "made"), protocol=2))
    with pytest.raises(CheckpointError, match=r"bare.ckpt: "):
        load_checkpoint(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999])
def test_truncated_official_file(tmp_path: Path, stage_1: dict[str, Tensor], kept: float) -> None:
    path = _lightning(tmp_path / "official.ckpt", {"conv_heatmap.weight": stage_1["conv_heatmap.weight"]})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(CheckpointError, match=r"official.ckpt: not a (complete PyTorch file|PyTorch checkpoint)"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3}, "expected a Lightning checkpoint with a `state_dict`, found a dict with epoch"),
        ([1, 2], "expected a Lightning checkpoint with a `state_dict`, found a list"),
        ({"state_dict": {}}, "expected a Lightning checkpoint"),
        ({"state_dict": {"fc.weight": torch.zeros(2)}}, "none of its 1 tensors belongs to a network of this project"),
    ],
)
def test_other_pytorch_files(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=rf"other.ckpt: {message}"):
        load_checkpoint(tmp_path / "other.ckpt")


def _tiny_checkpoint(header: CheckpointHeader, state: dict[str, Tensor]) -> Checkpoint:
    return Checkpoint(Path("tiny.safetensors"), "0", header, state)


def test_missing_unexpected_and_misshapen_tensors_are_named(
    header: CheckpointHeader, tiny_egorear: EgoRear, rig: Rig
) -> None:
    state = dict(tiny_egorear.state_dict())
    del state["pose3d_estimator.feat_proj.bias"]
    state["surplus"] = torch.zeros(1)
    state["pose3d_estimator.feat_proj.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        load_network(_tiny_checkpoint(header, state), rig)
    text = str(caught.value)
    assert "tiny.safetensors: does not fit the 4-view pose network" in text
    assert "1 tensors missing (pose3d_estimator.feat_proj.bias)" in text
    assert "1 tensors unexpected (surplus)" in text
    assert "1 tensors of another shape (pose3d_estimator.feat_proj.weight)" in text


def test_the_wrong_stage_is_named(header: CheckpointHeader) -> None:
    stage_2 = _tiny_checkpoint(replace(header, architecture="egorear_refinement"), {})
    with pytest.raises(
        CheckpointError, match=r"holds weights of egorear_refinement, .*stage 2.*expected egorear, .*stage 3"
    ):
        check_architecture(stage_2, "egorear")
    check_architecture(_tiny_checkpoint(header, {}), "egorear")


def test_other_views_are_named(header: CheckpointHeader, rig: Rig, tiny: Callable[..., ModelSize]) -> None:
    front = rig.select(("front_left", "front_right"))
    with pytest.raises(
        CheckpointError,
        match=r"is for the views front_left, .*back_right, but rig ego4view_syn .* has front_left, front_right",
    ):
        rig_for(_tiny_checkpoint(header, {}), front)
    unnamed = _tiny_checkpoint(replace(header, views=(), size=tiny(2)), {})
    with pytest.raises(
        CheckpointError, match=r"is for 2 views, but rig .* has front_left, .*Choose weights for 4 views"
    ):
        rig_for(unnamed, rig)


def test_cameras_are_put_into_the_order_of_the_model(header: CheckpointHeader, rig: Rig) -> None:
    shuffled = rig.select(("back_right", "front_right", "front_left", "back_left"))
    assert rig_for(_tiny_checkpoint(header, {}), shuffled).views == rig.views
    # Official files do not name their views: Ego4View's names are put into Ego4View's order.
    unnamed = _tiny_checkpoint(replace(header, views=()), {})
    assert rig_for(unnamed, shuffled).views == rig.views


def test_legacy_geometry_is_asked_for_where_the_file_does_not_say(
    tmp_path: Path, saved: Path, stage_1: dict[str, Tensor]
) -> None:
    official = _lightning(tmp_path / "official.ckpt", stage_1)
    assert not load_checkpoint(official).header.legacy_syn_geometry
    assert load_checkpoint(official, legacy_syn_geometry=True).header.legacy_syn_geometry
    with pytest.raises(CheckpointError, match=r"was trained with correct geometry, but estimator.legacy_syn_geometry"):
        load_checkpoint(saved, legacy_syn_geometry=True)


def test_legacy_geometry_stays_with_converted_weights(
    saved: Path, header: CheckpointHeader, tiny_egorear: EgoRear, rig: Rig
) -> None:
    save_checkpoint(saved, tiny_egorear.state_dict(), replace(header, legacy_syn_geometry=True))
    network = load_network(load_checkpoint(saved), rig)
    assert isinstance(network, EgoRear)
    assert network.pose3d_estimator.project.legacy_syn_geometry
