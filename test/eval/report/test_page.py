"""The page as a whole: complete, self-contained, small, and alive in a browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from chromium import Page
from report_data import GreyImages, walk, write_run

from egorear_eval.report import write_report

SECTIONS = ("summary", "joints", "time", "curves", "frames", "latency", "data", "made")
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with pictures, of three recordings."""
    folder = tmp_path_factory.mktemp("run")
    cards = {"/data/<mine>": {"counts": {"frames": 3}, "motion": {"kinds": {"clip": 2}}}}
    clips = [walk(f"data/{name}", seed=index, group=name) for index, name in enumerate(("one", "two", "<three>"))]
    return write_report(folder / "report", write_run(folder / "out", clips, data_cards=cards), GreyImages())


def test_everything_is_there_once(page: Path) -> None:
    text = page.read_text()
    for name in SECTIONS:
        assert text.count(f'<section id="{name}">') == 1
    assert text.count("data:image/jpeg") == 5 * 3, "three views of five frames have pictures"
    assert text.count("back_right: no image") == 5
    assert text.count('class="scene"') == 5
    assert "egorear eval dataset data" in text and "egorear_ros" in text
    assert "/data/&lt;mine&gt;" in text and "<mine>" not in text and "<three>" not in text
    assert "MPJPE mm" in text and "3D-PCK %" in text


def test_nothing_is_fetched(page: Path) -> None:
    text = page.read_text()
    for address in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert address.startswith("data:"), address[:80]
    assert "url(" not in text and "@import" not in text and "http://" not in text and "https://" not in text


def test_without_pictures_it_says_so(tmp_path: Path) -> None:
    text = write_report(tmp_path / "report", write_run(tmp_path / "out", [walk("a")])).read_text()
    assert "Without pictures" in text and "data:image/jpeg" not in text
    assert text.count('class="scene"') == 2, "one recording has one worst and one median frame"


def test_ten_minutes_of_recording_stay_small(tmp_path: Path) -> None:
    frames = 18_000
    timing = {"infer": np.full(frames, 12.0), "stamp_ns": np.arange(frames) * 33_000_000}
    path = write_report(tmp_path / "report", write_run(tmp_path / "out", [walk("ride", frames)], timing), GreyImages())
    assert path.stat().st_size < MOST_BYTES


def test_hundreds_of_recordings_stay_small(tmp_path: Path) -> None:
    clips = [walk(f"data/{index}", 5, seed=index) for index in range(300)]
    path = write_report(tmp_path / "report", write_run(tmp_path / "out", clips))
    assert path.stat().st_size < MOST_BYTES
    assert "The 40 recordings with the largest errors, of 300" in path.read_text()


def test_in_a_browser(page: Path, tmp_path: Path) -> None:
    """No error, no request, no sideways scrolling on a phone; choices and turning work, light and dark."""
    with Page(1280, 900) as browser:
        browser.open(page.as_uri())
        browser.wait(lambda: browser.run("document.readyState") == "complete", "loading")
        assert browser.run("document.querySelectorAll('figure.clip:not([hidden])').length") == 1
        browser.run("clip.value = '2'; joint.value = '6'; clip.dispatchEvent(new Event('change'))")
        assert browser.run("document.querySelector('figure.clip:not([hidden])').dataset.clip") == "2"
        line = browser.run("document.querySelector('figure.clip:not([hidden]) .chosen').getAttribute('d')")
        assert line.count("L") == 11
        assert browser.run("location.hash") == "#recording=2&joint=6"
        before = browser.run("document.querySelector('.scene .truth').getAttribute('x1')")
        browser.run("SVGElement.prototype.setPointerCapture = () => {}")  # there is no pointer to capture
        for kind, x in (("pointerdown", 10), ("pointermove", 90), ("pointerup", 90)):
            event = f"new PointerEvent('{kind}', {{clientX: {x}, clientY: 9, pointerId: 1}})"
            browser.run(f"document.querySelector('.scene').dispatchEvent({event})")
        assert browser.run("document.querySelector('.scene .truth').getAttribute('x1')") != before
        light = browser.screenshot(tmp_path / "light.png")
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        browser._call("Emulation.setEmulatedMedia", features=[dark])
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
        assert browser.screenshot(tmp_path / "dark.png") != light
        browser._call("Emulation.setDeviceMetricsOverride", width=480, height=900, deviceScaleFactor=1, mobile=True)
        assert browser.run("document.documentElement.scrollWidth") <= 480
        assert browser.errors == []
        assert [address for address in browser.requests if not address.startswith(("data:", "file:"))] == []
