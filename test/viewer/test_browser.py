"""The window in a real browser: it draws, and asks no other host for anything."""

from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import tiny_dataset
from chromium import Page, find_chromium

from egorear_ros.geometry.rig_file import load_rig

pytestmark = pytest.mark.slow


def test_window_draws_and_asks_nobody_else(tmp_path: Path) -> None:
    for module in ("rerun", "rerun_cli"):
        pytest.importorskip(module, reason="needs rerun-sdk: pip install -r requirements/view.txt")
    find_chromium()
    from egorear_ros.viewer.sequence import SequenceMoments
    from egorear_ros.viewer.server import ViewServer
    from egorear_ros.viewer.show import make_scene, open_recording

    folder = tiny_dataset.write_dataset(tmp_path / "data", frames=3) / "rp_x" / "a"
    moments = SequenceMoments(folder, load_rig("ego4view_syn"), 30.0, 0.0)
    with ViewServer(port=0) as server, Page(1280, 800) as page:
        recording = open_recording(moments.title, data_url=server.data_url)
        scene = make_scene(recording, moments, 64, live=False, truth=True)
        for moment in moments:
            scene.show(moment)
        recording.flush()
        page.open(server.url)
        page.wait(server.watchers.drawn.is_set, "the page begins to draw")
        page.wait(lambda: server.watchers.count == 1, "the window is counted")
        # The images are coloured noise; text, lines and grids are hardly coloured at all.
        page.wait(lambda: coloured_share(page.screenshot(tmp_path / "view.png")) > 0.1, "the images are drawn")
        hosts = {
            urlsplit(url).hostname for url in page.requests if urlsplit(url).scheme in ("http", "https", "ws", "wss")
        }
        assert hosts == {"127.0.0.1"}
        assert f":{server.data_port}/" in " ".join(page.requests)
        recording.disconnect()


def coloured_share(picture: bytes) -> float:
    """Return the share of a PNG's pixels that are clearly not grey."""
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    spread = image.max(axis=-1).astype(int) - image.min(axis=-1)
    return float((spread > 40).mean())
