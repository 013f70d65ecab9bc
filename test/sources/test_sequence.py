"""Ego4View sequence folders of both kinds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import SequenceSource
from egorear_ros.structures import Rig

Write = Callable[..., bytes]


def make_sequence(
    folder: Path, rig: Rig, write_image: Write, stems: str = "abc", suffix: str = "jpg", annotations: str = ""
) -> dict[tuple[str, str], bytes]:
    for stem in stems if annotations else "":
        (folder / annotations).mkdir(parents=True, exist_ok=True)
        (folder / annotations / f"{stem}.json").write_text("{}")
    return {
        (view, stem): write_image(folder / "fisheye_rgb" / f"camera_{view}" / f"{stem}.{suffix}", 20 * n + m)
        for n, view in enumerate(rig.views)
        for m, stem in enumerate(stems)
    }


def opened(path: Path | str, rig: Rig, view: str = "front_left") -> SequenceSource:
    source = SequenceSource(SourceConfig(kind="sequence", path=str(path)), rig, view)
    source.open()
    return source


@pytest.mark.parametrize(
    "place",
    [
        "rp_aaron_posed_002/seq_1",
        "2024_07_24/S1/seq_3-0",
        "data-set/2024-07-24.json/json_smplx/seq-1",
        "fisheye_rgb/json_smplx_gendered/x-metadata.json",
    ],
)
@pytest.mark.parametrize(
    ("annotations", "suffix"), [("json_smplx_gendered", "jpg"), ("json_smplx", "png"), ("", "jpg")]
)
def test_all_views_of_both_layouts_below_any_root(
    tmp_path: Path, rig: Rig, write_image: Write, place: str, annotations: str, suffix: str
) -> None:
    wanted = make_sequence(tmp_path / place, rig, write_image, "abc", suffix, annotations)
    for view in rig.views:
        source = opened(tmp_path / place, rig, view)
        assert [source.read(tick).data for tick in range(9, 13)] == [wanted[view, stem] for stem in "abca"]


def test_annotations_are_the_frame_index(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    wanted = make_sequence(tmp_path, rig, write_image, "abcd")
    (tmp_path / "json_smplx").mkdir()
    for stem in "bd":
        (tmp_path / "json_smplx" / f"{stem}.json").write_text("{}")
    source = opened(tmp_path, rig)
    assert [source.read(tick).data for tick in range(2)] == [wanted["front_left", stem] for stem in "bd"]


def test_views_stay_together_where_an_image_is_missing(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    wanted = make_sequence(tmp_path, rig, write_image)
    (tmp_path / "fisheye_rgb" / "camera_back_left" / "b.jpg").unlink()
    source = opened(tmp_path, rig, "back_left")
    with pytest.raises(SourceError, match=r"back_left: no image b in .*camera_back_left"):
        source.read(1)
    assert source.read(2).data == wanted["back_left", "c"]


def test_missing_view_names_those_that_exist(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    make_sequence(tmp_path, rig.select(("front_left", "front_right")), write_image)
    with pytest.raises(SourceError, match=r"no folder camera_back_left; it has: camera_front_left, camera_front_right"):
        opened(tmp_path, rig, "back_left")


def test_images_of_other_frames_are_refused(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    make_sequence(tmp_path, rig, write_image)
    (tmp_path / "json_smplx").mkdir()
    (tmp_path / "json_smplx" / "z.json").write_text("{}")
    with pytest.raises(SourceError, match=r"has 3 images \(a, b, c\), none of them for the 1 frames"):
        opened(tmp_path, rig)


def test_empty_view_is_refused(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    make_sequence(tmp_path, rig.select(("front_right",)), write_image)
    (tmp_path / "fisheye_rgb" / "camera_front_left").mkdir()
    with pytest.raises(SourceError, match=r"camera_front_left has 0 images"):
        opened(tmp_path, rig)


@pytest.mark.parametrize("below", ["seq_1", "S1/seq_1"])
def test_folder_above_names_the_sequences_in_it(tmp_path: Path, rig: Rig, write_image: Write, below: str) -> None:
    make_sequence(tmp_path / below, rig, write_image)
    with pytest.raises(SourceError, match=f"is not an Ego4View sequence.*one of the sequences in it: {below}"):
        opened(tmp_path, rig)


def test_folder_below_names_the_sequence(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    make_sequence(tmp_path / "seq_1", rig, write_image)
    with pytest.raises(SourceError, match=r"Set source.path to .*seq_1\.$"):
        opened(tmp_path / "seq_1" / "fisheye_rgb", rig)


def test_wrong_paths(tmp_path: Path, rig: Rig) -> None:
    with pytest.raises(SourceError, match="source.path is empty"):
        opened("", rig)
    with pytest.raises(SourceError, match="there is no folder .*missing"):
        opened(tmp_path / "missing", rig)
    with pytest.raises(SourceError, match=r"has no folder fisheye_rgb. Correct source.path"):
        opened(tmp_path, rig)
