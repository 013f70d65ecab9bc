"""`egorear calib`: convert, show and check the calibration of a rig. Needs no ROS."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from egorear_ros.structures import Camera, Rig

# Repeated from `geometry.calibration_import`, so that --help need not import the geometry.
_FORMATS = ("auto", "ego4view", "kalibr", "opencv")


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("calib", help="convert, show and check the calibration of a rig")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_import(actions)
    show = actions.add_parser("show", help="print the lenses and places of a rig's cameras")
    show.add_argument("rig", help="a name in calib/, or the path of a rig file")
    virtual = actions.add_parser(
        "virtual",
        help="write the virtual cameras of a rig, to render training data for them",
        description="Write a rig of the virtual cameras that networks with model.virtual_cameras look through: at the "
        "places of the real ones, turned towards the wearer, with more pixels in the middle.",
        epilog="example: egorear calib virtual my_rig.yaml --out my_rig_virtual.yaml; egorear synth --rig "
        "my_rig_virtual.yaml --size 128 --out data; egorear data pack data --calib my_rig_virtual.yaml --out pack",
    )
    virtual.add_argument("rig", help="a name in calib/, or the path of a rig file")
    virtual.add_argument("--out", type=Path, required=True, metavar="RIG.yaml", help="the rig file to write")
    virtual.add_argument("--force", action="store_true", help="replace --out if it exists")
    check = actions.add_parser("check", help="check a rig file, and images against it")
    check.add_argument("rig", help="a name in calib/, or the path of a rig file")
    check.add_argument(
        "--image", action="append", default=[], metavar="VIEW=PATH", help="an image of this view; its size is compared"
    )


def _add_import(actions: Any) -> None:
    parser = actions.add_parser(
        "import",
        help="make a rig file from Ego4View, Kalibr or OpenCV fisheye calibrations",
        epilog="examples: egorear calib import camera_*.json --extrinsics ego4view_syn --out rig.yaml; "
        "egorear calib import S1/seq_1_metadata.json --out seq_1.yaml; "
        "egorear calib import camchain.yaml --views front_left,front_right --out rig.yaml; "
        "egorear calib import front_left.yaml front_right.yaml --extrinsics places.yaml --out rig.yaml",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="calibration files, or Ego4View's folder")
    parser.add_argument("--format", choices=_FORMATS, default="auto", help="what wrote the files (default: auto)")
    parser.add_argument("--out", type=Path, required=True, metavar="RIG.yaml", help="the rig file to write")
    parser.add_argument("--name", default="", help="name of the rig (default: that of --out)")
    parser.add_argument("--views", default="", metavar="A,B,...", help="names of the views, in the files' order")
    parser.add_argument(
        "--extrinsics", default="", metavar="RIG|FILE", help="where the cameras are: a rig, or T_device_camera by view"
    )
    parser.add_argument(
        "--max-theta-deg", type=float, metavar="DEG", help="edge of the field of view, from the optical axis"
    )
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="size of the images, for OpenCV files that do not say"
    )
    parser.add_argument("--force", action="store_true", help="replace --out if it exists")


def run(args: argparse.Namespace) -> int:
    """Run the chosen action and return the exit status; 1 if an image does not fit the rig.

    Raises:
        CalibrationError: a file is missing or wrong.
    """
    return {"import": _import, "show": _show, "virtual": _virtual, "check": _check}[args.action](args)


def _import(args: argparse.Namespace) -> int:
    from egorear_ros.geometry.calibration_import import ImportOptions, import_rig
    from egorear_ros.geometry.rig_file import load_rig, save_rig

    options = ImportOptions(
        format=args.format,
        name=args.name or args.out.stem,
        views=tuple(view.strip() for view in args.views.split(",") if view.strip()),
        extrinsics=args.extrinsics,
        max_theta_deg=args.max_theta_deg,
        size=args.size,
    )
    rig, remarks = import_rig(args.files, options)
    sources = ", ".join(path.name for path in args.files)
    save_rig(rig, args.out, note=" ".join([f"Imported from {sources}.", *remarks]), overwrite=args.force)
    console = _console()
    for remark in remarks:
        console.print(remark)
    _print_rig(load_rig(str(args.out)), console)
    console.print(f"Written: {args.out}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from egorear_ros.geometry.rig_file import load_rig

    _print_rig(load_rig(args.rig), _console())
    return 0


def _virtual(args: argparse.Namespace) -> int:
    from egorear_ros.geometry.rig_file import CalibrationError, load_rig, save_rig
    from egorear_ros.geometry.virtual_camera import virtual_rig

    real = load_rig(args.rig)
    try:
        rig = virtual_rig(real)
    except ValueError as error:
        raise CalibrationError(str(error)) from error
    save_rig(rig, args.out, note=f"Virtual cameras of {real.name}; no camera takes such images.", overwrite=args.force)
    console = _console()
    _print_rig(load_rig(str(args.out)), console)
    console.print(f"Written: {args.out}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from egorear_ros.geometry.equidistant_fit import fit_equidistant
    from egorear_ros.geometry.rig_file import load_rig

    console = _console()
    rig = load_rig(args.rig)
    console.print(f"{rig.source}: {len(rig.views)} views, every field valid")
    for camera in rig.cameras:
        error_px = fit_equidistant(camera.lens)[1]
        if error_px > 0.0:
            console.print(
                f"{camera.view}: CameraInfo carries the nearest equidistant lens, at most {error_px:.3f} px off"
            )
    problems = 0
    for text in args.image:
        good, message = _compare(rig, text)
        console.print(message, style="" if good else "red")
        problems += not good
    return 1 if problems else 0


def _console() -> Any:
    from rich.console import Console

    # Long lines are left to the terminal, so that paths can be copied.
    return Console(soft_wrap=True, highlight=False, markup=False)


def _compare(rig: "Rig", text: str) -> tuple[bool, str]:
    """Compare an image with its view's calibration: (it fits, what to say)."""
    from PIL import Image

    from egorear_ros.geometry.rig_file import CalibrationError

    view, separator, path = text.partition("=")
    if not separator:
        raise CalibrationError(f"--image {text}: expected VIEW=PATH, for example {rig.views[0]}={text}.")
    if view not in rig.views:
        raise CalibrationError(f"--image {text}: rig {rig.name} has no view {view}; its views: {', '.join(rig.views)}.")
    try:
        with Image.open(path) as image:
            width, height = image.size
    except OSError as error:
        raise CalibrationError(f"--image {text}: cannot be read as an image: {error}.") from error
    lens = rig[view].lens
    found, expected = f"{width}x{height}", f"{lens.width}x{lens.height}"
    if found == expected:
        return True, f"{view}: {path} is {found} px, as calibrated"
    if abs(height - width * lens.height / lens.width) <= 0.5:
        return True, f"{view}: {path} is {found} px, the calibrated {expected} px scaled; the lens is scaled with it"
    return False, (
        f"{view}: {path} is {found} px; expected {expected} px or a scaled version of it. Set the camera to the size "
        "and crop it was calibrated with, or calibrate again."
    )


