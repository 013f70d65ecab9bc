"""One frameset of the published four-view model: time per stage and form, parameters, memory."""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from egorear_ros.benchmarks.report import Row

if TYPE_CHECKING:
    import torch
    from torch import nn

    from egorear_ros.benchmarks.stages import Stage

PLAIN, FAST = "plain module", "inference form"
SEPARATE, GROUPED = "one after the other", "all views at once"
QUERIES_GROUPED = "queries of all views at once"
FORMS_OF_REFINERS = {SEPARATE: None, QUERIES_GROUPED: {"maps": False}, GROUPED: {"maps": True}}
"""With how `group_refiners` makes them."""


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
    from egorear_ros.benchmarks.stages import REFINERS, medians_s
    from egorear_ros.geometry.rig_file import load_rig

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    imported_mib = _peak_mib()
    subject = make_subject(PAPER, load_rig(calib))
    network = subject.network.to(device)
    images = torch.from_numpy(subject.images(1)).to(device)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    rows = []
    with torch.inference_mode():
        network(images)
        memory = f"{_peak_mib():.0f} MiB ({imported_mib:.0f} MiB before the model)"
        forms = _forms(network, images)
        for stage in forms[PLAIN]:
            times_s = medians_s({form: stages[stage] for form, stages in forms.items()}, device)
            rows += _rows(stage, times_s)
        rows += _rows(REFINERS, medians_s(_refiners(network, images), device))
    rows.append(Row("parameters", f"{parameters / 1e6:.1f} M"))
    rows.append(Row("peak memory of the process, plain module", memory))
    if device.type == "cuda":
        rows.append(Row("peak memory on the GPU, all forms", f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB"))
    return rows


def _rows(stage: str, times_s: Mapping[str, float]) -> list[Row]:
    """Return the times of one stage by form, each but the first against the first."""
    first, *others = times_s
    rows = [Row(f"{stage}: {first}", f"{times_s[first] * 1e3:.1f} ms")]
    for form in others:
        share = f"{times_s[form] / times_s[first]:.2f} of {first}"
        rows.append(Row(f"{stage}: {form}", f"{times_s[form] * 1e3:.1f} ms, {share}"))
    return rows


def _forms(network: Any, images: "torch.Tensor") -> "dict[str, dict[str, Stage]]":
    """Return stages by form; on a GPU also as one launch each, which is how `pytorch_compiled` runs."""
    from egorear_ros.benchmarks.stages import fast_stages, plain_stages, recorded
    from egorear_ros.config import RuntimeConfig
    from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime

    fast = OptimizedPyTorchRuntime(network, RuntimeConfig(device=str(images.device))).network
    forms = {PLAIN: plain_stages(network, images), FAST: fast_stages(fast, images)}
    if images.device.type == "cuda":
        forms[f"{FAST}, CUDA graph"] = {name: recorded(stage) for name, stage in forms[FAST].items()}
    return forms


def _refiners(network: "nn.Module", images: "torch.Tensor") -> "dict[str, Stage]":
    """Return the refiners in all of their forms, without what else a device changes."""
    import torch

    from egorear_ros.benchmarks.stages import REFINERS, fast_stages, recorded
    from egorear_ros.models.fast.grouped import group_refiners
    from egorear_ros.models.fast.optimize import optimize

    found = {}
    for name, group in FORMS_OF_REFINERS.items():
        fast = optimize(network)
        fast = (fast if group is None else group_refiners(fast, **group)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found[name] = fast_stages(fast, images)[REFINERS]
    if images.device.type == "cuda":
        found |= {f"{name}, CUDA graph": recorded(stage) for name, stage in found.items()}
    return found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    json.dump([(row.quantity, row.value) for row in _measure(sys.argv[1])], sys.stdout)
