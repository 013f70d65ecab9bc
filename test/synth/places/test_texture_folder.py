from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egorear_synth.place import make_place
from egorear_synth.places import texture_folder
from egorear_synth.places.texture import LINEAR_OF_SRGB, MAX_SIZE
from egorear_synth.places.texture_folder import TextureError, TextureFolder


def save(path: Path, colour: tuple[int, int, int] = (200, 100, 50), size: tuple[int, int] = (96, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def test_images_in_all_folders_are_found_and_other_files_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "b" / "wood.PNG")
    save(tmp_path / "a.jpg")
    (tmp_path / "LICENSE.txt").write_text("mine")
    folder = TextureFolder(tmp_path)
    assert [path.name for path in folder.paths] == ["a.jpg", "wood.PNG"]
    texture = folder.texture(1, 3.0)
    assert texture.name == "b/wood.PNG"
    assert texture.size_m == (3.0, 1.5)
    np.testing.assert_allclose(texture.mean_colour, LINEAR_OF_SRGB[[200, 100, 50]], atol=0.01)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_every_kind_of_image_is_read(tmp_path: Path, mode: str) -> None:
    grey = np.full((40, 40), 128 * 257, dtype=np.uint16)
    image = Image.fromarray(grey) if mode == "I;16" else Image.fromarray((grey >> 8).astype(np.uint8)).convert(mode)
    image.save(tmp_path / ("image.tif" if mode == "CMYK" else "image.png"))
    np.testing.assert_allclose(TextureFolder(tmp_path).texture(0, 1.0).mean_colour, LINEAR_OF_SRGB[128], atol=0.03)


def test_large_images_are_made_smaller(tmp_path: Path) -> None:
    save(tmp_path / "large.png", size=(2 * MAX_SIZE + 5, 300))
    assert TextureFolder(tmp_path).texture(0, 1.0).levels[0].shape == (MAX_SIZE, MAX_SIZE, 3)


def test_images_are_decoded_once_and_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png")
    monkeypatch.setattr(texture_folder, "KEPT_TEXTURES", 2)
    folder = TextureFolder(tmp_path)
    first = folder.texture(0, 1.0)
    assert folder.texture(0, 2.0).levels is first.levels
    for index in (1, 2):
        folder.texture(index, 1.0)
    assert folder.texture(0, 1.0).levels is not first.levels
    assert len(folder._kept) == 2


def test_no_folder_and_no_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(TextureError, match="nowhere: no such folder"):
        TextureFolder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(TextureError, match="no images in this folder"):
        TextureFolder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0 cut"])
def test_a_file_that_is_no_image_is_named_at_once(tmp_path: Path, content: bytes) -> None:
    save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(content)
    with pytest.raises(TextureError, match=r"bad\.jpg: this texture cannot be read"):
        TextureFolder(tmp_path)


def test_an_image_that_ends_early_is_named_when_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(TextureError, match=r"cut\.png: this texture cannot be read"):
        TextureFolder(tmp_path).texture(0, 1.0)


def test_places_show_the_users_textures(tmp_path: Path) -> None:
    save(tmp_path / "mine.png")
    folder = TextureFolder(tmp_path)
    shown = [make_place(np.random.default_rng(seed), None, folder).facts["textures"] for seed in range(4)]
    names = [name for textures in shown for name in textures]
    assert 0.2 < names.count("mine.png") / len(names) < 0.8
