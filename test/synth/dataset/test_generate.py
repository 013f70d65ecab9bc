import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import make, tiny_settings, tree_hash

from egorear_ros.geometry.rig_file import CalibrationError
from egorear_synth.dataset.card import write_card
from egorear_synth.dataset.check import check_dataset
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.finished import sequence_folders
from egorear_synth.dataset.generate import Shard
from egorear_synth.dataset.settings import Settings
from egorear_synth.dataset.writer import PARTS
from egorear_synth.places.texture_folder import TextureError


def command(settings: Settings, root: Path, count: int = 3, workers: int = 2) -> list[str]:
    """Return the command line that makes the same set."""
    options = {
        "--rig": settings.rig,
        "--motion": settings.motion,
        "--seed": settings.seed,
        "--frames": settings.frames,
        "--size": settings.size,
        "--samples": settings.samples,
        "--random-pose": settings.random_pose,
        "--procedural": settings.procedural,
        "--clip-rate": settings.clip_rate_hz,
        "--split": "/".join(map(str, settings.split)),
        "--out": root,
        "--sequences": count,
        "--workers": workers,
    }
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", "egorear_ros.cli", "synth", *words]


def wait_until(condition, what: str, seconds: float = 240.0) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def test_another_seed_gives_other_bytes(inputs: Path, finished: Path, tmp_path: Path) -> None:
    make(tiny_settings(inputs, seed=5), tmp_path / "other", count=1)
    name = "body_00000/seq_00000/fisheye_rgb/camera_left/000000.jpg"
    assert (tmp_path / "other" / name).read_bytes() != (finished / name).read_bytes()


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers_and_shards(
    inputs: Path, finished: Path, tmp_path: Path
) -> None:
    settings, common, apart = tiny_settings(inputs), tmp_path / "common", tmp_path / "apart"
    first = make(settings, common, workers=3, shard=Shard(1, 2))
    shutil.copytree(common, apart)
    second = make(settings, common, shard=Shard(2, 2))
    assert [plan.index for plan in second.made] == [1]
    assert sorted(plan.index for plan in first.made) == [0, 2]
    assert tree_hash(common) == tree_hash(finished)
    # Shards made apart and merged later: only folders of sequences are copied.
    shutil.copytree(common / "body_00001", apart / "body_00001")
    write_card(apart)
    assert tree_hash(apart) == tree_hash(finished)


def kill_midway(inputs: Path, root: Path) -> int:
    """Kill a run after its first sequence; return how many sequences it finished."""
    process = subprocess.Popen(command(tiny_settings(inputs), root), stdout=subprocess.DEVNULL)
    wait_until(
        lambda: (root / "body_00000/seq_00000").is_dir() or (root / "body_00001/seq_00001").is_dir(), "a sequence"
    )
    workers = children(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(worker) for worker in workers), "the workers end with their parent")
    return len(sequence_folders(root))


def test_a_killed_run_goes_on_and_gives_the_same_bytes(inputs: Path, finished: Path, tmp_path: Path) -> None:
    # On a machine that stalls, the run may be over before it is killed; then it is tried again.
    for attempt in range(6):
        root = tmp_path / f"killed_{attempt}"
        done = kill_midway(inputs, root)
        if done < 3:
            break
    assert done < 3, "no run was killed midway, so this test tests nothing"
    again = make(tiny_settings(inputs), root)
    assert again.finished_before == done
    assert tree_hash(root) == tree_hash(finished)


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_valid_set_of_what_is_finished(inputs: Path, tmp_path: Path, word: signal.Signals) -> None:
    root = tmp_path / "stopped"
    process = subprocess.Popen(
        command(tiny_settings(inputs), root, count=60),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(sequence_folders(root)) >= 1, "a sequence")
    if word == signal.SIGINT:  # a terminal sends it to all processes of the group
        os.killpg(process.pid, word)
    else:
        process.send_signal(word)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "the same command goes on" in output
    result = check_dataset(root)
    assert result.problems == []
    assert 1 <= result.sequences < 60
    assert not (root / PARTS).exists()


def test_a_folder_made_with_other_settings_is_refused(inputs: Path, finished: Path) -> None:
    before = tree_hash(finished)
    with pytest.raises(SynthError, match="other settings: seed: there 4, now 9; size: there 48, now 40"):
        make(tiny_settings(inputs, seed=9, size=40), finished)
    assert tree_hash(finished) == before


