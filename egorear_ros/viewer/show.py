"""From moments to a window or a file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from egorear_ros.estimators.base import EstimateError
from egorear_ros.viewer.frame import Moment, Moments
from egorear_ros.viewer.heatmaps import HeatmapEstimator
from egorear_ros.viewer.layout import make_layout
from egorear_ros.viewer.library import ViewError, load_rerun
from egorear_ros.viewer.scene import Scene

APPLICATION = "egorear"
PACK_S, LIVE_PACK_S = 0.5, 0.1
"""Moments of this long travel as one packet: a browser takes few large ones faster than many small ones."""


def open_recording(title: str, *, data_url: str = "", file: Path | None = None, live: bool = False) -> Any:
    """Return a Rerun recording that goes to a server, or into a file.

    Args:
        title: shown above the window.
        data_url: of a `ViewServer`.
        file: to write instead.
        live: whether what is shown shall appear at once.

    Raises:
        ViewError: Rerun is missing, or the file cannot be written.
    """
    rr = load_rerun()
    packing = rr.ChunkBatcherConfig(flush_tick=LIVE_PACK_S if live else PACK_S)
    recording = rr.RecordingStream(APPLICATION, batcher_config=packing)
    recording.send_recording_name(title)
    if file is None:
        recording.connect_grpc(data_url)
        return recording
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("wb").close()  # Rerun itself would only log that it cannot
    except OSError as error:
        raise ViewError(f"{file} cannot be written: {error.strerror}.") from None
    recording.save(file)
    return recording


def make_scene(recording: Any, moments: Moments, width: int, *, live: bool, truth: bool) -> Scene:
    """Send the layout and what does not change; return what shows moments."""
    recording.send_blueprint(make_layout(moments.rig, live, truth))
    return Scene(recording, moments.rig, width, moments.clock)


def estimated(moments: Moments, method: HeatmapEstimator) -> Iterator[Moment]:
    """Yield moments with estimates and heatmaps of a method instead of those that were recorded."""
    for moment in moments:
        try:
            pose, heatmaps, elapsed_ms = method.estimate(moment.frames)
        except EstimateError as error:
            moments.remarks.append(str(error))
            yield replace(moment, estimate=None)
            continue
        times = {name: value for name, value in moment.latency_ms.items() if name == "skew"} | {"estimate": elapsed_ms}
        yield replace(moment, estimate=pose, heatmaps=heatmaps, latency_ms=times)
