"""Where things are in the window: images on the left, the skeleton and the curves on the right, time below."""

from typing import Any

from egorear_ros.structures import Rig
from egorear_ros.viewer.library import load_rerun
from egorear_ros.viewer.scene import ERRORS, LATENCY, SPACE, TIMELINE

EYE_RIG_M = (1.15, 1.2, -0.4)
LOOK_RIG_M = (-0.1, 0.0, -0.8)
"""From ahead and to the left of the wearer, at the middle of the body below the helmet."""

RECENT_S = 20.0
"""What the curves of a running graph show."""


def make_layout(rig: Rig, live: bool, truth: bool) -> Any:
    """Return a Rerun blueprint.

    Args:
        rig: the cameras.
        live: whether the newest moment is followed.
        truth: whether errors can be known.
    """
    load_rerun()
    import rerun.blueprint as rrb

    images = rrb.Grid(*(rrb.Spatial2DView(origin=view, name=view) for view in rig.views), grid_columns=2)
    eye = rrb.EyeControls3D(position=EYE_RIG_M, look_target=LOOK_RIG_M, eye_up=(0.0, 0.0, 1.0))
    space = rrb.Spatial3DView(origin=SPACE, name="skeleton and cameras", eye_controls=eye)
    recent = None
    if live:
        begin = rrb.TimeRangeBoundary.cursor_relative(seconds=-RECENT_S)
        recent = rrb.VisibleTimeRange(TIMELINE, start=begin, end=rrb.TimeRangeBoundary.cursor_relative())
    axis = rrb.TimeAxis(view_range=_window(rrb)) if live else None
    curves = [rrb.TimeSeriesView(origin=LATENCY, name="latency, ms", time_ranges=recent, axis_x=axis)]
    if truth:
        curves.insert(0, rrb.TimeSeriesView(origin=ERRORS, name="error, mm", time_ranges=recent, axis_x=axis))
    right = rrb.Vertical(space, rrb.Horizontal(*curves), row_shares=[2, 1])
    time = rrb.TimePanel(state="collapsed", timeline=TIMELINE, play_state="following" if live else "playing")
    panels = (rrb.BlueprintPanel(state="collapsed"), rrb.SelectionPanel(state="collapsed"), time)
    return rrb.Blueprint(
        rrb.Horizontal(images, right, column_shares=[1, 1]), *panels, auto_layout=False, auto_views=False
    )


def _window(rrb: Any) -> Any:
    boundary = rrb.TimeRangeBoundary
    return rrb.TimeRange(boundary.cursor_relative(seconds=-RECENT_S), boundary.cursor_relative())
