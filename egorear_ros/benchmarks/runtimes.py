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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from egorear_ros import __version__
from egorear_ros.benchmarks.report import Row
from egorear_ros.runtimes.base import NotInstalledError, RuntimeSetupError

if TYPE_CHECKING:
    from egorear_ros.benchmarks.networks import Subject
    from egorear_ros.runtimes.base import Float32Array, Images, Runtime

CPU = (
    ("pytorch", "fp32"),
    ("pytorch", "bf16"),
    ("pytorch_compiled", "fp32"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)
GPU = (
    ("pytorch", "fp32"),
    ("pytorch", "bf16"),
    ("pytorch", "fp16"),
    ("pytorch_compiled", "fp32"),
    ("pytorch_compiled", "bf16"),
    ("pytorch_compiled", "fp16"),
    ("onnxruntime", "fp32"),
    ("tensorrt", "fp32"),
    ("tensorrt", "fp16"),
)
ROUNDS = 7
BATCH = 64
"""Frame sets at a time where throughput is measured, on GPUs."""

GPU_MS, GPU_PER_SECOND = 1.5, 3000
"""Goals of the published model on a GPU, with fewer digits: latency, and frame sets a second in batches."""

SAME_MM = 1e-3
"""An engine in full precision that moves a joint by more computes something else: its time does not count."""

COMPARED = 4
"""Frame sets whose joints are compared."""

CALIBRATION = {False: 8, True: 32}
"""Frame sets that set the ranges of 8 bits, by whether the weights are trained: noise is all alike."""

CALIBRATION_SEED = 100
"""Far from the seeds of what is measured: other people."""

NOT_HERE = 3
"""Exit status of a measurement whose engine is not installed or cannot run here."""

TARGETS = {
    ("cpu", "fp32"): ("at most 0.333", 1 / 3),
    ("cpu", "reduced"): ("at most 0.2", 0.2),
    ("cuda", "fp32"): ("", None),
    ("cuda", "reduced"): ("at most 0.1", 0.1),
}
"""Of the best engine of the published model, by device: time against the plain module's."""


@dataclass(frozen=True)
class Measured:
    """One engine.

    Attributes:
        engine: name and precision.
        ms: median time of one frame set.
        plain_ms: of the plain eager module, in turns with it.
        worst_mm: largest distance of a joint from the plain module's.
        mean_mm: average distance.
        peak_mib: most memory of the process while the engine ran alone.
        per_second: frame sets a second in batches; 0 where it was not measured.
    """

    engine: str
    ms: float
    plain_ms: float
    worst_mm: float
    mean_mm: float
    peak_mib: float
    per_second: float = 0.0

    @property
    def ratio(self) -> float:
        """Time against the plain module's."""
        return self.ms / self.plain_ms


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
        for name, precision in GPU if device == "cuda" else CPU:
            words = [calib, model, name, precision, device, str(folder), str(threads)]
            answer = _run(words)
            if isinstance(answer, str):
                rows.append(Row(f"{model}: {name} {precision}", f"not measured: {answer}"))
                continue
            found.append((precision, answer))
            rows.append(Row(f"{model}: {answer.engine}", _text(answer)))
        rows += _verdicts(model, device, found)
    return rows


def _text(found: Measured) -> str:
    batched = f", {found.per_second:,.0f} framesets/s in batches of {BATCH}" if found.per_second else ""
    return (
        f"{found.ms:.1f} ms, {found.ratio:.3f} of plain eager's {found.plain_ms:.0f} ms{batched}, "
        f"joints {found.mean_mm:.2g} mm off ({found.worst_mm:.2g} at most), {found.peak_mib:.0f} MiB while it runs"
    )


def _verdicts(model: str, device: str, found: Sequence[tuple[str, Measured]]) -> list[Row]:
    """Return the best engines; targets are the published model's.

    In full precision an engine must agree with the plain module to win. With fewer digits none does: time alone is
    compared, and the row says so.
    """
    from egorear_ros.benchmarks.networks import PAPER

    rows = []
    for kind in ("fp32", "reduced"):
        some = [entry for precision, entry in found if (precision == "fp32") == (kind == "fp32")]
        if some:
            words, limit = TARGETS[device, kind] if model == PAPER else ("", None)
            rows.append(_fastest(model, kind, some, words, limit))
    if model == PAPER and device == "cuda":
        rows += _gpu_verdicts(model, [entry for precision, entry in found if precision != "fp32"])
    return rows


def _fastest(model: str, kind: str, some: Sequence[Measured], words: str, limit: float | None) -> Row:
    """Return the fastest engine of a kind, and whether it is fast enough."""
    if kind == "fp32":
        title, condition = f"{model}: fastest fp32", f"joints within {SAME_MM:g} mm of plain eager's"
        some = [entry for entry in some if entry.worst_mm <= SAME_MM]
    else:
        title, condition = f"{model}: fastest with fewer digits", "time alone; accuracy: `egorear bench accuracy`"
    if not some:
        return Row(title, f"no engine has {condition}", words, None if limit is None else False)
    best = min(some, key=lambda entry: entry.ratio)
    text = f"{best.ratio:.3f} of plain eager ({best.engine}), {condition}"
    return Row(title, text, words, None if limit is None else best.ratio <= limit)


def _gpu_verdicts(model: str, reduced: Sequence[Measured]) -> list[Row]:
    """Return how soon one frame set is estimated, and how many a second, with fewer digits."""
    if not reduced:
        return []
    first, most = min(reduced, key=lambda entry: entry.ms), max(reduced, key=lambda entry: entry.per_second)
    latency = f"{first.ms:.2f} ms from prepared images to joints ({first.engine})"
    rate = f"{most.per_second:,.0f} framesets/s in batches of {BATCH} ({most.engine})"
    return [
        Row(
            f"{model}: one frameset with fewer digits, time alone",
            latency,
            f"at most {GPU_MS:g} ms",
            first.ms <= GPU_MS,
        ),
        Row(
            f"{model}: many with fewer digits, time alone",
            rate,
            f"at least {GPU_PER_SECOND:,}",
            most.per_second >= GPU_PER_SECOND,
        ),
    ]


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
        f"{args.engine} {args.precision}",
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
    for name in ("calib", "model", "engine", "precision", "device"):
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
