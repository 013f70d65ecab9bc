"""What a synthetic data set is made from, and whether a folder was made from the same."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from egorear_synth.clips.load import AMC_RATE_HZ
from egorear_synth.dataset.errors import SynthError
from egorear_synth.rendering import EMBREE, RendererChoice, RendererError

FORMAT = "egorear_synth/1"
SETTINGS_FILE = "synth.json"

BEFORE_THERE_WAS_A_CHOICE: dict[str, object] = {"renderer": EMBREE, "device": "cpu", "mixed": 0.0}
"""What older settings files do not say."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the bytes of a sequence, beside the files that are named here.

    Attributes:
        rig: name in `calib/` or path of a rig file.
        motion: folder of motion clips, or one clip; empty: built-in motion alone.
        seed: of everything random.
        frames: per sequence.
        rate_hz: frames per second.
        size: width of the images, px; None: as calibrated. The height keeps the aspect ratio.
        samples: rays per pixel, along each axis.
        random_pose: share of the sequences that show random poses within joint limits.
        procedural: share of the others that have built-in motion although there are clips.
        mixed: share of those with clips whose trunk and arms move as in another clip or in random poses.
        clip_rate_hz: frames per second of AMC clips, which do not say.
        textures: folder of the user's own textures; empty: painted ones alone.
        split: percentages of train, validation and test.
        renderer: who finds the light; see `rendering.RendererChoice`.
        device: where; empty: the renderer's usual one.
    """

    rig: str
    motion: str = ""
    seed: int = 0
    frames: int = 300
    rate_hz: float = 30.0
    size: int | None = None
    samples: int = 2
    random_pose: float = 0.3
    procedural: float = 0.2
    mixed: float = 0.0
    clip_rate_hz: float = AMC_RATE_HZ
    textures: str = ""
    split: tuple[float, float, float] = (80.0, 10.0, 10.0)
    renderer: str = EMBREE
    device: str = ""

    def __post_init__(self) -> None:
        try:
            _ = self.renderer_choice
        except RendererError as error:
            raise SynthError(str(error)) from error
        checks = {
            "--seed": (self.seed, self.seed >= 0, "0 or more"),
            "--frames": (self.frames, self.frames >= 1, "1 or more"),
            "--rate": (self.rate_hz, 0 < self.rate_hz < 1e4, "frames per second above 0"),
            "--size": (
                self.size,
                self.size is None or 16 <= self.size <= 8192,
                "16 to 8192 px, or no such option for the calibrated size",
            ),
            "--samples": (self.samples, 1 <= self.samples <= 8, "1 to 8"),
            "--random-pose": (self.random_pose, 0 <= self.random_pose <= 1, "a share from 0 to 1"),
            "--procedural": (self.procedural, 0 <= self.procedural <= 1, "a share from 0 to 1"),
            "--mixed": (self.mixed, 0 <= self.mixed <= 1, "a share from 0 to 1"),
            "--clip-rate": (self.clip_rate_hz, 0 < self.clip_rate_hz < 1e4, "frames per second above 0"),
            "--split": (
                "/".join(f"{share:g}" for share in self.split),
                min(self.split) >= 0 and abs(sum(self.split) - 100) < 1e-6,
                "three percentages of 0 or more with a sum of 100",
            ),
        }
        for name, (value, good, expected) in checks.items():
            if not good:
                raise SynthError(f"{name} is {value}; expected {expected}.")

    @property
    def renderer_choice(self) -> RendererChoice:
        """Which renderer makes the images, and where."""
        return RendererChoice(self.renderer, self.device)


def fingerprint(settings: Settings, rig_sha256: str, clips: dict[str, Any], textures: dict[str, str]) -> dict[str, Any]:
    """Return what a data set's settings file says.

    Args:
        settings: paths in it are replaced by what is found there, so that machines may differ in them.
        rig_sha256: of the rig file as the data set has it.
        clips: what is known of each clip, by name.
        textures: SHA-256 of each texture, by name.
    """
    content = {key: value for key, value in asdict(settings).items() if key not in ("rig", "motion", "textures")}
    content["device"] = settings.renderer_choice.device
    found = {"rig_sha256": rig_sha256, "clips": clips, "textures": textures}
    return json.loads(json.dumps({"format": FORMAT, **content, **found}))


def check_same(found: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Check that a folder may be continued.

    Raises:
        SynthError: it was made with other settings; names the first differences.
    """
    found = {**BEFORE_THERE_WAS_A_CHOICE, **found}
    differences = [
        f"{key}: there {_brief(found.get(key))}, now {_brief(wanted.get(key))}"
        for key in dict.fromkeys((*wanted, *found))
        if key not in ("clips", "textures") and found.get(key) != wanted.get(key)
    ]
    for what in ("clips", "textures"):
        old, new = found.get(what, {}), wanted[what]
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                how = "is new" if name not in old else "is no longer there" if name not in new else "has changed"
                differences.append(f"{what.removesuffix('s')} {name} {how}")
    if differences:
        more = f" and {len(differences) - 4} more" if len(differences) > 4 else ""
        raise SynthError(
            f"{folder} was made with other settings: {'; '.join(differences[:4])}{more}. "
            "Continue it with its own settings, or choose another --out."
        )


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what a data set's settings file says.

    Raises:
        SynthError: it is missing or damaged.
    """
    path = folder / SETTINGS_FILE
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SynthError(f"{path} cannot be read ({error}); is {folder} a data set of `egorear synth`?") from error
    if not isinstance(content, dict):
        raise SynthError(f"{path} is damaged: expected settings by name.")
    return content


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
