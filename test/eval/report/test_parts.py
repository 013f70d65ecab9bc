"""What a report draws, against what a naive look at the poses says."""

import re
from pathlib import Path

import numpy as np
import pytest
from report_data import RIG, standing_joints, walk, write_run

from egorear_eval.clip import EvaluationError, make_clip
from egorear_eval.report.about import data_card
from egorear_eval.report.frames import choose_frames
from egorear_eval.report.html import tree
from egorear_eval.report.over_time import make_track, over_time, top_mm
from egorear_eval.report.plots import latency, pck_curve, used_views, views_of_joints
from egorear_eval.report.results import load_results
from egorear_eval.report.scene import turned
from egorear_eval.report.summary import summary, warnings
from egorear_ros import metrics
from egorear_ros.geometry.fisheye import project


def test_worst_and_median_frames_are_those(tmp_path: Path) -> None:
    clips = [walk(f"data/{name}", seed=index, error_m=0.02 + 0.02 * index) for index, name in enumerate("abcd")]
    results = load_results(write_run(tmp_path, clips))
    errors = {
        (index, frame): float(metrics.mpjpe_mm(clip.predicted[frame], clip.truth[frame]))
        for index, clip in enumerate(clips)
        for frame in range(len(clip))
    }
    worst, second, third, median, other = choose_frames(results)
    assert (worst.clip, worst.index) == max(errors, key=lambda place: errors[place])
    assert len({worst.clip, second.clip, third.clip}) == 3 and median.clip != other.clip
    assert errors[worst.clip, worst.index] >= errors[second.clip, second.index] >= errors[third.clip, third.index]
    middle = float(np.median(list(errors.values())))
    taken = {(one.clip, one.index) for one in (worst, second, third)}
    nearest = min(abs(error - middle) for place, error in errors.items() if place not in taken)
    assert abs(errors[median.clip, median.index] - middle) == pytest.approx(nearest)


def test_the_headline_is_of_all_frames_and_tables_come_in_order(tmp_path: Path) -> None:
    """The file's tables are sorted by name, so its first row is that of some recording."""
    clips = [walk("data/a", 5, error_m=0.02), walk("data/b", 20, seed=1, error_m=0.2)]
    page = summary(load_results(write_run(tmp_path, clips)))
    errors = [1000 * np.linalg.norm(clip.predicted - clip.truth, axis=-1).mean(axis=-1) for clip in clips]
    assert f"<b>{np.concatenate(errors).mean():.1f}<small>" in page
    assert page.index("By views") < page.index("By recording") and '<th scope="row">b</th>' in page


def test_one_clip_of_one_frame_has_one_worst_frame(tmp_path: Path) -> None:
    results = load_results(write_run(tmp_path, [walk("data/a", frames=1)]))
    assert [(one.clip, one.index, one.why) for one in choose_frames(results)] == [(0, 0, "worst")]


def test_a_track_keeps_the_mean_at_few_points(tmp_path: Path) -> None:
    clips = [walk("data/a", frames=5), walk("data/b", frames=103, seed=1)]
    results = load_results(write_run(tmp_path, clips))
    track = make_track(results, 1, 10)
    assert len(track.x) <= 10 and track.step == 11 and track.title == "b"
    errors = metrics.joint_errors_mm(clips[1].predicted, clips[1].truth)
    np.testing.assert_allclose(track.errors_mm[0], errors[:11].mean(axis=0))
    np.testing.assert_allclose(track.errors_mm[-1], errors[99:].mean(axis=0))
    assert track.x_title == "frame"


def test_one_lost_wrist_does_not_flatten_the_lines() -> None:
    errors_mm = np.full((100, 16), 50.0)
    assert 60.0 < top_mm(errors_mm) < 80.0
    errors_mm[10, 7] = 900.0
    assert top_mm(errors_mm) < 160.0
    errors_mm[20] = 400.0
    assert top_mm(errors_mm) > 400.0, "a moment in which all joints are wrong is shown whole"


def test_stretches_with_fewer_views_are_marked(tmp_path: Path) -> None:
    clip = walk("a", 12)
    assert "band" not in over_time(load_results(write_run(tmp_path / "all", [clip])))
    clip.view_counts[3:5] = 3
    clip.view_counts[11] = 2
    page = over_time(load_results(write_run(tmp_path / "fewer", [clip])))
    bands = re.findall(r'class="bar band" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', page)
    assert len(bands) == 2, "neighbours are one stretch"
    widths = [float(width) + 0.6 for _, width in bands]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)


