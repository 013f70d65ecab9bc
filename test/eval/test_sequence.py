"""Evaluation of a small sequence folder with a method that knows the answer, nearly."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egorear_eval.sequence import evaluate_sequence
from egorear_ros.estimators.base import EstimateError, Prepared
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.base import SourceError
from egorear_ros.structures import BodyPose, FrameSet, TrackingState

RIG = load_rig("ego4view_syn")
FRAMES = 6
BODY_M = 0.1 * np.arange(16)[:, None] * np.array([0.0, 0.0, 1.0])


class Reader:
    """Reads a joint's place out of the image's grey value: wrong frames would give wrong poses."""

    model_id = "reader"
    trained = True
    notice = ""

    def __init__(self, views: tuple[str, ...] = RIG.views) -> None:
        self.views = views

    def warm_up(self) -> None:
        pass

    def estimate(self, frames: FrameSet) -> BodyPose:
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        greys = []
        for view in self.views:
            data = frames.frames[view].data
            assert isinstance(data, bytes)
            try:
                greys.append(int(np.asarray(Image.open(io.BytesIO(data)))[0, 0, 0]))
            except OSError as error:
                raise EstimateError(f"{view}: damaged") from error
        return Prepared(frames.stamp_ns, {}, np.mean(greys))

    def infer(self, prepared: Prepared) -> BodyPose:
        joints = np.full((16, 3), prepared.inputs / 100.0) + BODY_M
        return BodyPose(prepared.stamp_ns, joints, np.ones(16), {}, TrackingState.OK, self.model_id)


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    for index in range(FRAMES):
        points_cm = (10.0 * index + 100.0 * BODY_M).tolist()
        joints = {name: {"device_pts3d": point} for name, point in zip(EGO4VIEW.dataset_names, points_cm, strict=True)}
        folder = tmp_path / "json_smplx_gendered"
        folder.mkdir(exist_ok=True)
        (folder / f"{index}.json").write_text(json.dumps({"joints": joints}))
        for view in RIG.views:
            images = tmp_path / "fisheye_rgb" / f"camera_{view}"
            images.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 32, 3), 10 * index, np.uint8)).save(images / f"{index}.png")
    return tmp_path


ALL = RIG.views
FRONT = RIG.views[:2]


def test_every_frame_meets_its_own_truth(sequence: Path) -> None:
    result = evaluate_sequence(str(sequence), RIG, {ALL: Reader()})
    assert result.clips[ALL].frames == tuple(str(index) for index in range(FRAMES))
    assert result.skipped == []
    np.testing.assert_allclose(result.clips[ALL].predicted, result.clips[ALL].truth)


def test_each_set_of_views_sees_only_these(sequence: Path) -> None:
    """The rear images are brighter, so that a pose made with them differs."""
    for view in RIG.views[2:]:
        for index in range(FRAMES):
            path = sequence / "fisheye_rgb" / f"camera_{view}" / f"{index}.png"
            Image.fromarray(np.full((32, 32, 3), 10 * index + 50, np.uint8)).save(path)
    clips = evaluate_sequence(str(sequence), RIG, {ALL: Reader(), FRONT: Reader(FRONT)}).clips
    np.testing.assert_allclose(clips[FRONT].predicted, clips[FRONT].truth)
    np.testing.assert_allclose(clips[ALL].predicted, clips[ALL].truth + 0.25)


def test_every_second_frame(sequence: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = evaluate_sequence(str(sequence), RIG, {ALL: Reader()}, 2, lambda done, total: seen.append((done, total)))
    assert result.clips[ALL].frames == ("0", "2", "4")
    np.testing.assert_allclose(result.clips[ALL].predicted, result.clips[ALL].truth)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_damaged_frames_are_named_and_left_out(sequence: Path) -> None:
    image = sequence / "fisheye_rgb" / "camera_back_left" / "2.png"
    image.write_bytes(image.read_bytes()[:60])
    (sequence / "json_smplx_gendered" / "4.json").write_text("{")
    result = evaluate_sequence(str(sequence), RIG, {ALL: Reader()})
    assert result.clips[ALL].frames == ("0", "1", "3", "5")
    assert [skip.frame for skip in result.skipped] == ["2", "4"]
    np.testing.assert_allclose(result.clips[ALL].predicted, result.clips[ALL].truth)


def test_sequences_of_one_movement_are_one_group(sequence: Path) -> None:
    assert evaluate_sequence(str(sequence), RIG, {ALL: Reader()}).clips[ALL].group == str(sequence)
    (sequence / "sequence.json").write_text(json.dumps({"motion": {"clip": "01_03.amc"}}))
    assert evaluate_sequence(str(sequence), RIG, {ALL: Reader()}).clips[ALL].group == "01_03.amc"


def test_folder_that_is_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="fisheye_rgb"):
        evaluate_sequence(str(tmp_path), RIG, {ALL: Reader()})