def _print_rig(rig: "Rig", console: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=f"{rig.name} ({rig.source})",
        caption="place in rig_link, m: x forward, y left, z up",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("view", "lens", "image px", "centre px", "sees", "place", "looks"):
        table.add_column(heading, no_wrap=heading not in ("place", "looks"))
    for camera in rig.cameras:
        table.add_row(*_cells(camera))
    console.print(table, soft_wrap=False)


def _cells(camera: "Camera") -> tuple[str, ...]:
    from egorear_ros.geometry.transforms import T_RIG_DEVICE

    lens = camera.lens
    T_rig_camera = T_RIG_DEVICE @ camera.T_device_camera
    x, y, z = T_rig_camera[:3, 3] + 0.0  # no -0.000
    return (
        camera.view,
        lens.model,
        f"{lens.width}x{lens.height}",
        f"{lens.center_px[0]:.0f}, {lens.center_px[1]:.0f}",
        f"{2 * math.degrees(lens.max_theta):.1f}°",
        f"{x:.3f}, {y:.3f}, {z:.3f}",
        _direction(T_rig_camera[:3, 2]),
    )


def _direction(axis_rig: Any) -> str:
    """Say where an optical axis points, for example "down, 12° forward"."""
    names = (("forward", "back"), ("left", "right"), ("up", "down"))
    order = np.argsort(-np.abs(axis_rig))
    main, second = int(order[0]), int(order[1])
    word = names[main][int(axis_rig[main] < 0)]
    angle = math.degrees(math.acos(min(1.0, abs(float(axis_rig[main])))))
    return word if angle < 0.5 else f"{word}, {angle:.0f}° {names[second][int(axis_rig[second] < 0)]}"


def _size(text: str) -> tuple[int, int]:
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}; expected WIDTHxHEIGHT, for example 1280x1024")
    return int(width), int(height)
