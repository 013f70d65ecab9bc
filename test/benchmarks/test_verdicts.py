"""Which of the engines that were measured are the best, and whether they are good enough."""

import math
from dataclasses import replace

import pytest

from egorear_ros.benchmarks.verdicts import Measured, verdicts


def test_verdicts_are_of_the_fastest() -> None:
    found = [
        ("fp32", Measured("pytorch fp32", 600.0, 1000.0, 0.001, 0.001, 900.0)),
        ("fp32", Measured("openvino fp32", 320.0, 1000.0, 0.001, 0.001, 900.0)),
        ("int8", Measured("openvino int8", 210.0, 1000.0, 1.0, 1.0, 900.0)),
    ]
    whole, reduced, distance = verdicts("paper", "cpu", found)
    assert (whole.met, reduced.met) == (True, False)
    assert whole.value == "0.320 of plain eager (openvino fp32), joints within 0.001 mm of plain eager's"
    assert reduced.value.endswith("(openvino int8), time alone; accuracy: `egorear bench accuracy`")
    assert [row.met for row in verdicts("egorear-small", "cpu", found)] == [None, None, None]
    assert [row.quantity for row in verdicts("paper", "cpu", found[2:])] == [reduced.quantity, distance.quantity]
    assert len(verdicts("paper", "cpu", found[:2])) == 1


@pytest.mark.parametrize(("mean_mm", "met"), [(0.99, True), (1.0, True), (1.01, None), (49.0, None)])
def test_the_fastest_with_fewer_digits_also_says_how_far_off_it_is(mean_mm: float, met: bool | None) -> None:
    fast = ("int8", Measured("openvino int8", 210.0, 1000.0, 5.0, mean_mm, 900.0))
    slow = ("bf16", Measured("pytorch bf16", 500.0, 1000.0, 50.0, 20.0, 900.0))
    *_, row = verdicts("paper", "cpu", [fast, slow])
    assert (row.target, row.met) == ("MPJPE changes by at most 1 mm", met)
    words = (
        "mm from plain eager's on average (openvino int8), random weights; MPJPE on the same images changes by no more"
    )
    assert row.value == f"{mean_mm:.2g} {words}"
    *_, row = verdicts("egorear-small", "cpu", [fast, slow])
    assert (row.target, row.met) == ("", None)
    assert "these weights" in row.value


@pytest.mark.parametrize("mean_mm", [51.0, math.nan])
def test_an_engine_that_computes_something_else_is_named_and_does_not_win(mean_mm: float) -> None:
    broken = ("int8", Measured("openvino int8", 50.0, 1000.0, 900.0, mean_mm, 900.0))
    slow = ("bf16", Measured("pytorch bf16", 190.0, 1000.0, 1.0, 0.5, 900.0))
    fastest, named, distance = verdicts("paper", "cpu", [broken, slow])
    assert (fastest.met, named.met, distance.met) == (True, False, True)
    assert "(pytorch bf16)" in fastest.value and "openvino int8" in named.quantity
    fastest, named = verdicts("paper", "cpu", [broken])
    assert (fastest.met, named.met) == (False, False)


def test_engines_with_other_joints_do_not_win() -> None:
    right = ("fp32", Measured("pytorch fp32", 600.0, 1000.0, 0.001, 0.0001, 900.0))
    wrong = ("fp32", Measured("openvino fp32", 100.0, 1000.0, 0.0011, 0.0001, 900.0))
    (row,) = verdicts("paper", "cpu", [right, wrong])
    assert row.met is False and "(pytorch fp32)" in row.value
    (row,) = verdicts("paper", "cpu", [wrong])
    assert (row.value, row.met) == ("no engine has joints within 0.001 mm of plain eager's", False)
    (row,) = verdicts("egorear-small", "cpu", [wrong])
    assert row.met is None


def test_verdicts_on_a_gpu() -> None:
    found = [
        ("fp32", Measured("pytorch fp32", 1.0, 90.0, 0.0, 0.0, 900.0, 9000.0)),
        ("bf16", Measured("pytorch_compiled bf16", 1.4, 90.0, 0.1, 0.1, 900.0, 2500.0)),
        ("fp16", Measured("tensorrt fp16", 1.7, 90.0, 0.4, 0.2, 900.0, 3100.0)),
    ]
    *_, latency, rate, distance = verdicts("paper", "cuda", found)
    assert (latency.value, latency.met) == ("1.40 ms from prepared images to joints (pytorch_compiled bf16)", True)
    assert (rate.value, rate.met) == ("3,100 framesets/s in batches of 64 (tensorrt fp16)", True)
    assert [row.met for row in verdicts("paper", "cuda", [found[0], found[2]])[-3:]] == [False, True, True]
    assert (distance.value.partition(",")[0], distance.met) == (
        "0.2 mm from plain eager's on average (tensorrt fp16)",
        True,
    )
    far = ("fp16", replace(found[2][1], mean_mm=1.5))
    *_, distance = verdicts("paper", "cuda", [*found[:2], far])
    assert "(tensorrt fp16)" in distance.value, "fastest in batches"
    assert distance.met is None, "joints that move need not get worse"
    assert len(verdicts("paper", "cuda", found[:1])) == 1
