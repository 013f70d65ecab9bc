"""The threads are PyTorch's."""

import ctypes

import pytest
import torch

from egorear_ros.models.fast.minimal import threads
from egorear_ros.models.fast.minimal.threads import openmp, run_on_threads

PROGRAM = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@pytest.mark.skipif(openmp() is None, reason="PyTorch has no OpenMP library that can be called")
def test_the_library_is_the_one_that_pytorch_uses() -> None:
    library, before = openmp(), torch.get_num_threads()
    assert library is not None
    try:
        for count in (3, 1, 2):
            torch.set_num_threads(count)
            assert library.omp_get_max_threads() == count
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(openmp() is None, reason="PyTorch has no OpenMP library that can be called")
@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_thread_runs_the_program_and_all_are_waited_for(count: int) -> None:
    seen: list[int] = []
    program = PROGRAM(lambda address: seen.append(address or 0))
    address = ctypes.cast(program, ctypes.c_void_p).value
    assert address is not None
    run_on_threads(address, 42, count)
    assert seen == [42] * count


def test_without_a_library_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "openmp", lambda: None)
    with pytest.raises(RuntimeError, match="keep ordinary convolutions"):
        run_on_threads(0, 0, 1)


def test_a_system_without_a_list_of_libraries_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: object) -> str:
        raise OSError

    monkeypatch.setattr(threads.Path, "read_text", unreadable)
    assert threads.openmp.__wrapped__() is None
