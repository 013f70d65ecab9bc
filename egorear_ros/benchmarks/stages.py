"""The stages of the published network, of the module as it was trained and of its inference form."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.fast.network import FastEgoRear, rows_of

REFINERS = "refiners (four)"
RUNS = 7
WARM_UPS = 3
Stage = Callable[[], Any]


def plain_stages(network: EgoRear, images: Tensor) -> dict[str, Stage]:
    """Return the stages of a module on (1, V, 3, H, W) images, each with the results of those before it."""
    heatmap, lifter = network.heatmap_estimator, network.pose3d_estimator
    encoded = heatmap.encode(images)
    refinement = heatmap.refine(encoded, refined_heatmaps=False)
    proposal_cm = lifter.propose(refinement.features)
    maps, peaks = refinement.heatmaps, refinement.peaks

    def refine() -> None:
        for view, refiner in enumerate(heatmap.refiners):
            refiner(view, encoded, maps, peaks.uv, peaks.valid)

    def refined_heatmaps() -> None:
        for view, refiner in enumerate(heatmap.refiners):
            refiner.heatmaps(refinement.features[:, view])

    return {
        "encoders (two: ResNet-18 and neck)": lambda: heatmap.encode(images),
        "first heatmaps": lambda: heatmap.first_heatmaps(encoded.features),
        REFINERS: refine,
        "refined heatmaps, only where asked for": refined_heatmaps,
        "lifter: proposal": lambda: lifter.propose(refinement.features),
        "lifter: correction": lambda: lifter.correct(
            proposal_cm, lifter.project_features(encoded.features), None, None
        ),
        "whole model, with refined heatmaps": lambda: network(images),
        "whole model, joints only": lambda: network(images, refined_heatmaps=False),
    }


def fast_stages(network: nn.Module, images: Tensor) -> dict[str, Stage]:
    """Return the stages of an inference form, under the same names as `plain_stages`."""
    assert isinstance(network, FastEgoRear)
    encoded = network.encode(images, None)
    rows = rows_of(encoded.features)
    refinement = network(images).refinement
    features, maps, peaks = refinement.features, refinement.heatmaps, refinement.peaks
    proposal_cm = network.lifter.lifter.propose(features, None)
    refiners = network.refiners  # these, whatever becomes of the network
    return {
        "encoders (two: ResNet-18 and neck)": lambda: rows_of(network.encode(images, None).features),
        "first heatmaps": lambda: network.first_heatmaps(encoded.features),
        REFINERS: lambda: refiners(encoded, rows, maps, peaks.uv, peaks.valid),
        "refined heatmaps, only where asked for": lambda: refiners.heatmaps(features),
        "lifter: proposal": lambda: network.lifter.lifter.propose(features, None),
        "lifter: correction": lambda: network.lifter.correct(proposal_cm, rows, None, None),
        "whole model, with refined heatmaps": lambda: network(images, refined_heatmaps=True),
        "whole model, joints only": lambda: network(images),
    }


def medians_s(stages: Mapping[str, Stage], device: torch.device) -> dict[str, float]:
    """Return the median time of each stage, s, after a run that does not count.

    They take turns, so that a busy machine slows all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(RUNS + 1):
        for name, stage in stages.items():
            start = time.perf_counter()
            stage()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(durations[1:]) for name, durations in times.items()}


def recorded(stage: Stage) -> Stage:
    """Return a stage as one launch on the current GPU."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            stage()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stage()
    return graph.replay
