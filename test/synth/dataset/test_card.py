import json
from pathlib import Path

import cv2
import pytest

from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.dataset.card import make_card, visible_shares
from egorear_synth.dataset.finished import read_sequence, sequence_folders
from egorear_synth.dataset.read_back import read_frames
from egorear_synth.dataset.summary import RIGID_BONES, bone_name

VIEWS = ("left", "right", "rear")


def test_sequences_above_uneven_ground_are_counted(finished: Path) -> None:
    sequences = [read_sequence(folder) for folder in sequence_folders(finished)]
    # The arms of these clips move, the feet stand.
    assert make_card({}, sequences)["motion"]["uneven_ground"] == 0
    sequences[1]["motion"]["uneven_ground"] = True
    assert make_card({}, sequences)["motion"]["uneven_ground"] == 1


def test_the_card_says_what_the_files_say(finished: Path) -> None:
    card = json.loads((finished / "dataset.json").read_text())
    assert card["counts"]["all"] == {"bodies": 3, "sequences": 3, "frames": 6, "images": 18, "clips": 3}
    assert [card["counts"][split]["sequences"] for split in ("train", "validation", "test")] == [1, 1, 1]
    assert len({name for names in card["clips"].values() for name in names}) == 3
    assert card["settings"]["seed"] == 4
    frames = [read_frames(folder, VIEWS) for folder in sequence_folders(finished)]
    for view, name in enumerate(VIEWS):
        for joint, joint_name in enumerate(EGO4VIEW.dataset_names):
            seen = sum(int(part.visible[:, view, joint].sum()) for part in frames)
            assert card["visible_share"][name][joint_name] == pytest.approx(seen / 6, abs=1e-4)
    soles = min(float(part.soles_cm.min()) for part in frames)
    assert card["motion"]["lowest_sole_cm"] == pytest.approx(soles, abs=1e-3)
    assert card["body"]["height_m"]["min"] <= card["body"]["height_m"]["mean"] <= card["body"]["height_m"]["max"]


def test_bone_lengths_of_the_summary_are_those_of_the_annotations(finished: Path) -> None:
    for folder in sequence_folders(finished):
        lengths = read_sequence(folder)["summary"]["bone_lengths_cm"]
        device = read_frames(folder, VIEWS).device_cm
        for a, b in RIGID_BONES:
            expected = float(((device[0, a] - device[0, b]) ** 2).sum() ** 0.5)
            assert lengths[bone_name((a, b))] == pytest.approx(expected, abs=1e-3)


def test_a_set_of_nothing_has_a_card() -> None:
    card = make_card({"seed": 1}, [])
    assert card["counts"]["all"]["frames"] == 0
    assert card["visible_share"] == {}


def test_things_of_a_list_are_counted_together() -> None:
    known = {
        "split": "train", "character": "a", "frames": 2, "image_sizes": {"left": [4, 4]}, "made_with": {},
        "motion": {"kind": "clip", "clip": "x"}, "person": {"hair": "long"}, "mount": {"offset_m": [0.1, 0.2]},
        "place": {"furniture": [{"kind": "chair"}, {"kind": "table"}, {"kind": "chair"}]},
        "summary": {
            "visible_frames": {"left": dict.fromkeys(EGO4VIEW.dataset_names, 1)}, "bone_lengths_cm": {},
            "mean_speed_m_s": {}, "device_mean_cm": dict.fromkeys(EGO4VIEW.dataset_names, (0, 1, 2)),
            "head_height_cm": [150, 170], "lowest_sole_cm": 0.0,
        },
    }  # fmt: skip
    card = make_card({}, [known])
    assert card["place"]["furniture.kind"] == {"chair": 2, "table": 1}
    assert card["place"]["furniture.count"] == {"min": 3, "mean": 3.0, "max": 3}
    assert card["mount"]["offset_m.1"]["mean"] == 0.2
    assert visible_shares([known])["left"]["Neck"] == 0.5


def test_contact_sheets_show_every_split_and_view(finished: Path) -> None:
    for split in ("train", "validation", "test"):
        sheet = cv2.imread(str(finished / f"contact_sheet_{split}.png"))
        assert sheet.shape[1] == 3 * 400
        columns = [sheet[:, 400 * view : 400 * (view + 1)] for view in range(3)]
        assert all(column.std() > 20 for column in columns)
