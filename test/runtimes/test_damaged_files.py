"""Files whose content changed on the disk: refused where they are named, made anew where they are kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_networks as tiny

from egorear_ros import __version__
from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.factory import make_runtime, own_extrinsics
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_cache import cache_folder, cached_onnx
from egorear_ros.runtimes.onnx_export import export_onnx, set_metadata
from egorear_ros.runtimes.onnx_file import check_onnx, metadata_of, read_onnx, stored_checksum, write_onnx
from egorear_ros.runtimes.onnx_verify import verify_onnx
from egorear_ros.runtimes.quantise import quantise_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CHANGED = "its content is not what was written: it is damaged.*Export it again"
ENGINES = ("onnxruntime", "openvino")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def made() -> tuple[Any, ModelIdentity]:
    network = tiny.tiny_network("small")
    return network, tiny.tiny_identity(network)


@pytest.fixture(scope="module")
def files(made: tuple[Any, ModelIdentity], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each precision."""
    folder = tmp_path_factory.mktemp("files")
    paths = {precision: folder / f"{precision}.onnx" for precision in ("fp32", "fp16", "int8")}
    for precision in ("fp32", "fp16"):
        export_onnx(*made, paths[precision], precision=precision)
    quantise_onnx(paths["fp32"], paths["int8"], list(tiny.tiny_images(8)), own_extrinsics(made[0]))
    return paths


def config(name: str, **changes: Any) -> RuntimeConfig:
    return replace(RuntimeConfig(name=name, device="cpu", threads=1, fallback=False), **changes)


def zero_the_middle(path: Path, count: int) -> None:
    """Overwrite bytes that are weights, for the most part, with zeros; the length stays."""
    content = bytearray(path.read_bytes())
    start = (len(content) - count) // 2
    assert any(content[start : start + count])
    content[start : start + count] = bytes(count)
    path.chmod(0o600)
    path.write_bytes(content)


def zero_weights(path: Path) -> None:
    """Zero half of the largest constant of a file: it can still be parsed and run."""
    constants = [entry.raw_data for entry in onnx.load(str(path)).graph.initializer]
    largest = max(constants, key=len)
    content = path.read_bytes()
    assert content.count(largest) == 1
    half = largest[: len(largest) // 4] + bytes(len(largest) // 2) + largest[len(largest) // 4 + len(largest) // 2 :]
    assert half != largest
    path.write_bytes(content.replace(largest, half))
    onnx.load(str(path))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_damaged_weights_are_refused(
    precision: str, files: dict[str, Path], made: tuple[Any, ModelIdentity], tmp_path: Path
) -> None:
    network, identity = made
    path = tmp_path / "named.onnx"
    path.write_bytes(files[precision].read_bytes())
    check_onnx(path, identity, (precision,))
    zero_weights(path)
    with pytest.raises(ModelFileError, match=f"named.onnx: {CHANGED}"):
        check_onnx(path, identity, (precision,))
    with pytest.raises(ModelFileError, match=CHANGED):
        verify_onnx(path, network, identity, precision)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_runs_a_damaged_file(
    engine: str, files: dict[str, Path], made: tuple[Any, ModelIdentity], tmp_path: Path
) -> None:
    pytest.importorskip(engine)
    path = tmp_path / "named.onnx"
    path.write_bytes(files["fp32"].read_bytes())
    make_runtime(made[0], config(engine, model=str(path)), made[1])
    zero_weights(path)  # what was compiled of the whole file is still kept
    with pytest.raises(ModelFileError, match=f"named.onnx: {CHANGED}"):
        make_runtime(made[0], config(engine, model=str(path)), made[1])


def test_any_bit_counts(files: dict[str, Path], made: tuple[Any, ModelIdentity], tmp_path: Path) -> None:
    good = files["fp32"].read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "flipped.onnx"
    tail = range(len(good) - 90, len(good), 9)  # the checksum itself
    for place in (0, *random.integers(0, len(good), 12).tolist(), *tail):
        changed = bytearray(good)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            check_onnx(path, made[1])
    for length in (len(good) - 1, len(good) - 84, len(good) // 2, 40):
        path.write_bytes(good[:length])
        with pytest.raises(ModelFileError):
            check_onnx(path, made[1])
    path.write_bytes(good)
    check_onnx(path, made[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: set_metadata(model, {"format": "egorear_onnx/1"}), "its format is 'egorear_onnx/1'.*export"),
        (lambda model: model.metadata_props.pop(), CHANGED),
        (lambda model: set_metadata(model, {"rig": "mine"}), CHANGED),
        (lambda model: model.metadata_props.add(key="author", value="me"), CHANGED),
    ],
)
def test_files_that_others_wrote_are_refused(
    change: Callable[[Any], object], words: str, files: dict[str, Path], made: tuple[Any, ModelIdentity], tmp_path: Path
) -> None:
    model = onnx.load(str(files["fp32"]))
    change(model)
    path = tmp_path / "rewritten.onnx"
    onnx.save(model, str(path))
    with pytest.raises(ModelFileError, match=words):
        check_onnx(path, made[1])


def test_a_file_is_sealed_once(files: dict[str, Path], tmp_path: Path) -> None:
    model, path = read_onnx(files["fp32"]), tmp_path / "again.onnx"
    assert metadata_of(model)["content_sha256"] == stored_checksum(files["fp32"])
    set_metadata(model, {"rig": "mine"})
    write_onnx(model, path)
    again = read_onnx(path)
    assert [entry.key for entry in again.metadata_props].count("content_sha256") == 1
    assert stored_checksum(path) != stored_checksum(files["fp32"])


def test_a_damaged_kept_file_is_announced_and_made_anew(
    files: dict[str, Path], made: tuple[Any, ModelIdentity], caplog: pytest.LogCaptureFixture
) -> None:
    path = cache_folder() / f"{made[1].digest}-fp32-{__version__}.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(files["fp32"].read_bytes())
    assert cached_onnx(*made) == path
    assert not caplog.records
    zero_weights(path)
    assert cached_onnx(*made) == path
    assert f"A kept file is made anew: {path}: its content is not what was written" in caplog.text
    check_onnx(path, made[1])
    caplog.clear()
    cached_onnx(*made)
    assert not caplog.records


def test_what_openvino_compiled_is_announced_and_made_anew_when_damaged(
    files: dict[str, Path], made: tuple[Any, ModelIdentity], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    network, identity = made
    settings = config("openvino", model=str(files["fp32"]))
    images = tiny.tiny_images(1)
    expected = make_runtime(network, settings, identity).run(images).joints_cm
    (blob,) = cache_folder().rglob("*.blob")
    stamp = blob.stat().st_mtime_ns
    make_runtime(network, settings, identity)
    assert blob.stat().st_mtime_ns == stamp, "compiled again"
    assert not caplog.records
    zero_the_middle(blob, blob.stat().st_size // 20)
    found = make_runtime(network, settings, identity).run(images).joints_cm
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert f"What was compiled is made anew: {blob}: damaged, its checksum is another one." in caplog.text
    caplog.clear()
    make_runtime(network, settings, identity)
    assert not caplog.records
