"""Every way in which a recording can be wrong is named; a good one is good."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import bag_data
import pytest
import rig_data

from egorear_ros.bags.bag import open_bag
from egorear_ros.bags.base import Topic
from egorear_ros.bags.check import BagReport, check_bag
from egorear_ros.bags.encode import encode_camera_info, encode_static_tf
from egorear_ros.bags.histogram import Durations
from egorear_ros.bags.origin import pack
from egorear_ros.bags.suggest import suggest_remaps
from egorear_ros.bags.typestore import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, TF_MESSAGE
from egorear_ros.bags.views import rig_topics
from egorear_ros.geometry.fisheye import scale_lens
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Rig

Rows = list[bag_data.Row]
FRONT_LEFT = "/front_left/image_raw/compressed"
BACK_LEFT = "/back_left/image_raw/compressed"


def check(
    path: Path, rows: Rows, rig: Rig | None = None, namespace: str | None = None, remap: dict[str, str] | None = None
) -> BagReport:
    bag_data.write_rows(path, rows)
    with open_bag(path, remap) as bag:
        return check_bag(bag, rig, namespace)


def kinds(report: BagReport) -> set[tuple[str, str]]:
    return {(finding.kind, finding.where) for finding in report.findings if finding.severity == "error"}


def text(report: BagReport) -> str:
    return " ".join(finding.text for finding in report.findings)


def in_time(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: row[2])


def without(rows: Rows, *topics: str) -> Rows:
    return [row for row in rows if row[0] not in topics]


@pytest.mark.parametrize("storage", ["mcap", "zstd", "sqlite3", "messages"])
@pytest.mark.parametrize("given", [True, False])
def test_a_good_recording_is_good(tmp_path: Path, storage: str, given: bool) -> None:
    rows = bag_data.rig_rows(40)
    if storage in ("sqlite3", "messages"):
        path = bag_data.write_sqlite(tmp_path / "bag", rows, by_message=storage == "messages")
    else:
        path = bag_data.write_rows(tmp_path / "bag", rows, "none" if storage == "mcap" else "zstd")
    with open_bag(path) as bag:
        report = check_bag(bag, bag_data.rig() if given else None)
    assert report.findings == () and report.good
    assert [camera.view for camera in report.cameras] == list(rig_data.VIEWS)
    for camera in report.cameras:
        assert (camera.images, camera.lost, camera.older, camera.jumps) == (40, 0, 0, 0)
        assert camera.rate_hz == pytest.approx(20.0)
        assert camera.period_ms == pytest.approx(50.0, abs=0.06)
    assert (report.complete, report.partial, report.dropped, report.truths) == (40, 0, 0, 40)
    assert report.messages == len(rows) == sum(topic.messages for topic in report.topics)
    assert report.bytes == sum(len(row[3]) for row in rows)
    assert json.loads(json.dumps(report.to_json()))["good"] is True


@pytest.mark.parametrize("disorder_s", [0.9, 2.5])
def test_topics_that_were_written_one_after_the_other_are_in_order(tmp_path: Path, disorder_s: float) -> None:
    """Under load rosbag2's recorder writes what has gathered, topic by topic."""
    moments = round(disorder_s * 1e9 / bag_data.PERIOD_NS)
    batches = [bag_data.rig_rows(100)[:1]]
    rows = bag_data.rig_rows(100)[1:]
    topics = list(dict.fromkeys(row[0] for row in rows))
    for begin in range(0, 100, moments):
        batch = rows[begin * len(topics) : (begin + moments) * len(topics)]
        batches += [[row for row in batch if row[0] == topic] for topic in topics]
    report = check(tmp_path / "bag", [row for batch in batches for row in batch])
    assert report.findings == ()
    assert (report.complete, report.partial, report.dropped) == (100, 0, 0)


