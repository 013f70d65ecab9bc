import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egorear_synth.dataset.check import check_dataset
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import sequence_folders

SEQUENCE = "body_00001/seq_00001"
FRAME = f"{SEQUENCE}/json_smplx_gendered/000001.json"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A data set to damage."""
    return Path(shutil.copytree(finished, tmp_path / "set"))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def problems(root: Path) -> str:
    return "\n".join(check_dataset(root).problems)


def test_a_generated_set_passes(finished: Path) -> None:
    result = check_dataset(finished)
    assert result.problems == []
    assert (result.sequences, result.frames) == (3, 6)


def shift(joint: str, key: str, by: float) -> Callable[[Any], object]:
    def change(content: Any) -> None:
        content["joints"][joint][key][0] += by

    return change


def swap_sides(content: Any) -> None:
    joints = content["joints"]
    for name in [name for name in joints if name.startswith("Left")]:
        other = "Right" + name.removeprefix("Left")
        joints[name], joints[other] = joints[other], joints[name]
    soles = content["sole_heights_cm"]
    soles["left"], soles["right"] = soles["right"], soles["left"]


def sink(content: Any) -> None:
    content["T_world_device"][2][3] -= 0.2
    content["sole_heights_cm"]["left"] -= 20.0
    content["sole_heights_cm"]["right"] -= 20.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shift("LeftHand", "camera_left_pts2d", 0.002), "left: device_pts3d is not seen at pts2d in 1 frames.*000001"),
        (shift("LeftHand", "camera_rear_pts3d", 0.01), "rear: pts3d is not device_pts3d in its camera"),
        (shift("LeftHand", "device_pts3d", 0.1), "bone LeftForeArm-LeftHand changes its length"),
        (shift("LeftHand", "camera_left_pts2d", float("nan")), "pts2d has a number that is not finite"),
        (shift("LeftHand", "device_pts3d", float("inf")), "device_pts3d has a number that is not finite"),
        (sink, "the lowest sole is below the floor.*000001.*\n.*the lowest joint of the feet is below the floor"),
        (lambda content: content["sole_heights_cm"].update(left=60.0), "a sole is above the joints of its foot"),
        (lambda content: content["joints"].pop("Neck"), "KeyError: 'Neck'"),
        (lambda content: content["joints"]["Neck"].pop("camera_rear_visible"), "KeyError: 'camera_rear_visible'"),
        (lambda content: content["joints"]["Neck"].update(camera_rear_visible=1), "visible is not true or false"),
        (lambda content: content["joints"]["Neck"].update(device_pts3d=[1, 2]), "no usable annotation"),
        (lambda content: content["T_world_device"][0].__setitem__(0, 2.0), "T_world_device is not a rigid transform"),
        (lambda content: content["T_head_device"][3].__setitem__(3, 2.0), "T_head_device ends with the row"),
    ],
)
def test_a_wrong_annotation_is_found(copy: Path, change: Callable[[Any], object], message: str) -> None:
    edit(copy / FRAME, change)
    found = problems(copy)
    assert SEQUENCE in found
    assert re.search(message, found, re.DOTALL), found


def test_left_and_right_exchanged_are_found(copy: Path) -> None:
    for path in (copy / SEQUENCE).rglob("0*.json"):
        edit(path, swap_sides)
    assert "the left shoulder is right of the right one, seen from the head in 100 % of the frames" in problems(copy)


def test_a_joint_visible_outside_the_image_circle_is_found(copy: Path) -> None:
    text = (copy / "rig.yaml").read_text()
    assert text.count("max_theta_deg: 75.0") == 3
    (copy / "rig.yaml").write_text(text.replace("max_theta_deg: 75.0", "max_theta_deg: 20.0"))
    assert "left: joints visible outside the image circle" in problems(copy)


def test_images_that_are_missing_cut_off_resized_or_too_many_are_found(copy: Path) -> None:
    images = copy / SEQUENCE / "fisheye_rgb"
    (images / "camera_left/000000.jpg").unlink()
    (images / "camera_right/000000.jpg").write_bytes((images / "camera_right/000000.jpg").read_bytes()[:-200])
    shutil.copy(images / "camera_rear/000000.jpg", images / "camera_rear/000007.jpg")
    found = problems(copy)
    assert "left has no image of 1 frames, such as 000000" in found
    assert "camera_right/000000.jpg is cut off" in found
    assert "rear has 1 images without annotation, such as 000007" in found
    edit(copy / SEQUENCE / "sequence.json", lambda content: content["image_sizes"].update(rear=[96, 80]))
    assert "rear 000000: image of 48x40 px; sequence.json says (96, 80)" in problems(copy)


def test_a_missing_frame_is_found(copy: Path) -> None:
    (copy / FRAME).unlink()
    assert "1 annotations; sequence.json says 2" in problems(copy)


def test_splits_that_share_bodies_or_movements_are_found(copy: Path) -> None:
    known = [json.loads((folder / "sequence.json").read_text()) for folder in sequence_folders(copy)]
    own = known[1]["split"]
    other = next(sequence for sequence in known if sequence["split"] != own)
    edit(
        copy / SEQUENCE / "sequence.json",
        lambda content: content["motion"].update(clip=other["motion"]["clip"]),
    )
    assert f"movement {other['motion']['clip']} is in" in problems(copy)
    with (copy / f"{other['split']}.txt").open("a") as file:
        file.write("body_00001\nbody_00099\n")
    found = problems(copy)
    assert "names body_00001, which" in found
    assert "names body_00099, which is not there" in found


def test_a_card_of_other_sequences_is_found(copy: Path) -> None:
    shutil.rmtree(copy / "body_00002")
    found = problems(copy)
    assert "dataset.json counts" in found and "egorear synth finish" in found
    (copy / "dataset.json").unlink()
    assert "dataset.json cannot be read" in problems(copy)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"is .* a data set of `egorear synth`\?"):
        check_dataset(tmp_path)
