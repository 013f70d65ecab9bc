"""Both forms of the network are timed in the same stages, which do the same."""

import pytest
import tiny_networks as tiny
import torch

from egorear_ros.benchmarks import model
from egorear_ros.benchmarks.stages import fast_stages, median_s, plain_stages, recorded
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.network import FastEgoRear, rows_of
from egorear_ros.models.fast.optimize import optimize

CPU = torch.device("cpu")


@pytest.mark.parametrize("grouped", [False, True])
def test_stages_of_both_forms_agree(grouped: bool) -> None:
    network, images = tiny.tiny_network("egorear"), torch.from_numpy(tiny.tiny_images(1))
    fast = optimize(network)
    with torch.inference_mode():
        plain, other = plain_stages(network, images), fast_stages(group_refiners(fast) if grouped else fast, images)
        assert list(plain) == list(other)
        done = {name: (plain[name](), other[name]()) for name in plain}
        encoders, rows = done["encoders (two: ResNet-18 and neck)"]
        torch.testing.assert_close(rows, rows_of(encoders.features), atol=1e-4, rtol=1e-4)
        for name in ("first heatmaps", "lifter: proposal"):
            torch.testing.assert_close(done[name][1], done[name][0], atol=1e-3, rtol=1e-4)
        for name in ("lifter: correction", "whole model, joints only"):
            joints = [getattr(output, "lift", output).joints_cm for output in done[name]]
            torch.testing.assert_close(joints[1], joints[0], atol=1e-3, rtol=1e-4)
        whole = done["whole model, with refined heatmaps"]
        assert all(output.refinement.refined_heatmaps is not None for output in whole)


def test_times_are_of_what_they_say() -> None:
    calls = []
    assert median_s(lambda: calls.append(1), CPU) >= 0.0
    assert len(calls) > 3


def test_refiners_are_timed_in_both_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = tiny.tiny_network("egorear"), torch.from_numpy(tiny.tiny_images(1))
    seen = []

    def refiners(form: FastEgoRear, _: torch.Tensor) -> dict[str, object]:
        seen.append(type(form.refiners).__name__)
        return {"refiners (four)": lambda: None}

    monkeypatch.setattr("egorear_ros.benchmarks.stages.fast_stages", refiners)
    assert list(model._time_refiners(network, images)) == [model.SEPARATE, model.GROUPED]
    assert seen == ["SeparateRefiners", "GroupedRefiners"]


@pytest.mark.cuda
def test_a_recorded_stage_runs_again() -> None:
    counter = torch.zeros(1, device="cuda")
    graph = recorded(lambda: counter.add_(1.0))
    before = counter.item()
    graph()
    torch.cuda.synchronize()
    assert counter.item() == before + 1.0
