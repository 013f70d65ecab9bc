"""Preparing on a device is compared with preparing on the CPU; here both are the CPU's."""

import io
import re

import numpy as np
import tiny_networks as tiny
import torch
from PIL import Image

from egorear_ros.benchmarks.preparing import compare, measure_on_gpu
from egorear_ros.structures import Frame, FrameSet


def frame_set(seed: int) -> FrameSet:
    frames = {}
    for index, view in enumerate(tiny.RIG.views):
        coarse = np.random.default_rng([seed, index]).integers(0, 255, (12, 12, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((436, 436), Image.Resampling.BICUBIC).save(buffer, "JPEG")
        frames[view] = Frame(view, 0, "jpeg", buffer.getvalue())
    return FrameSet(0, tiny.RIG.views, frames)


def test_each_decoder_has_its_row() -> None:
    grey = torch.full((436, 436, 3), 100, dtype=torch.uint8)
    decoders = {"the CPU": None, "another": lambda frames, _: [grey] * len(frames)}
    plain, same, other = compare([frame_set(seed) for seed in range(2)], tiny.RIG, torch.device("cpu"), decoders)
    assert re.fullmatch(r"\d+\.\d\d ms", plain.value)
    assert same.quantity == "prepared on cpu, JPEGs decoded by the CPU"
    assert re.search(r"ms until it is there, 0\.00\d grey levels off on average, [01] at most", same.value)
    assert float(re.search(r"([\d.]+) grey levels", other.value)[1]) > 10.0


def test_nothing_without_a_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert measure_on_gpu([], tiny.RIG) == []
