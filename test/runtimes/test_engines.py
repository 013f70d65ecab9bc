"""Engines that run exported models: the same joints as the trained module, and clear refusals."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import BUILDERS, RIG, TINY, tiny_identity
from tiny_networks import tiny_network as network
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.models.egotap.network import EgoTap
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.base import ManyCallers, NotInstalledError, Prediction, RuntimeSetupError
from egorear_ros.runtimes.factory import MAKERS, make_runtime
from egorear_ros.runtimes.identity import ModelFileError
from egorear_ros.runtimes.onnx_cache import cache_folder, cached_onnx
from egorear_ros.runtimes.onnx_file import FORMAT, check_onnx, write_onnx
from egorear_ros.runtimes.onnxruntime import PROVIDERS, choose_provider

ENGINES = {"pytorch": ("torch",), "onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the tests that run the same networks in several engines."""
    return tmp_path_factory.mktemp("cache")


def config(name: str, **changes: object) -> RuntimeConfig:
    return replace(RuntimeConfig(name=name, device="cpu", threads=1, fallback=False), **changes)


def build(made: nn.Module, settings: RuntimeConfig) -> object:
    return make_runtime(made, settings, tiny_identity(made))


def inputs(batch: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(batch).normal(size=(batch, 4, 3, 64, 64)).astype(np.float32)
    mask = np.ones((batch, 4), dtype=bool)
    mask[-1, 2] = False
    return images, mask


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", BUILDERS)
def test_joints_are_those_of_the_trained_module(
    name: str, engine: str, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ENGINES[engine]:
        pytest.importorskip(module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    made = network(name)
    plain, fast = build(made, config("pytorch_plain")), build(made, config(engine))
    own = np.stack([np.linalg.inv(camera.T_device_camera) for camera in RIG.cameras]).astype(np.float32)
    moved = own.copy()
    moved[:, :3, 3] += 0.03
    for batch in (1, 2, 3):
        images, mask = inputs(batch)
        for extrinsics in (None, np.tile(moved, (batch, 1, 1, 1))):
            for views in (None, mask):
                expected, found = plain.run(images, extrinsics, views), fast.run(images, extrinsics, views)
                np.testing.assert_allclose(found.joints_cm, expected.joints_cm, rtol=0, atol=1e-3)
                assert (found.scales_cm is None) == (expected.scales_cm is None)
    images, mask = inputs(2)
    whole = fast.run(images).joints_cm
    assert np.abs(fast.run(images, view_mask=mask).joints_cm - whole)[1].max() > 1e-3, "the mask has no effect"
    with pytest.raises(ValueError, match="images has shape"):
        fast.run(images[:, :3])
    with pytest.raises(ValueError, match="view_mask has shape"):
        fast.run(images, view_mask=mask[:, :2])


def test_refined_peaks_only_where_asked_for() -> None:
    runtime = build(network("egorear"), config("pytorch"))
    images, _ = inputs(1)
    first, refined = runtime.run(images), runtime.run(images, refined_peaks=True)
    assert (first.refined_peaks, refined.refined_peaks) == (False, True)
    assert np.abs(first.peak_scores - refined.peak_scores).max() > 1e-4
    np.testing.assert_array_equal(first.joints_cm, refined.joints_cm)


def test_bfloat16_is_near() -> None:
    made = network("egorear")
    images, _ = inputs(1)
    full, half = (build(made, config("pytorch", precision=p)).run(images).joints_cm for p in ("fp32", "bf16"))
    assert 0.0 < np.abs(full - half).max() < 2.0


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_library_that_is_missing_is_named(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    words = rf"{engine} cannot be imported.*`pip install '\.\[\w+\]'`, or set runtime\.name to pytorch\.$"
    with pytest.raises(NotInstalledError, match=words):
        build(network(), config(engine))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (config("pytorch_plain", precision="bf16"), "pytorch_plain is the fp32 reference"),
        (config("pytorch", precision="fp16"), "fp16 is for GPUs"),
        (config("auto", precision="bf16"), "auto chooses among engines that agree with fp32"),
    ],
)
def test_precisions_that_an_engine_has_not(settings: RuntimeConfig, message: str) -> None:
    with pytest.raises(RuntimeSetupError, match=message):
        build(network(), settings)


def test_files_are_kept_and_wrong_ones_are_announced(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("onnx")
    first, second = network(seed=0), network(seed=1)
    ours, other = (tiny_identity(made, f"model {seed}") for seed, made in enumerate((first, second)))
    path = cached_onnx(first, ours)
    assert path.parent == cache_folder()
    stamp = path.stat().st_mtime_ns
    assert cached_onnx(first, ours).stat().st_mtime_ns == stamp
    foreign = cached_onnx(second, other).read_bytes()
    good = path.read_bytes()
    for content, words in ((foreign, "is of model 1 .* expected model 0"), (good[:1000], "not a complete ONNX file")):
        path.write_bytes(content)
        caplog.clear()
        assert cached_onnx(first, ours).stat().st_size == len(good)
        assert pytest.importorskip("re").search(f"A kept file is made anew: .*{words}", caplog.text), caplog.text
        assert "egorear export" not in caplog.text, "there is nothing to do"


def test_small_integers_are_for_cpus() -> None:
    wanted = config("onnxruntime", precision="int8", provider="tensorrt", device="cuda")
    with pytest.raises(RuntimeSetupError, match="int8, but onnxruntime runs fp32, fp16 with tensorrt"):
        choose_provider(wanted, tuple(PROVIDERS.values()))
    assert choose_provider(replace(wanted, provider="cpu", device="cpu"), tuple(PROVIDERS.values())) == "cpu"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_network_that_cannot_be_exported_is_not_blamed_on_the_folder(engine: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip(engine)
    made = EgoTap(ModelSize(**TINY), RIG)
    with pytest.raises(RuntimeSetupError, match="EgoTap cannot be exported.*runtime.name pytorch") as caught:
        build(made, config(engine))
    assert "XDG_CACHE_HOME" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not onnx"])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a complete ONNX file|it is empty or of another program"):
        build(network(), config("onnxruntime", model=str(path)))
    with pytest.raises(ModelFileError, match="a folder, expected an ONNX file"):
        build(network(), config("onnxruntime", model=str(tmp_path)))


def test_a_file_that_says_half_of_what_it_is_is_named(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.ModelProto()
    model.metadata_props.add(key="format", value=FORMAT)
    path = tmp_path / "half.onnx"
    write_onnx(model, path)
    with pytest.raises(ModelFileError, match=r"half.onnx: its metadata lack or garble 'views'. Export the model again"):
        check_onnx(path, tiny_identity(network()))


class Shifted:
    """An engine that is fast and wrong by a given distance."""

    description = "shifted"

    def __init__(self, made: nn.Module, by_cm: float) -> None:
        self.inner, self.by_cm = build(made, config("pytorch")), by_cm

    def run(self, *arguments: object, **named: object) -> Prediction:
        prediction = self.inner.run(*arguments, **named)
        return replace(prediction, joints_cm=prediction.joints_cm + np.float32(self.by_cm))


@pytest.mark.parametrize(("by_cm", "chosen"), [(0.001, True), (0.1, False), (np.nan, False)])
def test_auto_takes_what_is_faster_and_agrees(
    by_cm: float, chosen: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from egorear_ros.runtimes import auto

    made = network()
    monkeypatch.setattr(auto, "_fastest_s", lambda runtime, _: 1.0 if isinstance(runtime, Shifted) else 2.0)
    monkeypatch.setitem(MAKERS, "openvino", lambda *_: Shifted(made, by_cm))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level(logging.INFO):
        runtime = build(made, config("auto"))
    assert isinstance(runtime, Shifted) == chosen
    assert "onnxruntime is left out: onnxruntime cannot be imported" in caplog.text
    assert "set runtime.name" not in caplog.text, "nobody has to: the others are tried"
    times = [record.getMessage() for record in caplog.records if " takes " in record.getMessage()]
    expected = ["pytorch takes 2000.0 ms.", *(["openvino takes 1000.0 ms."] if chosen else [])]
    assert times == [f"runtime.name auto: {words}" for words in expected], "each once"
    assert f"chosen: {runtime.description}" in caplog.text
    assert chosen or "openvino is left out: its joints are" in caplog.text


def test_auto_keeps_pytorch_where_it_is_faster_or_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeSetupError("no such processor")

    for engine in ("openvino", "onnxruntime"):
        monkeypatch.setitem(MAKERS, engine, broken)
    assert build(network(), config("auto")).description.startswith("pytorch")
    assert "openvino does not work here: no such processor" in caplog.text


class LibraryError(Exception):
    """As ONNX Runtime's: of no common kind."""


@pytest.mark.parametrize("when", ["loaded", "run", "timed"])
def test_auto_leaves_out_an_engine_whatever_it_raises(
    when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, calls = network(), []

    class Breaking(Shifted):
        def run(self, *arguments: object, **named: object) -> Prediction:
            calls.append(1)
            if len(calls) == {"run": 1, "timed": 2}.get(when):
                raise LibraryError("no kernel for op 7")
            return super().run(*arguments, **named)

    def make(*_: object) -> object:
        if when == "loaded":
            raise LibraryError("no kernel for op 7")
        return Breaking(made, 0.0)

    monkeypatch.setitem(MAKERS, "openvino", make)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert build(made, config("auto")).description.startswith("pytorch")
    assert "openvino does not work here: LibraryError: no kernel for op 7" in caplog.text


def test_auto_does_not_hide_what_is_wrong_with_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise LibraryError("no kernel for op 7")

    monkeypatch.setitem(MAKERS, "pytorch", broken)
    with pytest.raises(LibraryError, match="op 7"):
        build(network(), config("auto"))


def test_auto_remembers_what_it_measured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from egorear_ros.runtimes import auto

    made, measured = network(), []

    def seconds(runtime: object, _: object) -> float:
        measured.append(runtime)
        return 1.0 if isinstance(runtime, Shifted) else 2.0

    monkeypatch.setattr(auto, "_fastest_s", seconds)
    monkeypatch.setitem(MAKERS, "openvino", lambda *_: Shifted(made, 0.0))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level(logging.INFO):
        assert isinstance(build(made, config("auto")), Shifted)
        assert len(measured) == 2
        assert isinstance(build(made, config("auto")), Shifted)
        assert len(measured) == 2, "measured again"
        assert "as measured before (pytorch 2000.0 ms, openvino 1000.0 ms)" in caplog.text
        build(network(seed=1), config("auto"))  # of which Shifted does not say the same, so it is not timed
        assert len(measured) == 3, "another network's measurement was used"
        build(made, config("auto", threads=2))
        assert len(measured) == 5, "the measurement of another number of threads was used"
    (record, *_) = cache_folder().glob("*-auto-*.json")
    for file in cache_folder().glob("*-auto-*.json"):
        file.write_text("{")
    caplog.clear()
    build(made, config("auto"))
    assert len(measured) == 7
    assert f"{record.parent}" in caplog.text
    assert "cannot be used" in caplog.text

    def broken(*_: object) -> object:
        raise LibraryError("no such processor")

    monkeypatch.setitem(MAKERS, "openvino", broken)
    assert build(made, config("auto")).description.startswith("pytorch")
    assert "openvino was fastest, but does not work any more: LibraryError: no such processor" in caplog.text


@pytest.mark.parametrize("engine", ENGINES)
def test_several_threads_may_call_an_engine_that_is_spread(
    engine: str, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ENGINES[engine]:
        pytest.importorskip(module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    made = build(network("small"), config(engine, threads=2))
    assert isinstance(made, ManyCallers)
    images = np.concatenate([inputs(batch)[0][:1] for batch in range(1, 13)])
    alone = [made.run(one[None]).joints_cm for one in images]
    assert made.spread(3) >= 1
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            spread = list(pool.map(lambda one: made.run(one[None]).joints_cm, images))
            np.testing.assert_allclose(spread, alone, rtol=0, atol=1e-4)
    made.gather()
    np.testing.assert_array_equal([made.run(one[None]).joints_cm for one in images], alone)


def test_predictions_of_one_set_of_several() -> None:
    random = np.random.default_rng(0)
    made = Prediction(random.random((3, 16, 3)), random.random((3, 4, 15, 2)), random.random((3, 4, 15)))
    one = made.of(1)
    np.testing.assert_array_equal(one.joints_cm, made.joints_cm[1:2])
    np.testing.assert_array_equal(one.peak_scores, made.peak_scores[1:2])
    assert one.peaks_uv is not None and one.peaks_uv.shape == (1, 4, 15, 2) and one.scales_cm is None
