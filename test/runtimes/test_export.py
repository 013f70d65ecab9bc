"""ONNX files: any batch, described, verified, whole or not there at all."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.factory import make_runtime, own_extrinsics
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_export import ExportError, export_onnx
from egorear_ros.runtimes.onnx_file import metadata_of, read_onnx
from egorear_ros.runtimes.onnx_verify import WORST_MM, verify_onnx
from egorear_ros.runtimes.quantise import quantise_onnx

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def config(name: str, path: Path, **changes: Any) -> RuntimeConfig:
    return replace(RuntimeConfig(name=name, model=str(path), device="cpu", threads=1), **changes)


@contextmanager
def full_disk(bytes_left: int) -> Iterator[None]:
    """No file of this process may grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ModelIdentity, Path]:
    """A small network and its file."""
    network = tiny.tiny_network("small")
    identity = tiny.tiny_identity(network)
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    export_onnx(network, identity, path)
    return network, identity, path


# That the joints of all networks and batches are right is in test_engines.py.
@pytest.mark.parametrize(("name", "extrinsics"), [("egoposeformer", True), ("small", False)])
def test_files_are_for_any_batch(name: str, extrinsics: bool, tmp_path: Path) -> None:
    network = tiny.tiny_network(name)
    identity, path = tiny.tiny_identity(network), tmp_path / "model.onnx"
    export_onnx(network, identity, path, extrinsics=extrinsics)
    found = verify_onnx(path, network, identity, "fp32")  # batches of 1, 2 and 3, some with views missing
    assert found.frame_sets == 6
    assert 0.0 < found.worst_mm < WORST_MM
    inputs = {entry.name: entry.type.tensor_type.shape.dim[0].dim_param for entry in read_onnx(path).graph.input}
    expected = {"images", "view_mask"} | ({"T_camera_device"} if extrinsics else set())
    assert inputs == dict.fromkeys(expected, "batch")


def test_files_say_what_they_are(small: tuple[Any, ModelIdentity, Path]) -> None:
    _, identity, path = small
    metadata = metadata_of(read_onnx(path))
    assert ModelIdentity.from_metadata(metadata) == identity
    assert metadata["precision"] == "fp32"
    assert "joints_cm and scale_cm in cm" in metadata["units"]
    assert "mean (0.485, 0.456, 0.406)" in metadata["images"]
    assert metadata["joints"].startswith("head, neck, left_shoulder")
    assert {"egorear_ros", "torch", "skeleton", "heatmap_joints", "view_mask"} <= set(metadata)


def test_a_file_that_does_not_agree_is_not_kept(tmp_path: Path) -> None:
    network, other = tiny.tiny_network(seed=0), tiny.tiny_network(seed=1)
    identity, path = tiny.tiny_identity(network), tmp_path / "model.onnx"
    with pytest.raises(ExportError, match="verification failed: joints of 6 frame sets are .* mm off.*not kept"):
        export_onnx(network, identity, path, finish=lambda file: verify_onnx(file, other, identity, "fp32") and None)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    network = tiny.tiny_network()
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with full_disk(20_000), pytest.raises(ExportError, match=r"model.onnx: could not be written .*untouched"):
        export_onnx(network, tiny.tiny_identity(network), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"before"


def test_a_named_file_is_run_and_one_of_another_model_refused(small: tuple[Any, ModelIdentity, Path]) -> None:
    network, identity, path = small
    runtime = make_runtime(network, config("onnxruntime", path), identity)
    images = tiny.tiny_images(3)
    expected = make_runtime(network, RuntimeConfig(name="pytorch", device="cpu"), identity).run(images)
    found = runtime.run(images)
    np.testing.assert_allclose(found.joints_cm, expected.joints_cm, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.scales_cm, expected.scales_cm, rtol=1e-3, atol=1e-4)
    other = tiny.tiny_network("small", seed=1)
    with pytest.raises(ModelFileError, match="small.onnx: is of test for ego4view_syn .*expected second"):
        make_runtime(other, config("onnxruntime", path), tiny.tiny_identity(other, "second"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "pytorch"}, "pytorch runs no files. Set runtime.name to onnxruntime, openvino or tensorrt"),
        ({"precision": "int8"}, "its weights are fp32; expected int8"),
        (
            {"model": "", "precision": "int8"},
            "int8 needs a file that was measured on a calibration set.*egorear export",
        ),
        ({"model": "nowhere.onnx"}, "nowhere.onnx: no such file. Write it with `egorear export`"),
    ],
)
def test_settings_that_do_not_fit_a_file(
    settings: dict[str, str], message: str, small: tuple[Any, ModelIdentity, Path]
) -> None:
    network, identity, path = small
    wanted = replace(config("onnxruntime", path), **settings)
    with pytest.raises((RuntimeError, ValueError), match=message):
        make_runtime(network, wanted, identity)


def test_eight_bits(small: tuple[Any, ModelIdentity, Path], tmp_path: Path) -> None:
    network, identity, path = small
    out, images = tmp_path / "int8.onnx", list(tiny.tiny_images(12))
    with pytest.raises(ExportError, match="at least 8 frame sets; there are 3"):
        quantise_onnx(path, out, images[:3], own_extrinsics(network))
    quantise_onnx(path, out, images[:8], own_extrinsics(network))
    metadata = metadata_of(read_onnx(out))
    assert (metadata["precision"], metadata["calibration_frame_sets"]) == ("int8", "8")
    assert metadata["digest"] == identity.digest
    kinds = [node.op_type for node in read_onnx(out).graph.node]
    assert kinds.count("QuantizeLinear") > 5
    found = verify_onnx(out, network, identity, "int8", images[8:])
    assert found.frame_sets == 4
    assert found.mean_mm > 1e-3, "nothing was quantised"
    with pytest.raises(ModelFileError, match="its weights are int8; expected fp32"):
        make_runtime(network, config("onnxruntime", out), identity)
    expected = make_runtime(network, RuntimeConfig(name="pytorch", device="cpu"), identity).run(tiny.tiny_images(2))
    for engine in ("onnxruntime", "openvino"):
        if engine == "openvino":
            pytest.importorskip("openvino")
        runtime = make_runtime(network, config(engine, out, precision="int8"), identity)
        assert "int8" in runtime.description
        error = np.abs(runtime.run(tiny.tiny_images(2)).joints_cm - expected.joints_cm)
        assert 1e-5 < error.mean() < 2.0


def test_half_precision(tmp_path: Path) -> None:
    network = tiny.tiny_network()
    identity, path = tiny.tiny_identity(network), tmp_path / "half.onnx"
    export_onnx(network, identity, path, precision="fp16")
    kinds = {entry.data_type for entry in read_onnx(path).graph.initializer}
    assert 10 in kinds, "no half-precision weights"
    assert verify_onnx(path, network, identity, "fp16").mean_mm > 0.0