def test_a_folder_made_with_other_clips_is_refused(inputs: Path, finished: Path, tmp_path: Path) -> None:
    clips = shutil.copytree(inputs / "clips", tmp_path / "clips")
    (clips / "03_01.amc").rename(clips / "03_02.amc")
    with pytest.raises(SynthError, match=r"clip 03_01.amc is no longer there; clip 03_02.amc is new"):
        make(tiny_settings(inputs, motion=str(clips)), finished)


def test_a_folder_with_other_files_is_refused(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(SynthError, match=r"has other files in it \(thesis.tex\)"):
        make(tiny_settings(inputs), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_second_run_of_the_same_part_is_refused_and_a_dead_worker_is_named(inputs: Path, tmp_path: Path) -> None:
    root, settings = tmp_path / "set", tiny_settings(inputs, frames=4000)
    process = subprocess.Popen(
        command(settings, root, 1, 1), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: any(root.glob(f"{PARTS}/seq_*")), "a sequence is begun")
    for shard in (Shard(), Shard(1, 2)):
        with pytest.raises(SynthError, match="another `egorear synth` is writing part 1/1"):
            make(settings, root, 1, shard=shard)
    worker = next(pid for pid in children(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGKILL)
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "ended with signal SIGKILL" in error
    assert "fewer --workers" in error
    assert sequence_folders(root) == []
    assert not (root / PARTS).exists()


def test_a_rig_that_does_not_load_stops_before_anything_is_written(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no rig calibration 'missing'"):
        make(tiny_settings(inputs, rig="missing"), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_an_unreadable_texture_is_named_before_anything_is_generated(inputs: Path, tmp_path: Path) -> None:
    textures = tmp_path / "textures"
    textures.mkdir()
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(textures / "good.png")
    whole = (textures / "good.png").read_bytes()
    (textures / "bad.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(TextureError, match=r"bad.png: this texture cannot be read"):
        make(tiny_settings(inputs, textures=str(textures)), tmp_path / "set")
    with pytest.raises(TextureError, match="no such folder of textures"):
        make(tiny_settings(inputs, textures=str(tmp_path / "missing")), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_another_texture_is_another_data_set(inputs: Path, tmp_path: Path) -> None:
    textures, root = tmp_path / "textures", tmp_path / "set"
    textures.mkdir()
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(textures / "plain.png")
    settings = tiny_settings(inputs, textures=str(textures))
    make(settings, root, count=1)
    assert json.loads((root / "dataset.json").read_text())["textures"] == 1
    Image.fromarray(np.full((40, 60, 3), 91, np.uint8)).save(textures / "plain.png")
    with pytest.raises(SynthError, match=r"other settings: texture plain.png has changed"):
        make(settings, root, count=1)


def test_every_sequence_has_its_own_body_and_records_its_parts(finished: Path) -> None:
    known = [json.loads((folder / "sequence.json").read_text()) for folder in sequence_folders(finished)]
    assert len({json.dumps(sequence["person"]) for sequence in known}) == 3
    assert len({json.dumps(sequence["camera"]) for sequence in known}) == 3
    assert all(sequence["mount"]["shell"] in ("helmet", "halo") for sequence in known)
    assert all(sequence["image_sizes"] == {view: [48, 40] for view in ("left", "right", "rear")} for sequence in known)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to ask how it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_mixed_movements_say_what_they_are_made_of(inputs: Path, tmp_path: Path) -> None:
    root = tmp_path / "mixed"
    make(tiny_settings(inputs, mixed=1.0), root, 6)
    motions = [json.loads(path.read_text())["motion"] for path in sorted(root.glob("body_*/seq_*/sequence.json"))]
    assert Counter(motion["kind"] for motion in motions) == {"mixed": 3, "mixed_random": 3}
    uppers = [motion["upper"] for motion in motions]
    assert all(
        upper is None or ("seed" in upper) == (motion["kind"] == "mixed_random")
        for upper, motion in zip(uppers, motions, strict=True)
    )
    assert sum(upper is not None for upper in uppers) >= 4
    card = json.loads((root / "dataset.json").read_text())
    named = {motion["clip"] for motion in motions} | {upper["clip"] for upper in uppers if upper and "clip" in upper}
    assert {name for split in card["clips"].values() for name in split} == named
    assert not check_dataset(root).problems
