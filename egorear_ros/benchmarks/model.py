"""One frameset of the published four-view model: time per stage and form, parameters, memory."""

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from egorear_ros.benchmarks.report import Row

if TYPE_CHECKING:
    import torch
    from torch import nn

    from egorear_ros.benchmarks.stages import Stage

GROUPED = "refiners: inference form, all views at once"
SEPARATE = "refiners: inference form, one after the other"


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

    from egorear_ros.benchmarks.networks import PAPER, make_subject
    from egorear_ros.config import RuntimeConfig
    from egorear_ros.geometry.rig_file import load_rig
    from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    imported_mib = _peak_mib()
    subject = make_subject(PAPER, load_rig(calib))
    network = subject.network.to(device)
    images = torch.from_numpy(subject.images(1)).to(device)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    with torch.inference_mode():
        plain_s = _time_plain(network, images)
        memory = f"{_peak_mib():.0f} MiB ({imported_mib:.0f} MiB before the model)"
        refiners_s = _time_refiners(network, images)
        fast = OptimizedPyTorchRuntime(network, RuntimeConfig(device=str(device)), consume=True).network
        fast_s = _time_fast(fast, images)
    rows = []
    for name, seconds in plain_s.items():
        rows.append(Row(f"{name}: plain module", f"{seconds * 1e3:.1f} ms"))
        for form, times_s in fast_s.items():
            rows.append(Row(f"{name}: {form}", f"{times_s[name] * 1e3:.1f} ms, {times_s[name] / seconds:.2f} of plain"))
    rows += [Row(name, f"{seconds * 1e3:.1f} ms") for name, seconds in refiners_s.items()]
    rows.append(Row("parameters", f"{parameters / 1e6:.1f} M"))
    rows.append(Row("peak memory of the process, plain module", memory))
    if device.type == "cuda":
        rows.append(Row("peak memory on the GPU", f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB"))
    return rows


def _time_plain(network: Any, images: "torch.Tensor") -> dict[str, float]:
    from egorear_ros.benchmarks.stages import median_s, plain_stages

    return {name: median_s(stage, images.device) for name, stage in plain_stages(network, images).items()}


def _time_fast(network: "nn.Module", images: "torch.Tensor") -> dict[str, dict[str, float]]:
    """Return seconds by form and stage; on a GPU as one launch as well, which is how `pytorch_compiled` runs."""
    from egorear_ros.benchmarks.stages import fast_stages, median_s, recorded

    stages = fast_stages(network, images)
    found = {"inference form": {name: median_s(stage, images.device) for name, stage in stages.items()}}
    if images.device.type == "cuda":
        graphs = {name: recorded(stage) for name, stage in stages.items()}
        found["inference form, CUDA graph"] = {name: median_s(graph, images.device) for name, graph in graphs.items()}
    return found


def _time_refiners(network: "nn.Module", images: "torch.Tensor") -> dict[str, float]:
    """Return seconds of the refiners in both of their forms, neither with other changes."""
    import torch

    from egorear_ros.benchmarks.stages import fast_stages, median_s, recorded
    from egorear_ros.models.fast.grouped import group_refiners
    from egorear_ros.models.fast.optimize import optimize

    found = {}
    fast = optimize(network)
    for name in (SEPARATE, GROUPED):
        fast = group_refiners(fast) if name == GROUPED else fast
        fast = fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        stage: Stage = fast_stages(fast, images)["refiners (four)"]
        found[name] = median_s(stage, images.device)
        if images.device.type == "cuda":
            found[f"{name}, CUDA graph"] = median_s(recorded(stage), images.device)
    return found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    json.dump([(row.quantity, row.value) for row in _measure(sys.argv[1])], sys.stdout)
