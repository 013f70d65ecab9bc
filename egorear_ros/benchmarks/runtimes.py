"""Every installed engine in every precision, each against the plain eager module in the same process."""

import argparse
import ctypes
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from egorear_ros import __version__
from egorear_ros.benchmarks.report import NOT_MEASURED, Row
from egorear_ros.benchmarks.verdicts import BATCH, Measured, verdicts
from egorear_ros.runtimes.base import NotInstalledError, RuntimeSetupError

if TYPE_CHECKING:
    from egorear_ros.benchmarks.networks import Subject
    from egorear_ros.runtimes.base import Float32Array, Images, Runtime


class Engine(NamedTuple):
    """What is measured: `runtime.name`, `runtime.precision` and `runtime.provider`."""

    name: str
    precision: str
    provider: str = "auto"

    @property
    def title(self) -> str:
        """In rows."""
        by = "" if self.provider == "auto" else f" by {self.provider}"
        return f"{self.name}{by} {self.precision}"


CPU: tuple[Engine, ...] = (
    Engine("pytorch", "fp32"),
    Engine("pytorch", "bf16"),
    Engine("pytorch_compiled", "fp32"),
    Engine("onnxruntime", "fp32"),
    Engine("onnxruntime", "int8"),
    Engine("openvino", "fp32"),
    Engine("openvino", "bf16"),
    Engine("openvino", "int8"),
)
GPU: tuple[Engine, ...] = (
    Engine("pytorch", "fp32"),
    Engine("pytorch", "bf16"),
    Engine("pytorch", "fp16"),
    Engine("pytorch_compiled", "fp32"),
    Engine("pytorch_compiled", "bf16"),
    Engine("pytorch_compiled", "fp16"),
    Engine("onnxruntime", "fp32"),
    Engine("onnxruntime", "fp16"),
    Engine("onnxruntime", "fp32", "tensorrt"),
    Engine("onnxruntime", "fp16", "tensorrt"),
    Engine("tensorrt", "fp32"),
    Engine("tensorrt", "fp16"),
)
ROUNDS = 7
COMPARED = 4
"""Frame sets whose joints are compared."""

CALIBRATION = {False: 8, True: 32}
"""Frame sets that set the ranges of 8 bits, by whether the weights are trained: noise is all alike."""

CALIBRATION_SEED = 100
"""Far from the seeds of what is measured: other people."""

NOT_HERE = 3
"""Exit status of a measurement whose engine is not installed or cannot run here."""


