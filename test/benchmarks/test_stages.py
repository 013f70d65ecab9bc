"""Both forms of the network are timed in the same stages, which do the same."""

import re

import pytest
import tiny_networks as tiny
import torch

from egorear_ros.benchmarks import model
from egorear_ros.benchmarks.networks import Subject
from egorear_ros.benchmarks.stages import fast_stages, medians_s, plain_stages, recorded
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.network import rows_of
from egorear_ros.models.fast.optimize import optimize


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


def test_stages_take_turns() -> None:
    calls: list[str] = []
    times_s = medians_s({name: lambda name=name: calls.append(name) for name in ("a", "b")}, torch.device("cpu"))
    assert list(times_s) == ["a", "b"]
    assert all(time_s >= 0.0 for time_s in times_s.values())
    assert calls == ["a", "b"] * (len(calls) // 2)
    assert len(calls) > 6


def test_every_stage_is_told_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny.tiny_network("egorear")
    subject = Subject(network, tiny.tiny_identity(network), tiny.RIG)
    monkeypatch.setattr("egorear_ros.benchmarks.networks.make_subject", lambda *_: subject)
    monkeypatch.setattr("egorear_ros.benchmarks.stages.RUNS", 1)
    rows = {row.quantity: row.value for row in model._measure("ego4view_syn")}
    for quantity in (
        "encoders (two: ResNet-18 and neck): plain module",
        "lifter: correction: inference form",
        "refiners (four): one after the other",
        "refiners (four): all views at once",
    ):
        assert re.match(r"\d+\.\d ms", rows[quantity])
    assert "of plain module" in rows["whole model, joints only: inference form"]
    assert rows["parameters"].endswith(" M")


def test_refiners_are_timed_in_both_forms() -> None:
    network, images = tiny.tiny_network("egorear"), torch.from_numpy(tiny.tiny_images(1))
    with torch.inference_mode():
        stages = model._refiners(network, images)
        (separate, views), (grouped, others) = (stages[name]() for name in (model.SEPARATE, model.GROUPED))
    torch.testing.assert_close(grouped, separate, atol=1e-4, rtol=1e-4)
    apart, together = ({view.query.untyped_storage().data_ptr() for view in some} for some in (views, others))
    assert (len(apart), len(together)) == (4, 1), "cut from what was computed at once"


@pytest.mark.cuda
def test_a_recorded_stage_runs_again() -> None:
    counter = torch.zeros(1, device="cuda")
    graph = recorded(lambda: counter.add_(1.0))
    before = counter.item()
    graph()
    torch.cuda.synchronize()
    assert counter.item() == before + 1.0
