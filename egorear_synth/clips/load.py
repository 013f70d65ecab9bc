"""Read a motion clip of any format."""

from pathlib import Path

from egorear_synth.clips.amc import read_amc
from egorear_synth.clips.bvh import read_bvh
from egorear_synth.clips.clip import Clip, ClipError

AMC_RATE_HZ = 120.0
"""Frame rate of the CMU database's AMC files; the format does not say it."""


def load_clip(path: str, amc_rate_hz: float = AMC_RATE_HZ) -> Clip:
    """Read a motion clip.

    Args:
        path: an .amc file with its .asf beside it, or a .bvh file.
        amc_rate_hz: frames per second of an .amc file.

    Raises:
        ClipError: missing, damaged, or another kind of file.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ClipError(f"there is no motion clip {file}. Give the path of an .amc or .bvh file.")
    if file.suffix.lower() == ".amc":
        return read_amc(file, amc_rate_hz)
    if file.suffix.lower() == ".bvh":
        return read_bvh(file)
    hint = " It is a skeleton: give one of its .amc files." if file.suffix.lower() == ".asf" else ""
    raise ClipError(f"{file} is no motion clip; expected .amc or .bvh.{hint}")