def measure_runtimes(calib: str, models: Sequence[str], folder: Path, threads: int = 0) -> list[Row]:
    """Measure every engine in a process of its own; of those that cannot run here it is said why.

    Args:
        calib: rig calibration, name or path.
        models: see `make_subject`.
        folder: for quantised files.
        threads: CPU threads of the engines; 0: all cores.

    Raises:
        RuntimeError: a measurement failed; its error output is in the message.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = []
    for model in models:
        found = []
        for engine in GPU if device == "cuda" else CPU:
            words = [calib, model, *engine, device, str(folder), str(threads)]
            answer = _run(words)
            if isinstance(answer, str):
                rows.append(Row(f"{model}: {engine.title}", f"{NOT_MEASURED}: {answer}"))
                continue
            found.append((engine.precision, answer))
            rows.append(Row(f"{model}: {answer.engine}", _text(answer)))
        rows += verdicts(model, device, found)
    return rows


def _text(found: Measured) -> str:
    batched = f", {found.per_second:,.0f} framesets/s in batches of {BATCH}" if found.per_second else ""
    return (
        f"{found.ms:.1f} ms, {found.ratio:.3f} of plain eager's {found.plain_ms:.0f} ms{batched}, "
        f"joints {found.mean_mm:.2g} mm off ({found.worst_mm:.2g} at most), {found.peak_mib:.0f} MiB while it runs"
    )


def _run(words: Sequence[str]) -> Measured | str:
    """Return a measurement, or why the engine is not here."""
    command = [sys.executable, "-m", "egorear_ros.benchmarks.runtimes", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == NOT_HERE:
        return done.stdout.strip().rpartition("\n")[2]  # libraries print as well
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _measure(args: argparse.Namespace) -> Measured:
    import numpy as np

    from egorear_ros.benchmarks.networks import make_subject
    from egorear_ros.config import RuntimeConfig
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.runtimes.factory import make_runtime

    subject = make_subject(args.model, load_rig(args.calib))
    plain_config = RuntimeConfig(name="pytorch_plain", device=args.device, threads=args.threads, fallback=False)
    config = RuntimeConfig(
        name=args.engine,
        precision=args.precision,
        provider=args.provider,
        device=args.device,
        threads=args.threads,
        model=str(_quantised(subject, args.folder)) if args.precision == "int8" else "",
        fallback=False,
    )
    engine = make_runtime(subject.network, config, subject.identity)
    images = _where_taken(engine, subject.images(1))
    del subject  # its weights are the engine's own by now, if it needs them
    peak_mib = _peak_mib(lambda: engine.run(images))
    subject = make_subject(args.model, load_rig(args.calib))
    plain = make_runtime(subject.network, plain_config, subject.identity)
    errors_cm = [
        np.linalg.norm(engine.run(some).joints_cm - plain.run(some).joints_cm, axis=-1)
        for some in subject.images(COMPARED)[:, None]
    ]
    plain_images = _where_taken(plain, subject.images(1))
    times, plain_times = [], []
    for _ in range(ROUNDS):
        times.append(_seconds(engine, images))
        plain_times.append(_seconds(plain, plain_images))
    per_second = 0.0
    if args.device == "cuda":
        many = _where_taken(engine, subject.images(BATCH))
        engine.run(many)
        per_second = BATCH / statistics.median(_seconds(engine, many) for _ in range(ROUNDS))
    return Measured(
        Engine(args.engine, args.precision, args.provider).title,
        1e3 * statistics.median(times),
        1e3 * statistics.median(plain_times),
        10.0 * float(np.max(errors_cm)),
        10.0 * float(np.mean(errors_cm)),
        peak_mib,
        per_second,
    )


def _quantised(subject: "Subject", folder: Path) -> Path:
    """Return a file of 8 bits, calibrated on other images of the kind that the benchmark compares on."""
    from egorear_ros.runtimes.factory import own_extrinsics
    from egorear_ros.runtimes.onnx_cache import cached_onnx
    from egorear_ros.runtimes.quantise import quantise_onnx

    kind, count = "rendered" if subject.trained else "noise", CALIBRATION[subject.trained]
    # All that decides the file: an older one must not be measured in its place.
    path = folder / f"{subject.identity.digest}-{kind}-{count}-of-{CALIBRATION_SEED}-{__version__}-int8.onnx"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        images = list(subject.images(count, seed=CALIBRATION_SEED))
        partial = path.with_suffix(".partial")
        quantise_onnx(cached_onnx(subject.network, subject.identity), partial, images, own_extrinsics(subject.network))
        partial.replace(path)
    return path


def _where_taken(engine: "Runtime", images: "Float32Array") -> "Images":
    """Return images where an engine takes them, as a preprocessor leaves them: what counts begins there."""
    if engine.image_device is None:
        return images
    import torch

    from egorear_ros.runtimes.device_images import DeviceImages

    return DeviceImages(torch.from_numpy(images).to(engine.image_device))


def _seconds(runtime: "Runtime", images: "Images") -> float:
    start = time.perf_counter()
    runtime.run(images)
    return time.perf_counter() - start


def _peak_mib(run: Callable[[], object]) -> float:
    """Return the most memory of this process during three runs, without what loading left behind."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    for _ in range(3):
        run()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def reason(error: RuntimeSetupError) -> str:
    """Return why an engine cannot run here, as fits a cell of a table: without what to do."""
    text = " ".join(str(error).split()).replace("|", "/")
    return text.partition(" (" if isinstance(error, NotInstalledError) else ". ")[0].removesuffix(".")


def _main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("calib", "model", "engine", "precision", "provider", "device"):
        parser.add_argument(name)
    parser.add_argument("folder", type=Path)
    parser.add_argument("threads", type=int)
    try:
        found = _measure(parser.parse_args())
    except RuntimeSetupError as error:
        sys.stdout.write(f"\n{reason(error)}\n")
        return NOT_HERE
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
