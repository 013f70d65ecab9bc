"""Where the data files of this package are: a checkout, a pip install or a colcon install."""

from pathlib import Path


def share_dir() -> Path:
    """Return the folder that holds `calib/`, `config/`, `launch/`, `msg/`, `rviz/` and `assets/`.

    Walks up from this file: in a checkout that is the repository, in an install
    `<prefix>/share/egorear_ros`. Symbolic links are resolved last, so that a symlinked
    install inside a checkout works as well.

    Raises:
        FileNotFoundError: the package was installed without its data files.
    """
    for start in (Path(__file__), Path(__file__).resolve()):
        for parent in start.parents:
            for candidate in (parent / "share" / "egorear_ros", parent):
                if (candidate / "calib" / "ego4view_syn.yaml").is_file():
                    return candidate
    raise FileNotFoundError(
        f"no data files (calib/ego4view_syn.yaml) above {Path(__file__)}. Install the package again with pip or colcon."
    )
