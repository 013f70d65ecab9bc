"""One frameset of the published four-view model: time per stage, parameters, memory."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from egorear_ros.benchmarks.report import Row

RUNS = 7


def measure_model(calib: str) -> list[Row]:
    """Measure in a fresh process, so that peak memory is the model's alone.

    Args:
        calib: rig calibration with four views, name or path.

    Raises:
        RuntimeError: the measurement failed; its error output is in the message.
    """
    command = [sys.executable, "-m", "egorear_ros.benchmarks.model", calib]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return [Row(quantity, value) for quantity, value in json.loads(done.stdout)]


def _measure(calib: str) -> list[Row]:
    import torch

    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.models.egorear import EgoRear
    from egorear_ros.models.size import ModelSize

    device = "cuda" if torch.cuda.is_available() else "cpu"
    imported_mib = _peak_mib()
    torch.manual_seed(0)
    rig = load_rig(calib)
    model = EgoRear(ModelSize(), rig).eval().to(device)
    images = torch.randn(1, len(rig.views), 3, 256, 256, device=device)
    with torch.inference_mode():
        seconds = _time_stages(model, images, device)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    rows = [Row(name, f"{value * 1e3:.0f} ms") for name, value in seconds.items()]
    rows.append(Row("parameters", f"{parameters / 1e6:.1f} M"))
    rows.append(Row("peak memory of the process", f"{_peak_mib():.0f} MiB ({imported_mib:.0f} MiB before the model)"))
    if device == "cuda":
        rows.append(Row("peak memory on the GPU", f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB"))
    return rows


def _time_stages(model: Any, images: Any, device: str) -> dict[str, float]:
    heatmap, lifter = model.heatmap_estimator, model.pose3d_estimator
    encoded = heatmap.encode(images)
    refinement = heatmap.refine(encoded, refined_heatmaps=False)
    proposal = lifter.propose(refinement.features)
    maps, peaks = refinement.heatmaps, refinement.peaks

    def refine() -> None:
        for view, refiner in enumerate(heatmap.refiners):
            refiner(view, encoded, maps, peaks.uv, peaks.valid)

    def refined_heatmaps() -> None:
        for view, refiner in enumerate(heatmap.refiners):
            refiner.heatmaps(refinement.features[:, view])

    def correct() -> None:
        lifter.correct(proposal, lifter.project_features(encoded.features), None, None)

    stages: dict[str, Callable[[], Any]] = {
        "encoders (two: ResNet-18 and neck)": lambda: heatmap.encode(images),
        "first heatmaps": lambda: heatmap.first_heatmaps(encoded.features),
        "refiners (four)": refine,
        "refined heatmaps, only where asked for": refined_heatmaps,
        "lifter: proposal": lambda: lifter.propose(refinement.features),
        "lifter: correction": correct,
        "whole model, with refined heatmaps": lambda: model(images),
        "whole model, joints only": lambda: model(images, refined_heatmaps=False),
    }
    return {name: _median_s(stage, device) for name, stage in stages.items()}


def _median_s(call: Callable[[], Any], device: str) -> float:
    import torch

    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    json.dump([(row.quantity, row.value) for row in _measure(sys.argv[1])], sys.stdout)
