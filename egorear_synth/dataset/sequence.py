"""Generate one sequence: cast it, photograph every frame, write what is true."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from egorear_ros import __version__
from egorear_ros.structures import Camera, Rig
from egorear_synth.body import asset_path
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.photograph import Frame, encode_jpeg, photographs
from egorear_synth.camera.sensor import make_sensor
from egorear_synth.dataset.annotation import annotate, frame_truth
from egorear_synth.dataset.cast import make_cast, stream
from egorear_synth.dataset.clip_list import file_sha256
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.settings import FORMAT, Settings
from egorear_synth.dataset.summary import Summary
from egorear_synth.dataset.writer import SequenceWriter


def generate_sequence(
    settings: Settings, rig: Rig, plan: SequencePlan, root: Path, tell: Callable[[], None] = lambda: None
) -> None:
    """Write one sequence into a data set.

    Args:
        settings: of the data set.
        rig: the cameras.
        plan: the sequence.
        root: the data set.
        tell: called after every frame.

    Raises:
        SynthError: the disk is full or not writable.
        ClipError: the clip cannot be used any more.
        MountError: the rig cannot be worn.
        RendererError: the renderer is not installed, or this machine has no such device.
    """
    cast = make_cast(settings, rig, plan)
    sensor = expose(make_sensor(stream(settings, plan, "sensor")), cast.wearer, cast.begin_s)
    sizes = {camera.view: image_size(camera, settings.size) for camera in rig.cameras}
    summary = Summary(rig.views)
    writer = SequenceWriter(root, plan.folder(root), rig.views)
    try:
        for frame in range(settings.frames):
            time_s = frame / settings.rate_hz
            motion_s = cast.begin_s + time_s
            truth = frame_truth(cast.wearer, motion_s, time_s)
            frames = [
                Frame(view, *sizes[view], stream(settings, plan, "frame", frame, number))
                for number, view in enumerate(rig.views)
            ]
            photos = photographs(cast.wearer, frames, motion_s, sensor, settings.samples)
            images = {view: encode_jpeg(photo, sensor) for view, photo in zip(rig.views, photos, strict=True)}
            writer.add_frame(frame_stem(frame), images, annotate(truth, rig.views))
            summary.add(truth)
            tell()
        writer.finish(
            {
                "format": FORMAT,
                "index": plan.index,
                "split": plan.split,
                "character": plan.character,
                "sequence": plan.name,
                "seed": settings.seed,
                "frames": settings.frames,
                "rate_hz": settings.rate_hz,
                "image_sizes": sizes,
                **cast.facts,
                "camera": sensor.facts,
                "T_rest_device": cast.wearer.mount.T_rest_device.tolist(),
                "T_device_camera": {camera.view: camera.T_device_camera.tolist() for camera in rig.cameras},
                "summary": summary.content(settings.rate_hz),
                "made_with": software() | settings.renderer_choice.check(),
            }
        )
    except BaseException:
        writer.abandon()
        raise


def image_size(camera: Camera, width: int | None) -> tuple[int, int]:
    """Return width and height of a view's images, px, for a wanted width; None: as calibrated."""
    lens = camera.lens
    return (width, max(1, round(width * lens.height / lens.width))) if width else (lens.width, lens.height)


def frame_stem(frame: int) -> str:
    """Return the name of a frame's files."""
    return f"{frame:06d}"


@lru_cache(maxsize=1)
def software() -> dict[str, Any]:
    """Return what made a sequence: versions, and digests of our code and of the body mesh."""
    code = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        code.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return {
        "egorear_ros": __version__,
        "code": code.hexdigest()[:16],
        "body": file_sha256(asset_path())[:16],
        **{name: version(name) for name in ("numpy", "embreex", "opencv-python-headless")},
    }
