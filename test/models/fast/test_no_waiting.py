"""Between its stages a network asks the host for nothing: every size is known before it begins."""

from typing import Any

import pytest
import tiny_networks as tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from egorear_ros.models.encoder import encode_views
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.optimize import optimize

ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal.default", "lift_fresh")
"""Operations whose result the host needs, or that bring numbers from it."""


class Watch(TorchDispatchMode):
    """Notes operations."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, function: Any, _: Any, arguments: Any = (), options: Any = None) -> Any:
        self.seen.add(str(function))
        return function(*arguments, **(options or {}))

    @property
    def asked(self) -> set[str]:
        return {name for name in self.seen if any(word in name for word in ASKING)}


@pytest.mark.parametrize(("name", "grouped"), [*((name, False) for name in tiny.BUILDERS), ("egorear", True)])
def test_the_inference_form_asks_for_nothing(name: str, grouped: bool) -> None:
    network, images = optimize(tiny.tiny_network(name)), torch.from_numpy(tiny.tiny_images(1))
    if grouped:
        network = group_refiners(network)
    with torch.inference_mode(), Watch() as watch:
        network(images)
    assert len(watch.seen) > 10
    assert watch.asked == set()


def test_leaving_views_out_asks_which() -> None:
    """The watch sees it; on a GPU they are therefore not left out."""
    network, images = optimize(tiny.tiny_network("small")), torch.from_numpy(tiny.tiny_images(1))
    mask = torch.tensor([[True, False, True, True]])
    with torch.inference_mode(), Watch() as watch:
        network(images, None, mask)
    assert watch.asked == {"aten.nonzero.default"}


@pytest.mark.cuda
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_masked_views_on_a_gpu(name: str) -> None:
    network, images = optimize(tiny.tiny_network(name)), torch.from_numpy(tiny.tiny_images(1))
    mask = torch.tensor([[True, False, True, True]])
    with torch.inference_mode():
        expected = network(images, None, mask)
        network, images, mask = network.cuda(), images.cuda(), mask.cuda()
        with Watch() as watch:
            found = network(images, None, mask)
    assert watch.asked == set()
    expected, found = (getattr(output, "lift", output).joints_cm for output in (expected, found))
    torch.testing.assert_close(found.cpu(), expected, atol=1e-2, rtol=1e-3)


def test_what_is_left_out_is_what_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to mask views give the same encodings."""
    encoder = optimize(tiny.tiny_network("small")).encoder
    images = torch.from_numpy(tiny.tiny_images(2))
    mask = torch.tensor([[True, False, True, True], [True, True, False, False]])
    with torch.inference_mode():
        left_out = encode_views(encoder, images, mask)
        for module in ("encoder", "fast.present"):
            monkeypatch.setattr(f"egorear_ros.models.{module}.is_fixed", lambda *_, **__: True)
        forgotten = encode_views(encoder, images, mask)
    for one, other in zip(left_out, forgotten, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
