"""`egorear view live`: from the listening node to the window."""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from egorear_ros.estimators.base import EstimateError
from egorear_ros.latest import LatestWorker
from egorear_ros.nodes.live_view import LiveView
from egorear_ros.viewer.heatmaps import HeatmapEstimator
from egorear_ros.viewer.layout import make_layout
from egorear_ros.viewer.library import ViewError
from egorear_ros.viewer.scene import Scene
from egorear_ros.viewer.show import open_recording

if TYPE_CHECKING:
    from egorear_ros.viewer.frame import Moment
    from egorear_ros.viewer.server import ViewServer

POLL_S = 0.2


def run_live(args: argparse.Namespace, server: "ViewServer | None", stop: Event, say: Callable[[str], None]) -> int:
    """Show a running graph until Ctrl-C; return the exit status.

    Args:
        args: of the command.
        server: of the window; None: everything goes into `args.save`.
        stop: set by a signal.
        say: prints one line.

    Raises:
        ViewError: no graph is there, or Rerun's server ended.
        CalibrationError: the rig file is wrong.
    """
    with LiveView(args.namespace, args.rate) as view:
        view.wait_for_poses(args.wait, stop)
        if stop.is_set():
            return 0
        rig = view.find_rig(args.calib)
        title = view.namespace or "live"
        recording = open_recording(title, data_url=server.data_url if server else "", file=args.save, live=True)
        recording.send_blueprint(make_layout(rig, live=True, truth=view.has_truth()))
        scene = Scene(recording, rig, args.width, clock=True)
        drawing = _Drawing(scene, HeatmapEstimator(args.checkpoint, rig) if args.checkpoint else None)
        worker: LatestWorker[Moment, Moment] = LatestWorker(
            drawing.complete, drawing.show, drawing.on_failure, name="view_draw"
        )
        put = worker.put
        worker.start()
        try:
            _watch(args, server, stop, view, lambda looking: view.listen(rig, put if looking else None), say)
        finally:
            view.listen(rig, None)
            worker.stop()
            recording.flush()
            recording.disconnect()
    for remark in [*view.remarks, *drawing.remarks][:5]:
        say(remark)
    if args.save is not None:
        say(f"Written: {args.save}: {drawing.count} moments. Look at it with: egorear view saved {args.save}")
    return 0


class _Drawing:
    """What happens to a moment, in the drawing thread."""

    def __init__(self, scene: Scene, method: HeatmapEstimator | None) -> None:
        self._scene = scene
        self._method = method
        self.count = 0
        self.remarks: dict[str, None] = {}

    def complete(self, moment: "Moment") -> "Moment":
        """Add the heatmaps; the pose stays that of the graph."""
        if self._method is None:
            return moment
        try:
            _, heatmaps, _ = self._method.estimate(moment.frames)
        except EstimateError as error:
            self.remarks[f"no heatmaps: {error}"] = None
            return moment
        return replace(moment, heatmaps=heatmaps)

    def show(self, _moment: "Moment", completed: "Moment") -> None:
        """Send it to the window."""
        self._scene.show(completed)
        self.count += 1

    def on_failure(self, _moment: "Moment", error: Exception) -> None:
        """Keep what went wrong, once."""
        self.remarks[f"a moment could not be shown: {error!r}"] = None


def _watch(
    args: argparse.Namespace,
    server: "ViewServer | None",
    stop: Event,
    view: LiveView,
    listen: Callable[[bool], None],
    say: Callable[[str], None],
) -> None:
    """Listen while somebody looks, until Ctrl-C."""
    start_s = time.monotonic()
    end_s = start_s + args.duration if args.duration > 0 else float("inf")
    last_poses, last_s, silent = 0, start_s, False
    while not stop.wait(POLL_S) and time.monotonic() < end_s:
        if server is not None and not server.alive():
            raise ViewError("Rerun's server program ended by itself. Start the viewer again.")
        if view.failure is not None:
            raise ViewError(f"Listening to the graph failed: {view.failure!r}")
        looking = server is None or server.watchers.count > 0
        listen(looking)
        if not looking or view.poses != last_poses:
            last_poses, last_s, silent = view.poses, time.monotonic(), False
        elif not silent and time.monotonic() - last_s > args.wait:
            say(f"No pose for {args.wait:g} s. `egorear status` says what the graph does.")
            silent = True
