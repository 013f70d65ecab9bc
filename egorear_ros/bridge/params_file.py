"""Files that `egorear run` and the launch files give to ROS: parameters, and the Fast DDS profile."""

import logging
import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path

from egorear_ros.config import ConfigError
from egorear_ros.paths import share_dir

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""What Fast DDS reads its profile from: until version 2 (Humble, Jazzy) and from version 3 on."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- where POSIX has it, not a place for temporary files
SHARED_MEMORY_BYTES = 1_000_000_000
"""Room for the segments of all processes of a graph; Fast DDS takes 70 MB for each when it starts."""

_log = logging.getLogger(__name__)


def find_params_file(name_or_path: str) -> Path:
    """Return the path of a parameter file given as a name in config/ or as a path.

    Raises:
        ConfigError: there is no such file.
    """
    is_name = os.sep not in name_or_path and not name_or_path.endswith((".yaml", ".yml"))
    path = share_dir() / "config" / f"{name_or_path}.yaml" if is_name else Path(name_or_path).expanduser()
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in (share_dir() / "config").glob("*.yaml")))
        raise ConfigError(
            f"there is no parameter file {path.absolute()}. "
            f"Give the path of a .yaml file or one of the names in config/: {names}."
        )
    return path


def use_shared_memory_profile(environment: MutableMapping[str, str]) -> None:
    """Give Fast DDS the shared-memory profile of this package, unless the user has chosen one.

    With the default segment of 512 KB, large images from other processes get lost. Must happen
    before the first node of the process is made. Where shared memory is too small, as in a container
    by default, Fast DDS could not use the profile; the default stays and the log says so.
    """
    if any(variable in environment for variable in PROFILE_VARIABLES):
        return
    if SHARED_MEMORY.is_dir() and (free := shutil.disk_usage(SHARED_MEMORY).free) < SHARED_MEMORY_BYTES:
        _log.warning(
            "%s has %d MB free, too little for large images between processes (%d MB): some may get lost. "
            "In a container, start it with --shm-size=1g or --ipc=host.",
            SHARED_MEMORY,
            free // 10**6,
            SHARED_MEMORY_BYTES // 10**6,
        )
        return
    profile = str(share_dir() / "config" / "fastdds_profile.xml")
    environment.update(dict.fromkeys(PROFILE_VARIABLES, profile))