def test_recordings_have_seconds_and_histograms(tmp_path: Path) -> None:
    stamps_ns = 10**18 + np.arange(24, dtype=np.int64) * 33_333_333
    timing = {"stamp_ns": stamps_ns, "infer": np.linspace(10.0, 20.0, 24), "skew_ms": np.zeros(24)}
    results = load_results(write_run(tmp_path, [walk("a"), walk("b", seed=1)], timing))
    seconds = results.seconds(1)
    assert seconds is not None and seconds[0] == 0.0
    assert seconds[1] == pytest.approx(1 / 30, rel=1e-4)
    page = latency(results)
    assert page.count("<figure") == 2 and ">15.00<" in page
    assert list(results.stages) == ["infer"]


def test_data_sets_say_that_they_have_no_latencies(tmp_path: Path) -> None:
    assert "Not measured" in latency(load_results(write_run(tmp_path, [walk("a")])))


def test_pck_curve_says_what_the_metrics_say(tmp_path: Path) -> None:
    clip = walk("a", error_m=0.12)
    page = pck_curve(load_results(write_run(tmp_path, [clip])))
    pck, auc = (
        float(measure(clip.predicted, clip.truth).mean()) for measure in (metrics.pck_percent, metrics.auc_percent)
    )
    assert f"3D-PCK {pck:.1f} % at 150 mm" in page and f"AUC {auc:.1f} %" in page


def test_views_that_hold_a_joint_are_counted() -> None:
    joints = np.stack([standing_joints(), standing_joints() - np.array([0.0, 0.0, 5.0])])
    counts = views_of_joints(joints, RIG)
    for frame, joint in ((0, 0), (0, 9), (0, 15), (1, 3)):
        naive = 0
        for camera in RIG.cameras:
            point = np.linalg.inv(camera.T_device_camera) @ [*joints[frame, joint], 1.0]
            naive += bool(project(point[:3], camera.lens)[1])
        assert counts[frame, joint] == naive
    assert counts[0, 15] > 0 and counts[1].max() == 0


def test_number_of_views_used_is_plotted_where_it_changes(tmp_path: Path) -> None:
    clip = walk("a")
    assert "All poses are made of 4 views" in used_views(load_results(write_run(tmp_path / "same", [clip])))
    clip.view_counts[:6] = 3
    page = used_views(load_results(write_run(tmp_path / "other", [clip])))
    assert page.count("<circle") == 2


def test_partial_untrained_and_skipped_are_said() -> None:
    facts = {
        "trained": False,
        "recording": {"partial": True, "reason": "cut off"},
        "skipped": [{"frame": "7", "reason": "damaged"}],
    }
    words = "".join(warnings(facts))
    assert "random" in words and "cut off" in words and "7: damaged" in words
    assert warnings({"trained": True, "recording": {"partial": False}, "skipped": []}) == []


def test_a_scene_is_turned_as_a_camera_sees_it() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(turned(np.stack([x, y, z]), 0.0, 0.0), [[0, 0], [1, 0], [0, -1]], atol=1e-12)
    np.testing.assert_allclose(turned(np.stack([x, y, z]), 90.0, 0.0), [[-1, 0], [0, 0], [0, -1]], atol=1e-12)
    np.testing.assert_allclose(turned(z[None], 30.0, 90.0), [[0, 0]], atol=1e-12)


def test_long_facts_are_cut_and_say_so() -> None:
    page = tree({"<b>": list(range(100)), "none": None, "deep": [{"a": True}]})
    assert "… and 60 more" in page and "&lt;b&gt;" in page and "<b>" not in page and "yes" in page


def test_broken_folders_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"poses\.npz"):
        load_results(tmp_path)
    run = write_run(tmp_path / "run", [walk("a")], {"infer": np.zeros(5)})
    with pytest.raises(EvaluationError, match=re.escape("infer has shape (5,), but poses.npz has 12 frames")):
        load_results(run)
    (run / "timing.npz").write_bytes(b"PK\3\4")
    with pytest.raises(EvaluationError, match=r"timing\.npz: damaged"):
        load_results(run)
    (run / "scores.json").write_text('{"scores": 3}')
    with pytest.raises(EvaluationError, match=r"scores\.json: no scores"):
        load_results(run)
    empty = write_run(tmp_path / "empty", [walk("a")])
    from egorear_eval.clip import save_clips

    save_clips(empty / "poses.npz", [make_clip("a", [], [], [])])
    with pytest.raises(EvaluationError, match="compared no frame"):
        load_results(empty)


def test_sentences_of_a_list_stand_in_lines_of_their_own() -> None:
    sentence = "front_left: 2 images are missing; the longest gap is 800 ms."
    assert tree([sentence, "short"]) == f"<ul><li>{sentence}</li><li>short</li></ul>"
    assert tree(["a", "b"]) == "a, b"


def test_recordings_have_no_data_card(tmp_path: Path) -> None:
    assert "no card" in data_card(load_results(write_run(tmp_path / "data", [walk("a")])))
    assert data_card(load_results(write_run(tmp_path / "ride", [walk("a")], recording={"partial": False}))) == ""
