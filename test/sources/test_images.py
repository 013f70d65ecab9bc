"""Folders of images, with and without sub-folders per view."""

from collections.abc import Callable
from pathlib import Path

import pytest

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import EndOfSource, SourceError, SourceLost
from egorear_ros.sources.folder import natural_order
from egorear_ros.sources.images import ImagesSource
from egorear_ros.structures import Rig

Write = Callable[..., bytes]


def opened(path: Path | str, rig: Rig, view: str = "front_left", **config: object) -> ImagesSource:
    source = ImagesSource(SourceConfig(kind="images", path=str(path), **config), rig, view)  # type: ignore[arg-type]
    source.open()
    return source


def test_files_are_passed_on_undecoded_in_the_order_of_their_numbers(
    tmp_path: Path, rig: Rig, write_image: Write
) -> None:
    files = {name: write_image(tmp_path / name, level) for level, name in enumerate(("10.jpg", "9.png", "1.jpeg"))}
    source = opened(tmp_path, rig)
    pictures = [source.read(tick) for tick in range(3, 7)]
    assert [picture.data for picture in pictures] == [files[name] for name in ("1.jpeg", "9.png", "10.jpg", "1.jpeg")]
    assert [picture.encoding for picture in pictures] == ["jpeg", "png", "jpeg", "jpeg"]
    assert all(picture.monotonic_ns is None for picture in pictures)


@pytest.mark.parametrize("name", ["{view}", "camera_{view}"])
def test_sub_folder_per_view(tmp_path: Path, rig: Rig, write_image: Write, name: str) -> None:
    wanted = {view: write_image(tmp_path / name.format(view=view) / "a.jpg", 9 * n) for n, view in enumerate(rig.views)}
    for view in rig.views:
        assert opened(tmp_path, rig, view).read(0).data == wanted[view]


def test_view_in_the_path(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    wanted = {view: write_image(tmp_path / f"cam-{view}-x" / "a.jpg", 9 * n) for n, view in enumerate(rig.views)}
    for view in rig.views:
        assert opened(tmp_path / "cam-{view}-x", rig, view).read(0).data == wanted[view]


def test_views_stay_together_where_one_lacks_an_image(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    for view, stems in (("front_left", "abcd"), ("front_right", "abd")):
        for stem in stems:
            write_image(tmp_path / view / f"{stem}.jpg")
    source = opened(tmp_path, rig, "front_right")
    for tick in (0, 1, 3, 4):
        source.read(tick)
    with pytest.raises(SourceError, match=r"front_right: no image c in .*front_right"):
        source.read(2)


def test_views_without_common_names_are_refused(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "front_left" / "left_1.jpg")
    write_image(tmp_path / "front_right" / "right_1.jpg")
    with pytest.raises(SourceError, match="left_1 here and right_1 there.*same name"):
        opened(tmp_path, rig)


def test_one_view_of_its_own_needs_no_sub_folder(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "front_right" / "a.jpg")
    assert opened(tmp_path / "front_right", rig, "front_right").read(5).encoding == "jpeg"


def test_hidden_files_and_second_formats_are_left_out(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    wanted = write_image(tmp_path / "a.jpg", 5)
    write_image(tmp_path / "a.png", 6)
    (tmp_path / "._a.jpg").write_bytes(b"resource fork")
    source = opened(tmp_path, rig)
    assert [source.read(tick).data for tick in range(2)] == [wanted] * 2


def test_playing_once_ends(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "a.jpg")
    source = opened(tmp_path, rig, loop=False)
    source.read(70)
    with pytest.raises(EndOfSource):
        source.read(71)


def test_damaged_image_is_named_and_the_next_one_is_fine(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    whole = write_image(tmp_path / "a.jpg", 7)
    (tmp_path / "b.jpg").write_bytes(whole[:-30])
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / "d.jpg").write_bytes(b"not an image at all")
    (tmp_path / "e.png").write_bytes(write_image(tmp_path / "e.png")[:-12])
    write_image(tmp_path / "f.jpg")
    source = opened(tmp_path, rig)
    problems = ["b.jpg is cut off", "c.jpg is empty", "d.jpg is not a readable", "e.png is cut"]
    for tick, words in enumerate(problems, 1):
        with pytest.raises(SourceError, match=words) as caught:
            source.read(tick)
        assert not isinstance(caught.value, SourceLost)
    source.read(5)
    assert source.read(6).data == whole


def test_first_image_damaged_does_not_prevent_opening(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    write_image(tmp_path / "b.jpg")
    assert opened(tmp_path, rig).read(1).encoding == "jpeg"


def test_only_damaged_images_prevent_opening(tmp_path: Path, rig: Rig) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=r"no image in .* is readable.*a.jpg is empty"):
        opened(tmp_path, rig)


def test_image_that_vanished_and_folder_that_vanished(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    folder = tmp_path / "disk"
    write_image(folder / "a.jpg")
    write_image(folder / "b.jpg")
    source = opened(folder, rig)
    (folder / "a.jpg").unlink()
    with pytest.raises(SourceError, match=r"cannot read .*a\.jpg: No such file") as caught:
        source.read(0)
    assert not isinstance(caught.value, SourceLost)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(SourceLost, match="is gone"):
        source.read(1)


@pytest.mark.parametrize("size", [(32, 24), (64, 48), (128, 96), (21, 16)])
def test_uniformly_scaled_images_fit(tmp_path: Path, rig: Rig, write_image: Write, size: tuple[int, int]) -> None:
    write_image(tmp_path / "a.jpg", size=size)
    opened(tmp_path, rig)


def test_other_aspect_ratio_names_the_calibration(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "a.jpg", size=(64, 64))
    with pytest.raises(SourceError, match=r"front_left: .*a\.jpg is 64x64 px but calib/small.yaml calibrates 64x48"):
        opened(tmp_path, rig)


def test_size_that_was_asked_for_is_checked(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "a.jpg")
    with pytest.raises(SourceError, match=r"a\.jpg is 64x48 px but source.width asks for 32"):
        opened(tmp_path, rig, width=32, height=24)
    with pytest.raises(SourceError, match=r"source.width x source.height is 32x32 px but calib/small.yaml"):
        opened(tmp_path, rig, width=32, height=32)


def test_size_that_changes_on_the_way_is_an_error(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "a.jpg")
    write_image(tmp_path / "b.jpg", size=(48, 64))
    source = opened(tmp_path, rig)
    with pytest.raises(SourceError, match=r"b\.jpg is 48x64"):
        source.read(1)


def test_wrong_paths_say_what_is_there(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    with pytest.raises(SourceError, match="source.path is empty"):
        opened("", rig)
    with pytest.raises(SourceError, match="there is no folder"):
        opened(tmp_path / "missing", rig)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"no .jpg or .png image in .*; it has: notes.txt"):
        opened(tmp_path, rig)
    write_image(tmp_path / "front_right" / "a.jpg")
    with pytest.raises(SourceError, match=r"has folders for front_right but none named front_left"):
        opened(tmp_path, rig)


def test_close_twice_and_read_after_close(tmp_path: Path, rig: Rig, write_image: Write) -> None:
    write_image(tmp_path / "a.jpg")
    source = opened(tmp_path, rig)
    source.close()
    source.close()
    with pytest.raises(SourceLost, match="not open"):
        source.read(0)


def test_natural_order() -> None:
    names = ["f10", "f9", "f010", "a", "10", "9", "f9b", "é2", ""]
    assert natural_order(names) == ["", "9", "10", "a", "f9", "f9b", "f010", "f10", "é2"]
