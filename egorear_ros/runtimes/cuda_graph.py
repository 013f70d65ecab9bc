"""A network recorded as one CUDA graph, so that running it is a single launch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

WARM_UPS = 3
MOST_GRAPHS = 8
"""Each holds memory of its own; the one that was recorded first makes room."""


class _Recording:
    """One graph with its buffers."""

    def __init__(self, call: Callable[..., Any], arguments: tuple[Tensor | None, ...], wish: dict[str, bool]) -> None:
        """Run a few times, as compilers and libraries choose kernels then, and record."""
        self._inputs = tuple(None if values is None else values.clone() for values in arguments)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                call(*self._inputs, **wish)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads go on using the GPU meanwhile: the preprocessor, and the model that this one will replace.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._output = call(*self._inputs, **wish)

    def __call__(self, arguments: tuple[Tensor | None, ...]) -> Any:
        """Run; the result is overwritten by the next run."""
        for own, given in zip(self._inputs, arguments, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self._graph.replay()
        return self._output


class CudaGraphs:
    """Calls a network through graphs, one for each shape of its inputs.

    Recorded here and not by the compiler, whose graphs belong to the thread that recorded them: a node loads its
    model in one thread and runs it in another.
    """

    def __init__(self, call: Callable[..., Any], device: torch.device) -> None:
        """Prepare to record a network on a GPU, which must not wait for the host while it runs."""
        self._call, self._device = call, device
        self._recordings: dict[object, _Recording] = {}

    def __call__(self, *arguments: Tensor | None, **wish: bool) -> Any:
        """Run the network; not by several threads at once. Its result is overwritten by the next run."""
        shapes = tuple(None if values is None else tuple(values.shape) for values in arguments)
        key = (shapes, tuple(sorted(wish.items())))
        with torch.cuda.device(self._device):
            if key not in self._recordings:
                if len(self._recordings) == MOST_GRAPHS:
                    del self._recordings[next(iter(self._recordings))]
                self._recordings[key] = _Recording(self._call, arguments, wish)
            return self._recordings[key](arguments)