def test_jitter_gaps_and_skew_are_measured(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = bag_data.rig_rows(1, views=(), truth=False)
    for view in rig_data.VIEWS:
        offset_ns = 3_000_000 if view == "back_left" else 0
        for index in range(200):
            if view == "front_right" and index == 100:
                continue
            stamp_ns = (
                bag_data.BEGIN_NS + index * bag_data.PERIOD_NS + offset_ns + chance.randrange(-1_000_000, 1_000_000)
            )
            rows.append(bag_data.image_row(f"/{view}/image_raw/compressed", stamp_ns, stamp_ns + 1_000_000, view))
    report = check(tmp_path / "bag", sorted(rows, key=lambda row: row[2]), bag_data.rig())
    cameras = {camera.view: camera for camera in report.cameras}
    assert cameras["front_right"].lost == 1 and cameras["front_left"].lost == 0
    assert cameras["front_right"].longest_gap_ms == pytest.approx(100.0, abs=2.1)
    assert 1.0 < cameras["front_left"].jitter_ms < 2.0  # 95 % of differences of two uniform errors of 1 ms
    assert 2.0 < report.skew_p50_ms < 4.5 and report.skew_max_ms < 5.1
    assert report.complete == 199 and report.partial == 1
    assert report.good and "1 images are missing" in text(report)


@pytest.mark.parametrize(("by_ms", "way"), [(20, "20 ms later"), (-20, "20 ms earlier"), (1000, "1000 ms later")])
def test_a_camera_whose_clock_is_off_is_named(tmp_path: Path, by_ms: int, way: str) -> None:
    rows = shifted(bag_data.rig_rows(40), BACK_LEFT, range(40), by_ms * 1_000_000)
    report = check(tmp_path / "bag", rows, bag_data.rig())
    (found,) = [finding for finding in report.findings if finding.kind == "offset"]
    assert found.where == "back_left" and way in found.text and "--tolerance-ms" in found.text


def shifted(rows: Rows, topic: str, frames: range, by_ns: int) -> Rows:
    """Return rows in which some images of a topic have other stamps; log times stay."""
    images = [index for index, row in enumerate(rows) if row[0] == topic]
    out = list(rows)
    for frame in frames:
        stamp_ns, log_ns = bag_data.BEGIN_NS + frame * bag_data.PERIOD_NS + by_ns, rows[images[frame]][2]
        out[images[frame]] = bag_data.image_row(topic, stamp_ns, log_ns, topic.split("/")[1])
    return out


def everything_later(rows: Rows, first: int, by_ns: int) -> Rows:
    """Return rows whose stamps and log times jump together, as when the computer's clock is set."""
    index = next(number for number, row in enumerate(rows) if row[2] >= bag_data.BEGIN_NS + first * bag_data.PERIOD_NS)
    later = [
        bag_data.image_row(row[0], row[2] - 1_000_000 + by_ns, row[2] + by_ns, row[0].split("/")[1])
        for row in rows[index:]
        if row[1] == COMPRESSED_IMAGE
    ]
    return rows[:index] + later


def retyped(rows: Rows, topic: str, kind: str) -> Rows:
    return [(row[0], kind if row[0] == topic else row[1], row[2], row[3]) for row in rows]


def two_cameras_on_one_topic(rows: Rows) -> Rows:
    second = [
        bag_data.image_row(FRONT_LEFT, row[2] + 10_000_000, row[2] + 11_000_000, "other/front_left")
        for row in rows
        if row[0] == FRONT_LEFT
    ]
    return in_time(rows + second)


def two_calibrations(rows: Rows) -> Rows:
    lens = scale_lens(bag_data.rig()["front_right"].lens, bag_data.IMAGE_PX, bag_data.IMAGE_PX)
    last_ns = rows[-1][2]
    info = encode_camera_info(last_ns, "front_left_optical", lens)
    return [*rows, ("/front_left/camera_info", CAMERA_INFO, last_ns, info)]


def two_places(rows: Rows) -> Rows:
    rig = bag_data.rig()
    moved = Rig(rig.name, tuple(rig[view] for view in reversed(rig.views)))
    cameras = tuple(
        type(camera)(view, camera.lens, camera.T_device_camera)
        for view, camera in zip(rig.views, moved.cameras, strict=True)
    )
    last_ns = rows[-1][2]
    return [*rows, ("/tf_static", TF_MESSAGE, last_ns, encode_static_tf(last_ns, Rig("moved", cameras), ""))]


CASES: dict[str, tuple[Callable[[Rows], Rows], set[tuple[str, str]], str]] = {
    "no messages": (lambda rows: [], {("no_messages", "")}, "no messages"),
    "a silent camera": (lambda rows: without(rows, BACK_LEFT), {("missing", "")}, f"Not in the recording: {BACK_LEFT}"),
    "another type": (
        lambda rows: retyped(rows, BACK_LEFT, IMAGE),
        {("type", BACK_LEFT)},
        f"has messages of type {IMAGE}; expected {COMPRESSED_IMAGE}",
    ),
    "another type of info": (
        lambda rows: retyped(rows, "/back_left/camera_info", COMPRESSED_IMAGE),
        {("type", "/back_left/camera_info"), ("no_calibration", "")},
        f"expected {CAMERA_INFO}",
    ),
    "no calibration": (
        lambda rows: [row for row in rows if row[1] not in (CAMERA_INFO, TF_MESSAGE)],
        {("no_calibration", "")},
        "No CameraInfo of any camera",
    ),
    "no places": (lambda rows: without(rows, "/tf_static"), {("no_calibration", "")}, "No camera places of any camera"),
    "stamps jump": (
        lambda rows: shifted(rows, BACK_LEFT, range(20, 40), 10**10),
        {("clock_jump", "back_left"), ("rate", "back_left"), ("skew", "")},
        "Stamps jump by +10 s at 1.0 s",
    ),
    "stamps go back": (
        lambda rows: shifted(rows, BACK_LEFT, range(20, 40), -(10**10)),
        {("clock_jump", "back_left"), ("skew", "")},
        "Stamps jump by -10 s",
    ),
    "the computer's clock goes back": (
        lambda rows: everything_later(rows, 20, -(10**10)),
        {("clock_jump", ""), *(("not_monotonic", view) for view in rig_data.VIEWS)},
        "The recorder's clock went back by 9.95 s at 1.0 s",
    ),
    "stamps out of order": (
        lambda rows: shifted(rows, BACK_LEFT, range(20, 21), -90_000_000),
        {("not_monotonic", "back_left"), ("gaps", "back_left")},
        "1 of 40 stamps are older than the one before, by 0.04 s at",
    ),
    "equal stamps": (
        lambda rows: shifted(rows, BACK_LEFT, range(20, 21), -50_000_000),
        {("duplicate", "back_left"), ("gaps", "back_left")},
        "1 of 40 stamps equal the one before",
    ),
    "two rigs": (
        lambda rows: in_time(rows + bag_data.rig_rows(40, namespace="/other", calibration=False)),
        {("two_rigs", "")},
        "Cameras of 2 rigs: /, /other. Choose one with --namespace",
    ),
    "two cameras on one topic": (
        two_cameras_on_one_topic,
        {("two_rigs", "front_left"), ("rate", "front_left"), ("gaps", "front_left")},
        "by frame: front_left_optical (40), other/front_left_optical (40)",
    ),
    "two calibrations": (two_calibrations, {("two_rigs", "front_left")}, "/front_left/camera_info changes"),
    "two places": (two_places, {("two_rigs", f"{view}_optical") for view in rig_data.VIEWS}, "in two ways"),
    "a gap": (
        lambda rows: [row for row in rows if row[0] != BACK_LEFT or not 10 <= (row[2] - bag_data.BEGIN_NS) / 5e7 < 25],
        {("gaps", "back_left"), ("rate", "back_left")},
        "15 images are missing; the longest gap is 800 ms, from 0.5 s on",
    ),
    "half the rate": (
        lambda rows: [row for row in rows if row[0] != BACK_LEFT or (row[2] - bag_data.BEGIN_NS) // 50_000_000 % 2],
        {("rate", "back_left"), ("skew", "")},
        "Hz, while the cameras usually send 20.00 Hz",
    ),
    "not triggered together": (
        lambda rows: shifted(rows, BACK_LEFT, range(40), 20_000_000),
        {("skew", "")},
        "Only 0 of 80 moments have images of all views within 8 ms",
    ),
    "empty images": (
        lambda rows: [
            bag_data.image_row(row[0], row[2] - 1_000_000, row[2], "back_left", b"") if row[0] == BACK_LEFT else row
            for row in rows
        ],
        {("empty", "back_left")},
        "40 of 40 images have no data",
    ),
    "damaged images": (
        lambda rows: [(row[0], row[1], row[2], b"\0\1abc") if row[0] == BACK_LEFT else row for row in rows],
        {("damaged", "back_left"), ("skew", "")},
        "40 of 40 messages are damaged or cut off",
    ),
    "images that are cut off": (
        lambda rows: [(*row[:3], row[3][:-1]) if row[0] == BACK_LEFT else row for row in rows],
        {("damaged", "back_left")},
        "40 of 40 messages are damaged or cut off",
    ),
    "other names and no rig": (
        lambda rows: [("/helmet/rear_left/jpeg" if row[0] == BACK_LEFT else row[0], *row[1:]) for row in rows],
        {("imageless", "")},
        f"--remap /helmet/rear_left/jpeg:={BACK_LEFT}",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named(tmp_path: Path, name: str) -> None:
    spoil, expected, words = CASES[name]
    report = check(tmp_path / "bag", spoil(bag_data.rig_rows(40)))
    if name == "a silent camera":
        assert kinds(report) == {("imageless", "")}
        assert f"CameraInfo of back_left, but no images. Not in the recording: {BACK_LEFT}." in text(report)
        # Without it, nothing in the recording says that there should be a fourth camera.
        silent = without(spoil(bag_data.rig_rows(40)), "/back_left/camera_info")
        assert kinds(check(tmp_path / "three", silent)) == set()
        report = check(tmp_path / "with_rig", spoil(bag_data.rig_rows(40)), bag_data.rig())
    assert kinds(report) == expected
    assert words in text(report) and not report.good


def test_other_formats_than_jpeg_and_png(tmp_path: Path) -> None:
    from egorear_ros.bags.encode import encode_image

    rows = [
        (*row[:3], encode_image(row[2] - 1_000_000, "f", "h264", b"\0\0\1")) if row[0] == BACK_LEFT else row
        for row in bag_data.rig_rows(5)
    ]
    report = check(tmp_path / "bag", rows)
    assert kinds(report) == {("format", "back_left")} and "neither JPEG nor PNG" in text(report)


def test_one_of_two_rigs_may_be_chosen(tmp_path: Path) -> None:
    rows = in_time(bag_data.rig_rows(40) + bag_data.rig_rows(30, namespace="/other", calibration=False))
    report = check(tmp_path / "bag", rows, bag_data.rig(), "other")
    assert report.good and report.namespace == "/other"
    assert {camera.images for camera in report.cameras} == {30}


def test_the_calibration_is_compared_with_the_rig(tmp_path: Path) -> None:
    rig = bag_data.rig()
    swapped = Rig(
        "swapped",
        tuple(type(c)(v, c.lens, c.T_device_camera) for v, c in zip(rig.views, reversed(rig.cameras), strict=True)),
    )
    report = check(tmp_path / "bag", bag_data.rig_rows(5), swapped)
    assert kinds(report) == {("calibration", view) for view in rig.views}
    assert "px off rig swapped" in text(report) and "mm and" in text(report)
    stereo = load_rig("example_stereo_equidistant")
    assert ("calibration", "front_left") in kinds(check(tmp_path / "two", bag_data.rig_rows(5), stereo))


def test_the_rig_that_a_recording_carries_counts(tmp_path: Path) -> None:
    rows = [row for row in bag_data.rig_rows(20) if row[1] not in (CAMERA_INFO, TF_MESSAGE) and row[0] != BACK_LEFT]
    bag_data.write_rows(tmp_path / "bag", rows, custom=pack(bag_data.rig(), None))
    with open_bag(tmp_path / "bag") as bag:
        report = check_bag(bag)
    assert report.rig == "ego4view_syn" and kinds(report) == {("missing", "")}
    assert "ego4view_syn says it instead" in text(report)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_recording_that_was_cut_off_is_judged_up_to_the_break(tmp_path: Path, storage: str) -> None:
    write = bag_data.write_rows if storage == "mcap" else bag_data.write_sqlite
    path = write(tmp_path / "bag", bag_data.rig_rows(100))
    file = bag_data.storage_file(path)
    bag_data.cut(file, file.stat().st_size // 2)
    with open_bag(path) as bag:
        report = check_bag(bag, bag_data.rig())
    assert {kind for kind, _ in kinds(report)} == {"broken", "count"}
    assert "cut off" in text(report) and "metadata.yaml promises 901 messages" in text(report)
    assert 20 < report.cameras[0].images < 80 and report.complete > 20


def test_other_names_are_suggested_by_type_and_name(tmp_path: Path) -> None:
    names = {
        FRONT_LEFT: "/helmet/cam_fl/compressed",
        "/front_right/image_raw/compressed": "/helmet/cam_fr/compressed",
        BACK_LEFT: "/helmet/rearLeft/compressed",
        "/back_right/image_raw/compressed": "/helmet/back/right/compressed",
    }
    rows = [(names.get(row[0], row[0]), *row[1:]) for row in bag_data.rig_rows(5)]
    report = check(tmp_path / "bag", rows, bag_data.rig())
    assert kinds(report) == {("missing", "")}
    for wanted, found in names.items():
        assert f"--remap {found}:={wanted}" in text(report)
    with open_bag(tmp_path / "bag", {found: wanted for wanted, found in names.items()}) as bag:
        assert check_bag(bag, bag_data.rig()).good


def test_poses_on_another_topic_could_be_the_ground_truth(tmp_path: Path) -> None:
    truth = "/ground_truth/body_pose"
    rows = [("/mocap/pose" if row[0] == truth else row[0], *row[1:]) for row in bag_data.rig_rows(5)]
    report = check(tmp_path / "bag", rows, bag_data.rig())
    assert [finding.kind for finding in report.findings] == ["truth"] and report.good
    assert f"`--remap /mocap/pose:={truth}`" in text(report)
    with open_bag(tmp_path / "bag", {"/mocap/pose": truth}) as bag:
        assert not check_bag(bag, bag_data.rig()).findings
    estimated = [("/body_pose" if row[0] == truth else row[0], *row[1:]) for row in bag_data.rig_rows(5)]
    assert not check(tmp_path / "estimated", estimated, bag_data.rig()).findings


def test_suggestions_are_of_images_only_and_each_is_used_once() -> None:
    topics = [Topic("/a", COMPRESSED_IMAGE), Topic("/front_left", CAMERA_INFO), Topic("/b", IMAGE)]
    rig = rig_topics(topics, "", rig_data.VIEWS)
    hints = suggest_remaps(topics, rig)
    assert sorted(hint.split()[1].split(":=")[0] for hint in hints) == ["/a", "/b"]
    assert len({hint.split(":=")[1] for hint in hints}) == 2
    assert suggest_remaps([], rig_topics([], "", rig_data.VIEWS)) == []


def test_durations_are_those_of_numpy() -> None:
    import numpy as np

    values = np.random.default_rng(0).integers(0, 100_000_000, 5000)
    durations = Durations()
    for value in values:
        durations.add(int(value))
    for percent in (1, 50, 95, 100):
        assert durations.percentile_ns(percent) == pytest.approx(np.percentile(values, percent), abs=100_000)
    spread = np.percentile(np.abs(values - 40_000_000), 95)
    assert durations.spread_ns(40_000_000, 95) == pytest.approx(spread, abs=150_000)
    assert durations.missing(10_000_000) == pytest.approx(np.maximum(np.round(values / 1e7) - 1, 0).sum(), rel=0.01)
    assert math.isnan(Durations().percentile_ns(50)) and math.isnan(Durations().spread_ns(1.0, 50))
