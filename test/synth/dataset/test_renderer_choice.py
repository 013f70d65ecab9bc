import json
from pathlib import Path

import pytest
from tiny import Quiet, make, tiny_settings

from egorear_synth.dataset.check import check_dataset
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.generate import generate
from egorear_synth.dataset.settings import SETTINGS_FILE, check_same
from egorear_synth.gpu.device import device_facts


@pytest.mark.warp
def test_a_data_set_says_its_renderer_and_is_not_continued_with_another(inputs: Path, tmp_path: Path) -> None:
    """With real workers; every other setting is the same."""
    root, settings = tmp_path / "set", tiny_settings(inputs, frames=1, renderer="warp", device="cpu")
    make(settings, root, count=1)
    written = json.loads((root / SETTINGS_FILE).read_text())
    assert (written["renderer"], written["device"]) == ("warp", "cpu")
    card = json.loads((root / "dataset.json").read_text())
    assert card["settings"]["renderer"] == "warp"
    assert card["made_with"][0].items() >= device_facts("cpu").items()
    assert check_dataset(root).problems == []
    with pytest.raises(SynthError, match='other settings: renderer: there "warp", now "embree"'):
        generate(tiny_settings(inputs, frames=1), root, 2, Quiet())


def test_sets_from_before_there_was_a_choice_are_continued_with_embree(finished: Path, inputs: Path) -> None:
    written = json.loads((finished / SETTINGS_FILE).read_text())
    old = {key: value for key, value in written.items() if key not in ("renderer", "device")}
    check_same(old, written, finished)
    with pytest.raises(SynthError, match='renderer: there "embree", now "warp"'):
        check_same(old, written | {"renderer": "warp"}, finished)
